"""Turns: many runs, one thread, a step each in a round.

A run is a generator. In each round the scheduler chooses up to `rows` runs and takes one item of
each, so runs join and leave between steps, whatever their length or progress. A run that is pulled
is chosen where somebody asked for its next item. A new run comes first
until its first refinement is out. Then those come first whose owner was served least, and of one
owner the oldest. Everything on the device happens in the scheduler's own thread. Owns: `Scheduler`,
`Run`. Does not own: what a run computes (the engine), who consumes it (`serving.run_stream`).
"""

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import count
from typing import Any

from engine.api.events import Refined

Start = Callable[[], Iterator[Any]]
"""Begins a run: its items, in order. It is closed where it is a generator."""


class QueueFullError(Exception):
    """No more runs may be open."""


@dataclass(frozen=True)
class Ended:
    """The last thing that a run delivers. error: why it has no answer, None where it has one or was
    cancelled."""

    error: Exception | None = None


@dataclass
class Run:
    """One run. deliver: takes each item and `Ended`, in the scheduler's thread, and does not wait.
    steps: refinements so far. pulled: whether each item is asked for; wanted: whether the next one
    is. Times are those of the monotonic clock, None where it is not yet
    so."""

    number: int
    owner: str
    start: Start
    deliver: Callable[[Any], None]
    pulled: bool = False
    wanted: bool = True
    arrived_s: float = field(default_factory=time.monotonic)
    started_s: float | None = None
    refined_s: float | None = None
    ended_s: float | None = None
    steps: int = 0
    cancelled: bool = False
    error: Exception | None = None
    items: Iterator[Any] | None = None

    @property
    def outcome(self) -> str:
        """One word for logs and metrics."""
        if self.cancelled:
            return "cancelled"
        return "completed" if self.error is None else "failed"


class Scheduler:
    """rows: runs that take a step in one round. most_open: runs that may be open at once, waiting
    ones among them. ended: told of every run that is over.

    Raises: ValueError where a number is below 1.
    """

    def __init__(
        self, *, rows: int, most_open: int, ended: Callable[[Run], None] = lambda run: None
    ) -> None:
        if rows < 1 or most_open < 1:
            raise ValueError(f"a worker needs room for a run: rows {rows}, open {most_open}")
        self.rows, self.most_open = rows, most_open
        self._ended = ended
        self._runs: list[Run] = []
        self._served: dict[str, int] = {}
        self._numbers = count()
        self._changed = threading.Condition()
        self._closed = False
        self._thread = threading.Thread(target=self._work, name="scheduler", daemon=True)
        self._thread.start()

    @property
    def running(self) -> int:
        """The number of runs that have taken a step and are not over."""
        return sum(run.started_s is not None for run in list(self._runs))

    @property
    def waiting(self) -> int:
        """The number of runs that have not begun."""
        return sum(run.started_s is None for run in list(self._runs))

    def submit(
        self, start: Start, owner: str, deliver: Callable[[Any], None], *, pulled: bool = False
    ) -> Run:
        """Return a run that begins in its turn. pulled: only `ask` brings its items, each one.
        Raises: QueueFullError."""
        with self._changed:
            if self._closed or len(self._runs) >= self.most_open:
                raise QueueFullError
            run = Run(next(self._numbers), owner, start, deliver, pulled, not pulled)
            self._served.setdefault(owner, min(self._served.values(), default=0))
            self._runs.append(run)
            self._changed.notify_all()
        return run

    def ask(self, run: Run) -> None:
        """Let a run that is pulled take its next step."""
        with self._changed:
            run.wanted = True
            self._changed.notify_all()

    def cancel(self, run: Run) -> None:
        """End a run before its next step."""
        with self._changed:
            if run.ended_s is None:
                run.cancelled = True
                self._changed.notify_all()

    def wait_until_idle(self, timeout_s: float) -> bool:
        """Return whether every run was over within that time."""
        with self._changed:
            return self._changed.wait_for(lambda: not self._runs, timeout_s)

    def close(self) -> None:
        """Cancel every run and end the thread."""
        with self._changed:
            self._closed = True
            for run in self._runs:
                run.cancelled = True
            self._changed.notify_all()
        self._thread.join()

    def chosen(self) -> list[Run]:
        """Return the runs of the next round, in the order in which they step."""
        by_need = sorted(
            (run for run in self._runs if run.wanted),
            key=lambda r: (r.refined_s is not None, self._served[r.owner], r.number),
        )
        return by_need[: self.rows]

    def _work(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._has_work() or self._closed)
                if self._closed and not self._runs:
                    return
                over = [run for run in self._runs if run.cancelled]
                turn = [run for run in self.chosen() if not run.cancelled]
            for run in over:
                self._finish(run, None)
            for run in turn:
                self._step(run)

    def _has_work(self) -> bool:
        return any(run.wanted or run.cancelled for run in self._runs)

    def _step(self, run: Run) -> None:
        """Take the next item of a run and deliver it."""
        if run.cancelled:
            self._finish(run, None)
            return
        try:
            if run.items is None:
                run.started_s = time.monotonic()
                run.items = iter(run.start())
            item = next(run.items)
        except StopIteration:
            self._finish(run, None)
            return
        except Exception as error:  # whatever a run raises ends that run alone
            self._finish(run, error)
            return
        self._served[run.owner] += 1
        run.wanted = not run.pulled
        if isinstance(item, Refined):
            run.steps += 1
            run.refined_s = run.refined_s or time.monotonic()
        run.deliver(item)

    def _finish(self, run: Run, error: Exception | None) -> None:
        """Close a run, free its place and deliver its end."""
        close = getattr(run.items, "close", None)
        try:
            if close is not None:
                close()
        except Exception as failed:  # the run is over either way
            error = error or failed
        run.items, run.error, run.ended_s = None, error, time.monotonic()
        with self._changed:
            self._runs.remove(run)
            if all(other.owner != run.owner for other in self._runs):
                del self._served[run.owner]
            self._changed.notify_all()
        self._ended(run)
        run.deliver(Ended(error))
