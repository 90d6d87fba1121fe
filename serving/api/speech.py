"""/v1/audio/speech: words said aloud, sent while they are made.

What is longer than the voice says at once is said in pieces, one after the other. Owns: the form,
the pieces, the answer. Does not own: the sound (the engine), its file
(`serving.answers.sound_stream`).
"""

from collections.abc import AsyncIterator
from typing import ClassVar, Literal

from fastapi import APIRouter, Request, Response
from fastapi.responses import StreamingResponse
from pydantic import Field

from engine.api.conversation import Conversation
from engine.api.events import AudioChunk
from engine.api.request import Modality
from engine.api.request import Request as Generation
from engine.api.sampling import Sampling
from engine.prompt.spoken_words import MOST_LETTERS, SAY, sayable
from serving.answers.answer_files import settings_of, to_base64
from serving.answers.event_stream import UNBUFFERED, event_stream, sent
from serving.answers.sound_stream import SOUND_TYPES, SoundStream
from serving.forms.fields import Neutral, SamplingFields
from serving.forms.voice import style_of
from serving.generation import begun, ready_worker, stream_of, worker_of

ROUTER = APIRouter(tags=["audio"])


class SpeechForm(SamplingFields):
    """The body of a request. seed and the other settings are extensions."""

    input: str = Field(min_length=1, max_length=4096)
    voice: str = "default"
    response_format: Literal["mp3", "opus", "aac", "flac", "wav", "pcm"] = "mp3"
    stream_format: Literal["audio", "sse"] = "audio"
    neutral: ClassVar[Neutral] = {"speed": (1, 1.0), "instructions": ("",)}


@ROUTER.post("/v1/audio/speech", response_model=None)
async def create_speech(http: Request, form: SpeechForm) -> Response:
    """Return the sound of the words, as it is made."""
    worker = ready_worker(http, form.model)
    style = style_of(form.voice, worker.info, "voice")
    sampling = form.sampling()
    requests = [_request(piece, sampling, style) for piece in pieces_to_say(form.input)]
    if form.stream_format == "sse":
        return await event_stream(_events(http, form, requests))
    content = await begun(_content(http, form, requests))
    return StreamingResponse(
        content, media_type=SOUND_TYPES[form.response_format], headers=UNBUFFERED
    )


def pieces_to_say(text: str) -> list[str]:
    """Return the text in pieces that the voice says at once; as it is where it is short enough.

    Raises: ValueError where nothing of it can be said, or a word is too long.
    """
    plain = sayable(text)
    if plain is None:
        raise ValueError("nothing of this can be said: write it in words")
    if len(plain) <= MOST_LETTERS:
        return [text]
    pieces: list[str] = [""]
    for word in plain.split():
        if len(word) > MOST_LETTERS:
            raise ValueError(f"a word of {len(word)} letters cannot be said: make it shorter")
        longer = f"{pieces[-1]} {word}".strip()
        if len(longer) > MOST_LETTERS:
            pieces.append(word)
        else:
            pieces[-1] = longer
    return pieces


def _request(piece: str, sampling: Sampling, style: str | None) -> Generation:
    return Generation(Conversation.ask(SAY + piece), Modality.AUDIO, sampling, style=style)


async def _content(
    http: Request, form: SpeechForm, requests: list[Generation]
) -> AsyncIterator[bytes]:
    """The bytes of the file; none is empty."""
    sound = SoundStream(form.response_format, worker_of(http).marker, settings_of(requests[0]))
    for request in requests:
        async for event in stream_of(http, request):
            if isinstance(event, AudioChunk) and (ready := sound.add(event.samples)):
                yield ready
    if rest := sound.finish():
        yield rest


async def _events(
    http: Request, form: SpeechForm, requests: list[Generation]
) -> AsyncIterator[str]:
    async for content in _content(http, form, requests):
        yield sent({"type": "speech.audio.delta", "audio": to_base64(content)})
    yield sent({"type": "speech.audio.done", "usage": None})
