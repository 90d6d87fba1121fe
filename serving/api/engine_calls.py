"""/v1/engine: the engine itself, for a page on another machine (`serving.remote.remote_engine`).

A run is a websocket: the page sends the request, and later how often it wants previews; the worker
sends every event of the engine, code for code. A page that is far away gets all codes, and
previews as its line allows. Owns: the three routes. Does not own: the messages
(`serving.remote.questions`, `serving.remote.packing`).
"""

import asyncio
import json
from collections.abc import Iterator
from contextlib import closing, suppress
from dataclasses import dataclass, replace

from fastapi import APIRouter, Request, Response, WebSocket, WebSocketDisconnect

from engine.api.events import Event, Refined
from serving.errors import ApiError, as_api_error
from serving.generation import computed, worker_of
from serving.remote.packing import arrays_of, pack, unpack
from serving.remote.questions import MEDIA_TYPE, VERSION, About, Asked, Generate
from serving.run_stream import RunStream
from serving.worker import Worker

ROUTER = APIRouter(tags=["engine"])
MOST_BEHIND = 4
"""Events that wait for a slow line before their previews are left out."""
FIRST_S = 10.0
"""The time in which a page sends the request."""
OTHER_WEIGHTS = "This worker has other weights than the page began with: start the page again."


@ROUTER.get("/v1/engine", response_class=Response)
async def about(http: Request) -> Response:
    """Return what engine this is."""
    worker = worker_of(http)
    worker.refuse_unready()
    engine = worker.engine
    words, info = engine.code_inspector.words, json.dumps(worker.info)
    found = About(VERSION, engine.digest, info, words, worker.settings.rows)
    return Response(pack(found), media_type=MEDIA_TYPE)


@ROUTER.post("/v1/engine", response_class=Response)
async def ask(http: Request) -> Response:
    """Answer a question about codes, runs or paths."""
    worker = worker_of(http)
    worker.refuse_unready()
    if http.headers.get("content-type") != MEDIA_TYPE:
        raise ApiError(415, f"A question of a page is {MEDIA_TYPE}.", code="invalid_type")
    question = (await asyncio.to_thread(unpack, Asked, await http.body())).question
    answer = await computed(http, lambda: question.of(worker.engine))
    return Response(await asyncio.to_thread(pack, answer), media_type=MEDIA_TYPE)


@ROUTER.websocket("/v1/engine/runs")
async def follow_run(socket: WebSocket) -> None:
    """Send the events of one run. It ends where the page closes the socket."""
    await socket.accept()
    listening: asyncio.Task[None] | None = None
    try:
        call = await asyncio.to_thread(unpack, Generate, await _first(socket))
        rate = _Rate(call.preview_hz)
        run = _run(socket, call, rate)
        listening = asyncio.create_task(_listen(socket, rate, run))
        known = arrays_of(call.request)
        async for event in run:
            sent = _thinned(event) if run.behind > MOST_BEHIND else event
            await socket.send_bytes(await asyncio.to_thread(pack, sent, known))
        await socket.close()
    except WebSocketDisconnect:
        return
    except Exception as error:  # a run ends with a sentence, whatever it raises
        with suppress(RuntimeError, WebSocketDisconnect):  # the page has left
            await socket.send_json({"error": as_api_error(error).body})
            await socket.close()
    finally:
        if listening is not None:
            listening.cancel()


async def _first(socket: WebSocket) -> bytes:
    """Return the request of a run. Raises: ValueError where something else comes, or nothing."""
    try:
        async with asyncio.timeout(FIRST_S):
            message = await socket.receive()
    except TimeoutError as error:
        raise ValueError("a run begins with its request, and none came") from error
    if message["type"] == "websocket.disconnect":
        raise WebSocketDisconnect(message["code"])
    if (content := message.get("bytes")) is None:
        raise ValueError("a run begins with its request, as bytes")
    return content


@dataclass
class _Rate:
    """The rate of previews that the page asked for last."""

    preview_hz: float


def _run(socket: WebSocket, call: Generate, rate: _Rate) -> RunStream:
    worker: Worker = socket.app.state.worker
    worker.refuse_unready()
    if call.digest != worker.engine.digest:
        raise ApiError(409, OTHER_WEIGHTS, code="other_weights")
    yielded = 0

    def preview_hz() -> float:
        return rate.preview_hz if yielded >= call.skip else 0.0

    def start() -> Iterator[Event]:
        nonlocal yielded
        events = worker.engine.generate(call.request, preview_hz=preview_hz, watch=call.watch)
        with closing(events):
            for event in events:
                yielded += 1
                yield event

    owner = socket.state.owner
    return RunStream(worker.scheduler, start, owner, lambda event: yielded > call.skip)


async def _listen(socket: WebSocket, rate: _Rate, run: RunStream) -> None:
    """Take new rates from the page, and end the run when it leaves."""
    try:
        async for text in socket.iter_text():
            rate.preview_hz = max(0.0, float(text))
    except (ValueError, KeyError, RuntimeError):  # a page says nothing but numbers
        pass
    run.cancel()


def _thinned(event: Event) -> Event:
    """Return a step without its previews."""
    if isinstance(event, Refined) and not event.last:
        return replace(event, image_t=None, image_1=None, sound_1=None)
    return event
