"""The steps of a picture that are shown while it forms: evenly apart, before the last one."""

import math

from engine.api.events import Event, Refined, SegmentStarted

AHEAD = 3
"""The engine asks whether to decode a step when at most so many are not yet out."""


class PartialImages:
    """num: pictures before the answer; one of every step where it has fewer. It is told of every
    event in order, and says which are shown and when the engine is to decode."""

    def __init__(self, num: int) -> None:
        self._num = num
        self._due: frozenset[int] = frozenset()
        self._next = 0

    def rate(self) -> float:
        """Return the previews a second, see `engine.api.events.PreviewRate`: every step is decoded
        around one that is shown, no other is."""
        near = range(self._next, self._next + AHEAD)
        return 0.0 if self._due.isdisjoint(near) else math.inf

    def keeps(self, event: Event) -> bool:
        """Return whether an event is shown."""
        match event:
            case SegmentStarted():
                self._due, self._next = steps_shown(event.num_steps, self._num), 0
                return False
            case Refined():
                self._next = event.index + 1
                shown = event.index in self._due and not event.last
                return shown and event.image_t is not None
            case _:
                return False


def steps_shown(num_steps: int, num: int) -> frozenset[int]:
    """Return the indices of so many steps before the last one, evenly apart."""
    num = min(num, num_steps - 1)
    return frozenset(round((i + 1) * num_steps / (num + 1)) - 1 for i in range(num))
