"""/v1/audio/transcriptions: the words heard in a recording, piece by piece where it is long.

Owns: the form and the answer. Does not own: reading (`engine.media.audio`), hearing (the engine).
"""

import asyncio
from collections.abc import AsyncIterator
from typing import Any, ClassVar, Literal

import numpy as np
from fastapi import APIRouter, Request, Response
from fastapi.responses import PlainTextResponse
from pydantic import Field

from engine.api.conversation import Conversation
from engine.api.events import Answer
from engine.api.request import Modality
from engine.api.request import Request as Generation
from engine.media.audio import SHORTEST_S, pieces_of, read_sound
from serving.answers.event_stream import event_stream, sent
from serving.errors import missing
from serving.forms.fields import Neutral, SamplingFields, filled
from serving.forms.media_parts import DEAF
from serving.generation import completed, ready_worker

ROUTER = APIRouter(tags=["audio"])


class TranscriptionForm(SamplingFields):
    """The fields beside the file. seed and the other settings are extensions."""

    response_format: Literal["json", "text"] = "json"
    stream: bool = False
    seed: int | None = Field(0, description="nothing is drawn unless temperature is above 0")
    neutral: ClassVar[Neutral] = {"language": ("en",), "chunking_strategy": ("auto",)}


@ROUTER.post("/v1/audio/transcriptions", response_model=None)
async def create_transcription(http: Request) -> Response | dict[str, Any]:
    """Return the words of the file `file` of a multipart form, see `TranscriptionForm`."""
    async with http.form() as sent_form:
        values, files = await filled(sent_form, ("file",))
    form = TranscriptionForm.model_validate(values)
    worker = ready_worker(http, form.model)
    if "file" not in files:
        raise missing("file")
    hears_s = worker.info.get("hears_s")
    if not hears_s:
        raise ValueError(DEAF)
    sound = await asyncio.to_thread(read_sound, files["file"])
    pieces = pieces_of(sound, max(float(hears_s), SHORTEST_S))
    if form.stream:
        return await event_stream(_events(http, form, pieces))
    answers = [await _heard(http, form, piece) for piece in pieces]
    text = _joined(answers)
    if form.response_format == "text":
        return PlainTextResponse(text + "\n")
    return {"text": text, "doubtful": any(answer.doubtful for answer in answers)}


async def _events(
    http: Request, form: TranscriptionForm, pieces: list[np.ndarray]
) -> AsyncIterator[str]:
    found: list[Answer] = []
    for piece in pieces:
        before = _joined(found)
        found.append(await _heard(http, form, piece))
        added = _joined(found)[len(before) :]
        yield sent({"type": "transcript.text.delta", "delta": added})
    yield sent({"type": "transcript.text.done", "text": _joined(found)})


async def _heard(http: Request, form: TranscriptionForm, piece: np.ndarray) -> Answer:
    request = Generation(Conversation.write_down(piece), Modality.TEXT, form.sampling())
    return (await completed(http, request)).answers[-1]


def _joined(answers: list[Answer]) -> str:
    return " ".join(answer.text for answer in answers if answer.text)
