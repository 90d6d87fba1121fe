"""The marks of the files of one model, or none where its owner wants none.

Owns: `Marker`, `UNMARKED`. Does not own: the marks (`picture_mark`, `sound_mark`), the formats of
files (`engine.media`).
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from engine.media.marking.keyed_signs import DEFAULT_KEY
from engine.media.marking.payload import Payload
from engine.media.marking.picture_mark import mark_picture
from engine.media.marking.sound_mark import mark_sound

MARKS = ("on", "off")


@dataclass(frozen=True)
class Marker:
    """checkpoint: the digest that the marks name. key: their secret. on: whether there are any.
    The settings of a run are plain values; the same ones give the same mark."""

    checkpoint: str = ""
    key: str = DEFAULT_KEY
    on: bool = True

    @classmethod
    def of(cls, marks: str, key: str | None) -> "Marker":
        """Return the marker of an owner's settings. marks: one of `MARKS`; key: None or "" is that
        of everybody. Raises: ValueError where marks is neither."""
        if marks not in MARKS:
            raise ValueError(f"marks are {' or '.join(MARKS)}, not {marks[:20]!r}")
        return cls(key=key or DEFAULT_KEY, on=marks == "on")

    def of_checkpoint(self, digest: str) -> "Marker":
        """Return the marker of a checkpoint."""
        return replace(self, checkpoint=digest)

    def picture(self, picture: np.ndarray, settings: Mapping[str, object]) -> np.ndarray:
        """Return a marked copy of a picture uint8 "H W 3"."""
        return mark_picture(picture, self._payload(settings), self.key) if self.on else picture

    def film(self, frames: np.ndarray, settings: Mapping[str, object]) -> np.ndarray:
        """Return a marked copy of frames uint8 "N H W 3": each has the same mark. A frame that
        equals the one before is marked once."""
        if not self.on:
            return frames
        marked: list[np.ndarray] = []
        for i, frame in enumerate(frames):
            same = i > 0 and np.array_equal(frame, frames[i - 1])
            marked.append(marked[-1] if same else self.picture(frame, settings))
        return np.stack(marked)

    def sound(
        self, samples: np.ndarray, settings: Mapping[str, object], start: int = 0
    ) -> np.ndarray:
        """Return a marked copy of samples float32 "N" at 16 kHz. start: the number of samples of
        the same sound that came before."""
        if not self.on:
            return samples
        return mark_sound(samples, self._payload(settings), self.key, start)

    def _payload(self, settings: Mapping[str, object]) -> Payload:
        return Payload.of(dict(settings), self.checkpoint)


UNMARKED = Marker(on=False)
"""Leaves everything as it is."""
