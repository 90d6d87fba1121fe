"""The provisional part of an answer, step by step: words by position, pictures as previews.

An extension of a chat's stream. Text is a list of pieces that join to it; a revision names the
positions whose piece changed and what stands there now, so a client that applies all of them has
the whole prediction. Owns: `Revisions`.
"""

from typing import Any

import numpy as np

from engine.api.events import Refined
from engine.media.images import small_webp
from engine.media.video import FRAME_MS
from serving.answers.answer_files import to_address

PREVIEW_PX = 512


class Revisions:
    """The revisions of one answer, in order."""

    def __init__(self) -> None:
        self._segment = -1
        self._pieces: tuple[str, ...] = ()

    def of(self, event: Refined) -> dict[str, Any]:
        """Return what a step changed."""
        if event.segment != self._segment:
            self._segment, self._pieces = event.segment, ()
        found: dict[str, Any] = {
            "segment": event.segment,
            "modality": str(event.modality),
            "step": event.index + 1,
            "num_steps": event.num_steps,
        }
        if event.words_1 is not None:
            found["words"] = self._changed(event.words_1)
        if event.image_t is not None:
            found["image"] = _preview(event.image_t)
            found["frame_ms"] = FRAME_MS if event.image_t.ndim == 4 else None
        return found

    def _changed(self, pieces: tuple[str, ...]) -> list[tuple[int, str]]:
        before = self._pieces + ("",) * (len(pieces) - len(self._pieces))
        self._pieces = pieces
        both = enumerate(zip(before, pieces, strict=False))
        return [(i, new) for i, (old, new) in both if old != new]


def _preview(shown: np.ndarray) -> str:
    """Return a picture, or the frames of a film side by side, as a data address."""
    whole = shown if shown.ndim == 3 else np.concatenate(list(shown), axis=1)
    return to_address(small_webp(whole, PREVIEW_PX * (shown.ndim - 2)), "image/webp")
