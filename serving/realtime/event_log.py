"""The numbered events that a session sends, kept for a client that was cut off.

Owns: `EventLog`, `EventsLostError`, `error_fields`. Does not own: what an event says.
"""

import asyncio
import json
from collections import deque
from collections.abc import AsyncIterator
from typing import Any

from serving.errors import ApiError

MOST_BYTES = 8 * 2**20
"""Bytes of events that are kept; the oldest go."""


class EventsLostError(Exception):
    """The event that comes next is not kept any more."""


class EventLog:
    """The events of one session in order, numbered from 1: the id of number 7 is `event_7`."""

    def __init__(self) -> None:
        self.last = 0
        """The number of the latest event."""
        self._kept: deque[str] = deque()
        self._num_bytes = 0
        self._ended = False
        self._changed = asyncio.Event()

    def add(self, kind: str, **fields: Any) -> None:
        """Keep an event, for whoever follows."""
        self.last += 1
        self._kept.append(json.dumps({"type": kind, "event_id": f"event_{self.last}", **fields}))
        self._num_bytes += len(self._kept[-1])
        while self._num_bytes > MOST_BYTES and len(self._kept) > 1:
            self._num_bytes -= len(self._kept.popleft())
        self._changed.set()

    def end(self) -> None:
        """Let whoever follows finish."""
        self._ended = True
        self._changed.set()

    def keeps(self, after: int) -> bool:
        """Return whether every event behind a number is kept."""
        return self.last - len(self._kept) <= after <= self.last

    async def follow(self, after: int) -> AsyncIterator[str]:
        """Yield every event behind a number, also those to come, until the end. One at a time
        follows. Raises: EventsLostError where the next one is not kept."""
        while True:
            self._changed.clear()
            while after < self.last:
                place = after - (self.last - len(self._kept))
                if place < 0:
                    raise EventsLostError
                after += 1
                yield self._kept[place]
            if self._ended:
                return
            await self._changed.wait()


def error_fields(error: ApiError, event_id: str | None = None) -> dict[str, Any]:
    """Return the error of an error event. event_id: of the client's event that it is about."""
    return {**error.body, "event_id": event_id}
