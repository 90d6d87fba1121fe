"""The items of a run for a consumer on the event loop.

Owns: `RunStream`. Does not own: whose turn it is (`serving.scheduler`).
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from typing import Any

from serving.errors import as_api_error, server_stopping
from serving.scheduler import Ended, Scheduler, Start


class RunStream:
    """Iterate for the items that `keeps` says yes to; the others never leave the scheduler's
    thread, so that a slow consumer holds few. Leaving the iteration cancels the run.

    Raises: `serving.scheduler.QueueFullError` at once, and while it is iterated an ApiError for
    what the run raises, which the log has, and where the scheduler is closed before it is over.
    """

    def __init__(
        self, scheduler: Scheduler, start: Start, owner: str, keeps: Callable[[Any], bool]
    ) -> None:
        loop = asyncio.get_running_loop()
        self._queue: asyncio.Queue[Any] = asyncio.Queue()

        def deliver(item: Any) -> None:
            if isinstance(item, Ended) or keeps(item):
                with suppress(RuntimeError):  # the loop is closed: nobody waits any more
                    loop.call_soon_threadsafe(self._queue.put_nowait, item)

        self._scheduler = scheduler
        self.run = scheduler.submit(start, owner, deliver)

    @property
    def behind(self) -> int:
        """The number of items that wait to be taken."""
        return self._queue.qsize()

    async def __aiter__(self) -> AsyncIterator[Any]:
        try:
            while not isinstance(item := await self._queue.get(), Ended):
                yield item
            if item.error is not None:
                raise as_api_error(item.error) from item.error
            if self.run.cancelled:
                raise server_stopping()
        finally:
            self.cancel()

    def cancel(self) -> None:
        """End the run before its next step; nothing where it is over."""
        self._scheduler.cancel(self.run)
