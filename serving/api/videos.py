"""/v1/videos: films as jobs, which are asked about until they are there.

Owns: the forms and answers. Does not own: the jobs (`serving.answers.video_jobs`), films (the
engine).
"""

import asyncio
from typing import Any, ClassVar, Literal

import numpy as np
from fastapi import APIRouter, Request, Response

from engine.api.conversation import Conversation
from engine.api.events import Completed, Event, Refined
from engine.api.request import Modality
from engine.api.request import Request as Generation
from engine.media.images import jpeg_bytes, still_webp_bytes
from engine.media.marking.marker import Marker
from engine.media.video import FRAMES_A_SECOND
from serving.answers.answer_files import file_of, settings_of
from serving.answers.video_jobs import KEPT_S, VideoJob, VideoJobs
from serving.errors import ApiError
from serving.forms.fields import Neutral, SamplingFields, filled
from serving.generation import ready_worker, stream_of, worker_of
from serving.worker import Worker

ROUTER = APIRouter(tags=["videos"])
POLL_MS = "500"
Variant = Literal["video", "thumbnail", "spritesheet"]
Asset = tuple[bytes, str]


class VideoForm(SamplingFields):
    """The body of a request, JSON or a multipart form. seed and the other settings are
    extensions."""

    prompt: str
    seconds: str | int | None = None
    size: str = "auto"
    neutral: ClassVar[Neutral] = {"user": (), "input_reference": (None,)}

    def checked(self, worker: Worker) -> "VideoForm":
        """Return the form. Raises: ApiError where the checkpoint makes no such films."""
        if str(Modality.VIDEO) not in worker.info.get("modalities", ()):
            raise ValueError("this checkpoint makes no films: ask /v1/models what it answers with")
        size, seconds = _size(worker), _seconds(worker)
        if size and self.size not in ("auto", size):
            message = f"This checkpoint makes films of {size}, not {self.size[:20]}."
            raise ApiError(400, message, param="size", code="invalid_value")
        if self.seconds is not None and str(self.seconds) != seconds:
            message = f"This checkpoint makes films of {seconds} seconds: leave seconds out."
            raise ApiError(400, message, param="seconds", code="invalid_value")
        return self


@ROUTER.post("/v1/videos")
async def create_video(http: Request) -> dict[str, Any]:
    """Begin a film."""
    form = await _form(http)
    worker = ready_worker(http, form.model)
    request = Generation(
        Conversation.ask(form.checked(worker).prompt), Modality.VIDEO, form.sampling()
    )
    job = VideoJob(http.state.owner, form.prompt, stream_of(http, request, _keeps))
    _jobs(http).add(job)

    async def follow() -> None:
        with worker.answering():  # a worker that drains finishes it
            await job.follow()

    job.task = asyncio.create_task(follow())
    return _described(job, worker)


@ROUTER.get("/v1/videos")
async def list_videos(
    http: Request, after: str | None = None, limit: int = 20, order: Literal["asc", "desc"] = "desc"
) -> dict[str, Any]:
    """Return the films of whoever asks."""
    found = _jobs(http).of(http.state.owner)
    found = found if order == "asc" else found[::-1]
    if after is not None:
        found = found[[job.id for job in found].index(_found(http, after).id) + 1 :]
    page = found[: max(1, limit)]
    return {
        "object": "list",
        "data": [_described(job, worker_of(http)) for job in page],
        "has_more": len(page) < len(found),
        "first_id": page[0].id if page else None,
        "last_id": page[-1].id if page else None,
    }


@ROUTER.get("/v1/videos/{video_id}")
async def retrieve_video(http: Request, answer: Response, video_id: str) -> dict[str, Any]:
    """Return how far a film is."""
    answer.headers["openai-poll-after-ms"] = POLL_MS
    return _described(_found(http, video_id), worker_of(http))


@ROUTER.delete("/v1/videos/{video_id}")
async def delete_video(http: Request, video_id: str) -> dict[str, Any]:
    """Forget a film, which ends it where it is under way."""
    _jobs(http).delete(_found(http, video_id))
    return {"id": video_id, "object": "video.deleted", "deleted": True}


@ROUTER.get("/v1/videos/{video_id}/content", response_class=Response)
async def video_content(http: Request, video_id: str, variant: Variant = "video") -> Response:
    """Return a finished film, its middle frame, or its frames below one another."""
    job = _found(http, video_id)
    if job.error is not None:
        raise job.error
    if job.done is None:
        message = f"This video is {job.status.replace('_', ' ')}, {job.progress} %: ask again soon."
        raise ApiError(409, message, param="video_id", code="video_not_ready", retry=True)
    content, kind = await asyncio.to_thread(_asset, job.done, variant, worker_of(http).marker)
    return Response(content, media_type=kind)


async def _form(http: Request) -> VideoForm:
    if http.headers.get("content-type", "").startswith("multipart/"):
        async with http.form() as sent:
            values, files = await filled(sent, ("input_reference",))
        if files:
            message = "A film begins from words here: leave input_reference out."
            raise ApiError(400, message, param="input_reference", code="unsupported_parameter")
        return VideoForm.model_validate(values)
    return VideoForm.model_validate_json(await http.body())


def _keeps(event: Event) -> bool:
    return isinstance(event, Refined | Completed)


def _jobs(http: Request) -> VideoJobs:
    """Return the jobs of the worker, made at the first use."""
    state = http.app.state
    if not hasattr(state, "video_jobs"):
        state.video_jobs = VideoJobs()
    return state.video_jobs


def _found(http: Request, video_id: str) -> VideoJob:
    return _jobs(http).find(video_id, http.state.owner)


def _asset(done: Completed, variant: Variant, marker: Marker) -> Asset:
    film = done.answers[-1]
    assert film.video is not None
    frames = marker.film(film.video, settings_of(done.request))
    if variant == "thumbnail":
        return still_webp_bytes(frames[len(frames) // 2], ""), "image/webp"
    if variant == "spritesheet":
        return jpeg_bytes(np.concatenate(frames), ""), "image/jpeg"
    return file_of(film, "mp4", done, marker), "video/mp4"


def _described(job: VideoJob, worker: Worker) -> dict[str, Any]:
    """Return the answer's video object. seed: an extension, so that it can be made again."""
    return {
        "id": job.id,
        "object": "video",
        "model": worker.name,
        "prompt": job.prompt,
        "status": job.status,
        "progress": 100 if job.status == "completed" else job.progress,
        "created_at": job.created_at,
        "completed_at": job.completed_at,
        "expires_at": job.created_at + KEPT_S,
        "seconds": _seconds(worker),
        "size": _size(worker),
        "error": None if job.error is None else job.error.body,
        "remixed_from_video_id": None,
        "seed": None if job.done is None else job.done.request.sampling.seed,
    }


def _size(worker: Worker) -> str:
    """Return WIDTHxHEIGHT of its films, "" where it does not say."""
    side = worker.info.get("image_px")
    return f"{side}x{side}" if side else ""


def _seconds(worker: Worker) -> str:
    """Return the length of its films."""
    config = worker.info.get("config")
    frames = config.get("video_frames", 0) if isinstance(config, dict) else 0
    return f"{frames / FRAMES_A_SECOND:g}"
