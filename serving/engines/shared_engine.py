"""An engine for many threads: runs that are under way at once take their steps in turn, and in one
network call where they agree in shape and settings.

A step is computed when the run's own thread asks for it, so a slow one holds nobody up and holds
nothing in memory. Owns: `SharedEngine`. Does not own: the batch (`engine.step_batch`), whose turn
it is (`serving.scheduler`).
"""

from collections.abc import Generator
from itertools import count
from queue import SimpleQueue
from typing import Any

from engine.api.events import PREVIEW_HZ, Event, PreviewRate
from engine.api.request import Request
from engine.engine import Engine
from engine.inspection.trace import TraceRecorder
from serving.engines.batched_engine import BatchedEngine
from serving.scheduler import Ended, Scheduler

MOST_OPEN = 256
"""Runs that may be open at once; whoever serves people lets in fewer."""


class SharedEngine(BatchedEngine):
    """The engine itself but for `generate`. at_once: runs that are worth having under way at once,
    and most rows of a network call."""

    def __init__(self, engine: Engine, at_once: int) -> None:
        super().__init__(engine, at_once)
        self.at_once = at_once
        self._scheduler = Scheduler(rows=at_once, most_open=MOST_OPEN)
        self._owners = count()

    def generate(
        self, request: Request, *, preview_hz: PreviewRate = PREVIEW_HZ, watch: int = 0
    ) -> Generator[Event]:
        """Yield the events of one answer, see `engine.engine.Engine.generate`."""
        items: SimpleQueue[Any] = SimpleQueue()

        def start() -> Generator[Event]:
            return super(SharedEngine, self).generate(request, preview_hz=preview_hz, watch=watch)

        owner = str(next(self._owners))
        run = self._scheduler.submit(start, owner, items.put, pulled=True)
        try:
            while True:
                self._scheduler.ask(run)
                if isinstance(item := items.get(), Ended):
                    break
                yield item
        finally:
            self._scheduler.cancel(run)
        if item.error is not None:
            raise item.error

    def recorder(self) -> TraceRecorder:
        """Return a recorder of the events of one generation."""
        return self._engine.recorder()
