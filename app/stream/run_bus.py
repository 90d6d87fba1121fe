"""The live channel: the runs in memory, found by their ids, in the order in which they were asked
for.

A run that is not over is never dropped for a new one: beyond a limit the new one is refused. One
that waits and whose visitor is not connected goes after ten seconds.
"""

import threading
import time
from collections import deque
from collections.abc import Callable

from app.stream import encode
from app.stream.message import Message
from app.stream.presence import Presence
from app.stream.run import Run, watch_id

MAX_RUNS = 48
"""Finished runs in memory; the oldest go first."""
MAX_OPEN, MAX_OPEN_OF_ADDRESS, MAX_OPEN_OF_OWNER = 96, 72, 8
"""Runs that are not over: of all, of one address, of one opened page."""
PATIENCE_S = 10.0
"""The time that a run is kept for a visitor who is not connected."""
LAST_RUNS = 8
"""Those whose lengths tell how long a waiting run will wait."""
FULL = "Too many people are waiting. Your words are still here: try again in a minute."
TOO_MANY = "You have many answers under way: wait for one of them, or stop one."
NOBODY = "Nobody was there to see this: make it again."
LEFT = "The page was closed before it was this run's turn."


class FullError(ValueError):
    """A sentence: there is no room for another run."""


class StepBus:
    """The runs in memory, in the order in which they were asked for. presence: of the visitors;
    without it, each counts as here. clock: of `time.monotonic`."""

    def __init__(
        self,
        max_runs: int = MAX_RUNS,
        presence: Presence | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.at_once = 1
        """Runs that are under way at the same time."""
        self._max_runs = max_runs
        self._runs: dict[str, Run] = {}
        self._lock = threading.RLock()
        self._lengths_s: deque[float] = deque(maxlen=LAST_RUNS)
        self._clock = clock
        self.presence = presence

    def open(self, owner: str, address: str = "") -> Run:
        """A new run of this owner (one opened page), waiting for its turn. Raises: FullError where
        there is no room for it."""
        run = Run(owner, address)
        run.opened_s = run.attended_s = self._clock()
        with self._lock:
            self._end_unattended()
            self._refuse_beyond_limits(owner, address)
            self._drop_finished()
            self._runs[run.id] = run
        self._publish_places()
        return run

    def find(self, run_id: str) -> Run | None:
        """The run with this watch id, or None if it never was or is gone."""
        return self._runs.get(run_id)

    def held(self, control_id: str) -> Run | None:
        """The run with this control id, or None."""
        return self._runs.get(watch_id(control_id))

    def unfinished(self) -> list[Run]:
        """The runs that are not over, oldest first."""
        return [run for run in list(self._runs.values()) if not run.ended]

    def line(self) -> dict[str, object]:
        """Return how many runs are not over, how long they take in all, where that is known, and
        whether one more is refused."""
        waiting = len(self.unfinished())
        mean_s = self._mean_s()
        wait_s = mean_s and mean_s * waiting
        return {"waiting": waiting, "wait_s": wait_s, "full": waiting >= MAX_OPEN}

    def begin(self, run: Run) -> None:
        """Mark the run as running."""
        run.begun, run.begun_s = True, self._clock()
        self._publish_places()

    def end(self, run: Run, message: Message) -> None:
        """End the run; those behind it move up."""
        if run.begun and not run.ended:
            self._lengths_s.append(self._clock() - run.begun_s)
        run.end(message)
        self._publish_places()

    def place(self, run: Run) -> int:
        """Return the number of unfinished runs ahead of this one."""
        ahead = 0
        for other in list(self._runs.values()):
            if other is run:
                break
            ahead += not other.ended
        return ahead

    def is_attended(self, run: Run, *others: str) -> bool:
        """Return whether somebody is there for a run, or was until a moment ago: its owner, a
        watcher, or one of the other sessions."""
        if self.presence is None:
            return True
        here = run.watched or any(map(self.presence.here, (run.owner, *others)))
        if here:
            run.attended_s = self._clock()
        return here or self._clock() - run.attended_s < PATIENCE_S

    def leave(self, owner: str) -> None:
        """The owner closed the page: stop what runs, forget what waits."""
        for run in self.unfinished():
            if run.owner == owner:
                run.stop()
                if not run.begun:
                    self.end(run, encode.failed(LEFT))

    def _publish_places(self) -> None:
        """One thread at a time, so that a place never rises."""
        with self._lock:
            mean_s = self._mean_s()
            waiting = [run for run in self.unfinished() if not run.begun]
            for run, place in zip(waiting, map(self.place, waiting), strict=True):
                if place != run.place:
                    run.place = place
                    run.publish(encode.waiting(place, mean_s and mean_s * place))

    def _mean_s(self) -> float | None:
        """The time from the end of a run to that of the next, while there are enough."""
        if not self._lengths_s:
            return None
        return sum(self._lengths_s) / len(self._lengths_s) / self.at_once

    def _refuse_beyond_limits(self, owner: str, address: str) -> None:
        still = self.unfinished()
        if sum(run.owner == owner for run in still) >= MAX_OPEN_OF_OWNER:
            raise FullError(TOO_MANY)
        theirs = sum(run.address == address for run in still if address)
        if len(still) >= MAX_OPEN or theirs >= MAX_OPEN_OF_ADDRESS:
            raise FullError(FULL)

    def _end_unattended(self) -> None:
        for run in self.unfinished():
            if not run.begun and not self.is_attended(run):
                run.stop()
                run.end(encode.failed(NOBODY))

    def _drop_finished(self) -> None:
        finished = [run for run in self._runs.values() if run.ended]
        for run in finished[: max(0, len(finished) - self._max_runs + 1)]:
            del self._runs[run.id]
