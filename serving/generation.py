"""One generation for one HTTP request: submitted, followed, and given up when its client leaves.

Owns: `Generation`. Does not own: forms and answers of the endpoints.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from typing import Any

from starlette.requests import HTTPConnection
from starlette.requests import Request as HttpRequest

from engine.api.events import AudioChunk, Completed, Event, PreviewRate
from engine.api.request import Request
from serving.errors import ApiError
from serving.run_stream import RunStream
from serving.worker import Worker


def worker_of(http: HTTPConnection) -> Worker:
    """Return the worker that serves a request."""
    return http.app.state.worker


def ready_worker(http: HTTPConnection, model: str) -> Worker:
    """Return the worker, once it takes work for that model. Raises: ApiError."""
    worker = worker_of(http)
    worker.refuse_unready()
    if model != worker.name:
        raise ApiError(
            404,
            f"The model '{model[:80]}' does not exist here: this server has '{worker.name}'.",
            param="model",
            code="model_not_found",
        )
    return worker


def is_final(event: Event) -> bool:
    """Return whether an event is a piece of the answer that does not change any more."""
    return isinstance(event, Completed | AudioChunk)


async def completed(http: HttpRequest, request: Request) -> Completed:
    """Return the whole answer. Raises: what the engine raises; ApiError where the client left."""
    events = stream_of(http, request, lambda event: isinstance(event, Completed))
    (done,) = await _unless_left(http, events, _all(events))
    assert isinstance(done, Completed)
    return done


async def computed(http: HttpRequest, compute: Callable[[], Any]) -> Any:
    """Return what a function returns that the scheduler's thread calls, in its turn."""
    owner, scheduler = http.state.owner, worker_of(http).scheduler

    def start() -> Any:
        yield compute()

    items = RunStream(scheduler, start, owner, lambda item: True)
    (found,) = await _unless_left(http, items, _all(items))
    return found


def stream_of(
    http: HttpRequest,
    request: Request,
    keeps: Callable[[Event], bool] = is_final,
    preview_hz: PreviewRate = 0.0,
) -> RunStream:
    """Return the events of a request that are kept. Raises: QueueFullError."""
    worker = worker_of(http)
    engine = worker.engine
    return RunStream(
        worker.scheduler,
        lambda: engine.generate(request, preview_hz=preview_hz),
        http.state.owner,
        keeps,
    )


async def begun(events: AsyncIterator[str | bytes]) -> AsyncIterator[str | bytes]:
    """Return the iterator once its first item is there, so that a refusal is a status and not the
    beginning of a stream."""
    first = await anext(events)

    async def all_of_them() -> AsyncIterator[str | bytes]:
        yield first
        async for item in events:
            yield item

    return all_of_them()


async def _unless_left(http: HttpRequest, run: RunStream, awaited: Any) -> Any:
    """Await an answer, or end its run where the client leaves first."""
    waiting = asyncio.ensure_future(awaited)
    leaving = asyncio.ensure_future(_left(http))
    try:
        await asyncio.wait({waiting, leaving}, return_when=asyncio.FIRST_COMPLETED)
        if waiting.done():
            return waiting.result()
        raise ApiError(499, "The client left before the answer was there.", code="client_left")
    finally:
        run.cancel()
        for task in (waiting, leaving):
            task.cancel()
            with suppress(asyncio.CancelledError, Exception):
                await task


async def _all(items: RunStream) -> list[Any]:
    """Return every item, once the run is over."""
    return [item async for item in items]


async def _left(http: HttpRequest) -> None:
    """Return when the client has closed its connection."""
    while (await http.receive())["type"] != "http.disconnect":
        pass
