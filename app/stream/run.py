"""A run as its viewers see it: messages appended by one thread, read by any.

The producer (a sampler) only appends and never waits. A viewer that keeps up gets every step; one
that does not gets the latest step (one latest-wins slot), every kept message, and, once the run
has ended, the steps it missed, so that its ruler is complete.

A run has two names. Its control id is its visitor's alone and stops it; its watch id, a digest of
the other, finds it, and is what is shared. Who has the one cannot tell the other.
"""

import asyncio
import math
import secrets
import threading
import time
from base64 import urlsafe_b64encode
from collections import deque
from collections.abc import AsyncGenerator
from hashlib import sha256
from itertools import takewhile

from app.stream.message import Message
from engine.api.events import PREVIEW_HZ

MAX_STEPS_KEPT = 300
"""Steps kept per run: two segments of the longest sampling, and a little."""
MAX_WATCHERS = 64
"""The most watchers of one run."""

NumberedMessage = tuple[int, Message]


class CrowdedError(Exception):
    """A run has as many watchers as it may."""


def watch_id(control_id: str) -> str:
    """Return the id by which a run is watched, from the one by which it is controlled."""
    return urlsafe_b64encode(sha256(control_id.encode()).digest()[:18]).decode()


class Run:
    """A generation as its viewers see it. Written by one thread, read by any. owner: the session
    that opened it. address: where that came from."""

    def __init__(self, owner: str, address: str = "") -> None:
        self.control_id = secrets.token_urlsafe(18)
        self.id = watch_id(self.control_id)
        self.owner, self.address = owner, address
        self.opened_s = self.attended_s = self.begun_s = time.monotonic()
        self.place: int | None = None
        """The number of runs ahead that was told last."""
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
        """Yield the messages for one viewer, in order, until the run has ended and all are sent.
        Raises: CrowdedError where it has as many as it may."""
        viewer = _Viewer(asyncio.get_running_loop())
        with self._lock:
            if len(self._viewers) >= MAX_WATCHERS:
                raise CrowdedError
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
