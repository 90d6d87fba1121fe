"""/v1/images/generations and /v1/images/edits: pictures, streamed with real refinement steps.

A partial picture is the decoded state after a step, not a blurred copy of the answer. Several
pictures have the seeds that follow one another. Owns: the forms and answers. Does not own: pictures
(the engine), the reading of a mask (`engine.cli.mask_file`).
"""

import asyncio
import time
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any, ClassVar, Literal

from fastapi import APIRouter, Request, Response
from pydantic import Field

from engine.api.conversation import Conversation
from engine.api.events import Answer, Completed, Event, Refined
from engine.api.request import Inpainting, Modality
from engine.api.request import Request as Generation
from engine.cli.mask_file import read_mask
from engine.media.images import jpeg_bytes, png_bytes, read_picture, still_webp_bytes
from engine.media.marking.marker import Marker
from serving.answers.answer_files import TYPES, file_of, to_address, to_base64
from serving.answers.event_stream import event_stream, sent
from serving.answers.partial_images import PartialImages
from serving.errors import ApiError, missing
from serving.forms.fields import Neutral, SamplingFields, filled
from serving.generation import completed, ready_worker, stream_of, worker_of
from serving.worker import Worker

ROUTER = APIRouter(tags=["images"])
MOST_PICTURES = 8


class ImageForm(SamplingFields):
    """The fields of both endpoints. seed and the other settings are extensions."""

    prompt: str
    n: int = Field(1, ge=1, le=MOST_PICTURES)
    size: str = "auto"
    response_format: Literal["b64_json", "url"] = "b64_json"
    output_format: Literal["png", "jpeg", "webp"] = "png"
    stream: bool = False
    partial_images: int = Field(0, ge=0, le=1024)
    neutral: ClassVar[Neutral] = {
        "user": (),
        "quality": ("auto", "standard"),
        "background": ("auto", "opaque"),
        "moderation": ("auto",),
        "style": (),
    }

    def checked(self, worker: Worker) -> "ImageForm":
        """Return the form. Raises: ApiError where the checkpoint has no pictures of that size, or
        the fields do not go together."""
        side = worker.info.get("image_px")
        if self.size != "auto" and side and self.size != f"{side}x{side}":
            message = f"This checkpoint makes pictures of {side}x{side}, not {self.size[:20]}."
            raise ApiError(400, message, param="size", code="invalid_value")
        if self.stream and self.n > 1:
            raise ApiError(400, "One picture at a time is streamed: leave n out.", param="n")
        if self.partial_images and not self.stream:
            message = "Partial pictures come in a stream: set stream to true."
            raise ApiError(400, message, param="partial_images")
        return self


class EditForm(ImageForm):
    """The fields beside the files. strength: how far back to noise a masked area goes, see
    `engine.api.request.Inpainting`."""

    strength: float = 1.0
    neutral: ClassVar[Neutral] = {**ImageForm.neutral, "input_fidelity": ()}


@ROUTER.post("/v1/images/generations", response_model=None)
async def create_images(http: Request, form: ImageForm) -> Response | dict[str, Any]:
    """Make pictures of a description."""
    form.checked(ready_worker(http, form.model))
    request = Generation(Conversation.ask(form.prompt), Modality.IMAGE, form.sampling())
    return await _answered(http, form, request, "image_generation")


@ROUTER.post("/v1/images/edits", response_model=None)
async def edit_image(http: Request) -> Response | dict[str, Any]:
    """Change a picture: a multipart form of `EditForm` with the file `image` and, where only a part
    may change, `mask`. The prompt then describes the whole picture, and is an instruction
    otherwise."""
    async with http.form() as sent_form:
        values, files = await filled(sent_form, ("image", "mask"))
    form = EditForm.model_validate(values)
    form.checked(ready_worker(http, form.model))
    if "image" not in files:
        raise missing("image")
    request = await asyncio.to_thread(_edit, form, files)
    return await _answered(http, form, request, "image_edit")


def _edit(form: EditForm, files: dict[str, bytes]) -> Generation:
    picture = read_picture(files["image"])
    if "mask" not in files:
        if form.strength != 1.0:
            raise ValueError("strength goes with a mask: send one, or leave strength out")
        asked = Conversation.ask(form.prompt, image=picture)
        return Generation(asked, Modality.IMAGE, form.sampling())
    mask = read_mask(files["mask"], picture.shape, erased=True)
    return Generation(
        Conversation.ask(form.prompt),
        Modality.IMAGE,
        form.sampling(),
        inpainting=Inpainting(picture, mask, form.strength),
    )


async def _answered(
    http: Request, form: ImageForm, request: Generation, kind: str
) -> Response | dict[str, Any]:
    if form.stream:
        return await event_stream(_events(http, form, request, kind))
    seeds = range(request.sampling.seed, request.sampling.seed + form.n)
    each = [replace(request, sampling=replace(request.sampling, seed=seed)) for seed in seeds]
    made = [await completed(http, one) for one in each]
    marker = worker_of(http).marker
    data = [await asyncio.to_thread(_entry, form, done, marker) for done in made]
    return {
        "created": int(time.time()),
        "data": data,
        "output_format": form.output_format,
        "size": _size(made[0].answers[-1]),
    }


async def _events(
    http: Request, form: ImageForm, request: Generation, kind: str
) -> AsyncIterator[str]:
    partial = PartialImages(form.partial_images)
    number = 0

    def keeps(event: Event) -> bool:
        return partial.keeps(event) or isinstance(event, Completed)

    async for event in stream_of(http, request, keeps, partial.rate):
        about = {"created_at": int(time.time()), "output_format": form.output_format}
        if isinstance(event, Refined):
            content = await asyncio.to_thread(_preview, form, event)
            yield sent(
                {
                    "type": f"{kind}.partial_image",
                    "b64_json": to_base64(content),
                    "partial_image_index": number,
                    "step": event.index + 1,
                    "num_steps": event.num_steps,
                    **about,
                }
            )
            number += 1
            continue
        content = await asyncio.to_thread(_file, form, event, worker_of(http).marker)
        yield sent(
            {
                "type": f"{kind}.completed",
                "b64_json": to_base64(content),
                "seed": event.request.sampling.seed,
                "size": _size(event.answers[-1]),
                **about,
            }
        )


def _file(form: ImageForm, done: Completed, marker: Marker) -> bytes:
    return file_of(done.answers[-1], form.output_format, done, marker)


def _preview(form: ImageForm, event: Refined) -> bytes:
    assert event.image_t is not None
    if form.output_format == "png":
        return png_bytes(event.image_t)
    write = {"jpeg": jpeg_bytes, "webp": still_webp_bytes}[form.output_format]
    return write(event.image_t, "")


def _entry(form: ImageForm, done: Completed, marker: Marker) -> dict[str, Any]:
    content, seed = _file(form, done, marker), done.request.sampling.seed
    if form.response_format == "url":
        return {"url": to_address(content, TYPES[form.output_format]), "seed": seed}
    return {"b64_json": to_base64(content), "seed": seed}


def _size(answer: Answer) -> str:
    assert answer.image is not None
    height, width = answer.image.shape[:2]
    return f"{width}x{height}"
