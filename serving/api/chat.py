"""/v1/chat/completions: any medium in, any medium out.

Words are `content`; a sound is `audio`, as in OpenAI's API. Extensions: `images` and `videos` are
lists of content parts, `heard` is the transcript of what the user said, `reasoning_content` the
thought before the answer, and `revision` in a stream is what is provisional. Owns: the answers.
Does not own: the form (`serving.forms.chat_form`).
"""

import asyncio
import time
from collections.abc import AsyncIterator
from typing import Any

from fastapi import APIRouter, Request, Response

from engine.api.events import PREVIEW_HZ, AudioChunk, Completed, Event, Refined
from engine.api.request import Request as Generation
from engine.media.marking.marker import Marker
from serving.answers.answer_files import TYPES, file_of, settings_of, to_address, to_base64
from serving.answers.event_stream import DONE, event_stream, sent
from serving.answers.revision import Revisions
from serving.answers.sound_stream import SoundStream
from serving.forms.chat_form import AudioOptions, ChatForm
from serving.generation import completed, is_final, ready_worker, stream_of, worker_of

ROUTER = APIRouter(tags=["chat"])
AUDIO_LIVES_S = 3600
"""OpenAI says until when its server keeps a sound; here nothing is kept, and clients want one."""


@ROUTER.post("/v1/chat/completions", response_model=None)
async def create_chat_completion(http: Request, form: ChatForm) -> Response | dict[str, Any]:
    """Answer a conversation."""
    worker = ready_worker(http, form.model)
    request = await asyncio.to_thread(form.request, worker.info)
    if form.stream:
        return await event_stream(_chunks(http, form, request))
    done = await completed(http, request)
    message = await asyncio.to_thread(
        message_of, done, form.audio, http.state.request_id, worker_of(http).marker
    )
    return {
        **_head(http, "chat.completion", request),
        "choices": [{"index": 0, "message": message, "finish_reason": "stop", "logprobs": None}],
        "usage": None,
        "nfe": done.nfe,
    }


def message_of(done: Completed, audio: AudioOptions, number: str, marker: Marker) -> dict[str, Any]:
    """Return the message of an answer."""
    answered = [answer for answer in done.answers if not answer.heard]
    message: dict[str, Any] = {
        "role": "assistant",
        "content": _said(done),
        "refusal": None,
        **_media(done, marker),
        **_beside(done),
    }
    for answer in answered:
        if answer.audio is not None:
            sound = SoundStream(audio.kind, marker, settings_of(done.request))
            content = sound.add(answer.audio) + sound.finish()
            message["audio"] = {
                "id": f"audio_{number}",
                "data": to_base64(content),
                "expires_at": int(time.time()) + AUDIO_LIVES_S,
                "transcript": _said(done) or "",
            }
    return message


async def _chunks(http: Request, form: ChatForm, request: Generation) -> AsyncIterator[str]:
    """The answer in a stream: what is provisional where it is asked for, sound as it is made, words
    and pictures at the end, when they are final."""
    head = _head(http, "chat.completion.chunk", request)
    revisions = Revisions()
    marker = worker_of(http).marker
    sound = SoundStream(form.audio.kind, marker, settings_of(request))
    number = f"audio_{http.state.request_id}"

    def chunk(delta: dict[str, Any], finish: str | None = None) -> str:
        choice = {"index": 0, "delta": delta, "finish_reason": finish, "logprobs": None}
        return sent({**head, "choices": [choice]}, named=False)

    def keeps(event: Event) -> bool:
        return is_final(event) or (form.revisions and isinstance(event, Refined))

    begun = False
    preview_hz = PREVIEW_HZ if form.revisions else 0.0
    async for event in stream_of(http, request, keeps, preview_hz):
        if not begun:
            yield chunk({"role": "assistant", "content": ""})
            begun = True
        match event:
            case Refined():
                yield chunk({"revision": await asyncio.to_thread(revisions.of, event)})
            case AudioChunk():
                content = sound.add(event.samples) + (sound.finish() if event.last else b"")
                yield chunk({"audio": {"id": number, "data": to_base64(content)}})
            case Completed():
                for delta in await asyncio.to_thread(_final_deltas, event, number, marker):
                    yield chunk(delta)
                yield chunk({}, "stop")
    yield DONE


def _final_deltas(done: Completed, number: str, marker: Marker) -> list[dict[str, Any]]:
    said = _said(done)
    deltas: list[dict[str, Any]] = [] if said is None else [{"content": said}]
    if any(answer.audio is not None for answer in done.answers):
        lives = int(time.time()) + AUDIO_LIVES_S
        deltas.append({"audio": {"id": number, "transcript": said or "", "expires_at": lives}})
    media = {**_media(done, marker), **_beside(done)}
    return [*deltas, media] if media else deltas


def _head(http: Request, kind: str, request: Generation) -> dict[str, Any]:
    worker = worker_of(http)
    return {
        "id": f"chatcmpl-{http.state.request_id.removeprefix('req_')}",
        "object": kind,
        "created": int(time.time()),
        "model": worker.name,
        "system_fingerprint": worker.engine.digest,
        "seed": request.sampling.seed,
    }


def _said(done: Completed) -> str | None:
    """Return the words of an answer, None where it has none."""
    said = [a.text for a in done.answers if a.text is not None and not a.heard]
    return "\n".join(said) if said else None


def _media(done: Completed, marker: Marker) -> dict[str, Any]:
    """Return what of an answer is seen, as content parts."""
    found: dict[str, Any] = {}
    for answer in done.answers:
        if answer.image is not None:
            url = to_address(file_of(answer, "png", done, marker), TYPES["png"])
            found.setdefault("images", []).append({"type": "image_url", "image_url": {"url": url}})
        if answer.video is not None:
            url = to_address(file_of(answer, "mp4", done, marker), TYPES["mp4"])
            found.setdefault("videos", []).append({"type": "video_url", "video_url": {"url": url}})
    return found


def _beside(done: Completed) -> dict[str, str]:
    """Return what was heard and thought."""
    heard = [a.text for a in done.answers if a.heard and a.text]
    thoughts = [a.thought for a in done.answers if a.thought]
    found = {"heard": " ".join(heard), "reasoning_content": "\n".join(thoughts)}
    return {name: text for name, text in found.items() if text}
