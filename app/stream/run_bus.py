"""The live channel: StepBus, its runs, and what each viewer of a run receives.

The producer (a sampler) only appends and never waits. A viewer that keeps up gets every step; one
that does not gets the latest step (one latest-wins slot), every kept message, and, once the run
has ended, the steps it missed, so that its ruler is complete. A run is found through its
unguessable id alone.
"""

import asyncio
import math
import secrets
import threading
from collections import deque
from collections.abc import AsyncGenerator
from itertools import takewhile

from app.stream import encode
from app.stream.message import Message
from engine.api.events import PREVIEW_HZ

MAX_RUNS = 48
"""Runs in memory, finished ones included; the oldest finished ones go first."""
MAX_STEPS_KEPT = 300
"""Steps kept per run: two segments of the longest sampling, and a little."""

NumberedMessage = tuple[int, Message]


class Run:
    """A generation as its viewers see it. Written by one thread, read by any."""

    def __init__(self, owner: str) -> None:
        self.id = secrets.token_urlsafe(18)
        self.owner = owner
        self.begun = False
        self.ended = False
        self.forgotten = False
        """Its visitor has thrown the conversation away."""
        self.every_step = False
        """A viewer wants to see each step."""
        self.labelled = False
        """A viewer wants to see what the model sees where."""
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._count = 0
        self._kept: list[NumberedMessage] = []
        self._steps: deque[NumberedMessage] = deque(maxlen=MAX_STEPS_KEPT)
        self._viewers: set[_Viewer] = set()

    def publish(self, message: Message) -> None:
        """Append, and wake the viewers. Never waits for any of them."""
        with self._lock:
            if self.ended:
                return
            self._count += 1
            (self._kept if message.kept else self._steps).append((self._count, message))
            self._wake()

    def end(self, message: Message) -> None:
        """The last message. Later ones are ignored, so the first end wins."""
        self.publish(message)
        with self._lock:
            self.ended = True
            self._wake()

    def stop(self) -> None:
        """Ask the producer to stop; it does so within one step."""
        self._stop.set()

    @property
    def stopping(self) -> bool:
        return self._stop.is_set()

    def preview_hz(self) -> float:
        """Return the rate at which media are decoded, as `engine.media.preview` has it."""
        return math.inf if self.every_step else PREVIEW_HZ

    @property
    def watched(self) -> bool:
        """Return whether somebody receives this run over a websocket right now."""
        return bool(self._viewers)

    @property
    def failure(self) -> str | None:
        """The sentence of a run that ended without an answer."""
        found = [m.header for _, m in self._kept if m.header["kind"] == "failed"]
        return str(found[0]["sentence"]) if found else None

    @property
    def ending(self) -> Message | None:
        """The message of a run that ended with an answer, or was stopped with one."""
        found = [m for _, m in self._kept if m.header["kind"] in ("completed", "stopped")]
        return found[0] if found else None

    def pending(self, kept_after: int, step_after: int) -> tuple[list[NumberedMessage], bool]:
        """Kept messages above number `kept_after`, the latest step above `step_after`, and the
        latest there with a picture; ended?"""
        with self._lock:
            found = [item for item in self._kept if item[0] > kept_after]
            fresh = takewhile(lambda item: item[0] > step_after, reversed(self._steps))
            if latest := next(fresh, None):
                found.append(latest)
                pictured = (item for item in (latest, *fresh) if item[1].media)
                found += [one for one in (next(pictured, latest),) if one is not latest]
            return sorted(found, key=lambda item: item[0]), self.ended

    def steps(self) -> list[NumberedMessage]:
        """Every step still in memory, oldest first."""
        with self._lock:
            return list(self._steps)

    def snapshot(self) -> dict[str, object]:
        """The state so far as JSON: kept messages and the latest step (the fallback's value)."""
        found, _ = self.pending(0, 0)
        return {"run": self.id, "messages": [message.to_json(n) for n, message in found]}

    async def watch(self) -> AsyncGenerator[NumberedMessage]:
        """Yield the messages for one viewer, in order, until the run has ended and all are sent."""
        viewer = _Viewer(asyncio.get_running_loop())
        with self._lock:
            self._viewers.add(viewer)
        kept_after = step_after = 0
        sent: set[int] = set()
        try:
            while True:
                viewer.woken.clear()
                found, ended = self.pending(kept_after, step_after)
                for number, message in found:
                    if message.kept:
                        kept_after = number
                    else:
                        step_after = number
                    sent.add(number)
                    yield number, message
                if ended and not found:
                    break
                if not found:
                    await viewer.woken.wait()
            for number, message in self.steps():
                if number not in sent:
                    yield number, message
        finally:
            with self._lock:
                self._viewers.discard(viewer)

    def _wake(self) -> None:
        for viewer in self._viewers:
            viewer.wake()


class _Viewer:
    """The wake-up bell of one websocket, rung from any thread."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.woken = asyncio.Event()
        self._loop = loop

    def wake(self) -> None:
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self.woken.set)


class StepBus:
    """The runs in memory, in the order in which they were asked for."""

    def __init__(self, max_runs: int = MAX_RUNS) -> None:
        self._max_runs = max_runs
        self._runs: dict[str, Run] = {}
        self._lock = threading.Lock()

    def open(self, owner: str) -> Run:
        """A new run of this owner (one opened page), waiting for its turn."""
        run = Run(owner)
        with self._lock:
            self._make_room()
            self._runs[run.id] = run
        self._publish_places()
        return run

    def find(self, run_id: str) -> Run | None:
        """The run with this id, or None if it never was or is gone."""
        return self._runs.get(run_id)

    def begin(self, run: Run) -> None:
        """Mark the run as running."""
        run.begun = True
        self._publish_places()

    def end(self, run: Run, message: Message) -> None:
        """End the run; those behind it move up."""
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

    def leave(self, owner: str) -> None:
        """The owner closed the page: stop what runs, forget what waits."""
        for run in list(self._runs.values()):
            if run.owner == owner and not run.ended:
                run.stop()
                if not run.begun:
                    self.end(
                        run, encode.failed("The page was closed before it was this run's turn.")
                    )

    def _publish_places(self) -> None:
        for run in list(self._runs.values()):
            if not run.begun and not run.ended:
                run.publish(encode.waiting(self.place(run)))

    def _make_room(self) -> None:
        for run in [*(r for r in self._runs.values() if r.ended), *self._runs.values()]:
            if len(self._runs) < self._max_runs:
                return
            run.stop()
            self._runs.pop(run.id, None)
