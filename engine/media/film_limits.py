"""The limits of the work that a film may take, the moments to look at within them, and the
sentences of what is refused.

Pure functions; files are read by engine/media/video.py and engine/media/film_decoder.py.
"""

from bisect import bisect_left, bisect_right
from dataclasses import dataclass

FRAMES, FRAME_PIXELS = 8, 40_000_000
EXACT_PX, MOST_PX = 5 * 10**8, 2 * 10**9
"""Pixels decoded to find the exact moments, and at all: 10**9 take 1 s (H.264) to 8 s (HEVC)."""
DRAWN_COST = 10
"""The cost of a pixel of a whole picture (GIF, PNG, WebP) in pixels of a film."""
MOST_PACKETS = 500_000
"""Over four hours at 30 frames a second."""
LONGEST_SIDE_PX = 512


def unreadable(name: str) -> str:
    """Return the sentence of the refusal."""
    return f"{name} is not a film that can be read: use an MP4, MOV, WebM or GIF file"


def still(name: str) -> str:
    """Return the sentence of the refusal."""
    return f"{name} is a picture, not a film: give it as a picture"


def too_large(name: str) -> str:
    """Return the sentence of the refusal."""
    return f"{name} has over {FRAME_PIXELS // 10**6} million pixels a frame: please scale it down"


def too_long(name: str) -> str:
    """Return the sentence of the refusal."""
    return f"{name} takes too long to look through: please cut it or scale it down"


def middles(start: int, end: int) -> list[int]:
    """Return the times in the middles of the eighths between two times."""
    return [start + (end - start) * (2 * i + 1) // (2 * FRAMES) for i in range(FRAMES)]


@dataclass(frozen=True)
class Timing:
    """The frame times of a film, in its own time base, read from its packets without decoding.

    times: of every frame, sorted. keys: of those that can be decoded by themselves, each with the
    moment to seek for it. end: of the last frame.
    """

    times: list[int]
    keys: list[tuple[int, int]]
    end: int

    def key(self, time: int) -> tuple[int, int]:
        """The last key up to a time, or else the first."""
        return self.keys[max(0, bisect_right(self.keys, time, key=lambda k: k[0]) - 1)]

    def exact(self) -> list[int]:
        """The frames in the middles of the eighths."""
        wanted = middles(self.times[0], self.end)
        return [self.times[bisect_right(self.times, middle) - 1] for middle in wanted]

    def cheap(self) -> list[int]:
        """The keys nearest to the middles, where there is one in the eighth."""
        found, start = self.exact(), self.times[0]
        for i, middle in enumerate(middles(start, self.end)):
            nearest = min((time for time, _ in self.keys), key=lambda t: abs(t - middle))
            if (nearest - start) * FRAMES // (self.end - start) == i:
                found[i] = nearest
        return found

    def cost(self, wanted: list[int]) -> int:
        """The number of frames to decode for these, from the last key frame or the current one."""
        total = done = 0
        for time in wanted:
            position = bisect_left(self.times, time) + 1
            total += max(0, position - max(done, bisect_left(self.times, self.key(time)[0])))
            done = position
        return total

    def chosen(self, cost_px: int) -> list[int] | None:
        """The best moments that may be looked for where a frame costs so much, or None."""
        for most_px in (EXACT_PX, MOST_PX):
            for wanted in (self.exact(), self.cheap()):
                if self.cost(wanted) * cost_px <= most_px:
                    return wanted
        return None
