"""Gallery queries: words, an item, or an item and words that change it."""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from engine.api.conversation import Part
from engine.api.request import USUAL_PROMPT_CHARACTERS

PIECES_OF_SOUND = 8
GRID = 4
"""Cells along a side of a picture, of which one is blanked at a time."""
NOTHING = "There is nothing to look for: write something, or give a file."


@dataclass(frozen=True)
class Query:
    """words: stripped. given: a picture, a film, a sound or a text. Raises: ValueError where there
    is nothing, or too much."""

    words: str = ""
    given: Part | None = None

    def __post_init__(self) -> None:
        if not self.words and self.given is None:
            raise ValueError(NOTHING)
        if len(self.words) > USUAL_PROMPT_CHARACTERS:
            raise ValueError(
                f"the query has {len(self.words)} characters, the limit is "
                f"{USUAL_PROMPT_CHARACTERS}: please shorten it"
            )

    @property
    def parts(self) -> tuple[Part, ...]:
        """The message that is embedded."""
        given = () if self.given is None else (self.given,)
        return (*given, Part(text=self.words)) if self.words else given


def without_each_word(query: Query) -> list[tuple[str, Query]]:
    """The words of a query, each with the query that lacks it; none where nothing would be left."""
    words = query.words.split()
    if len(words) < 2 and query.given is None:
        return []
    kept = [" ".join((*words[:i], *words[i + 1 :])) for i in range(len(words))]
    return [(word, Query(rest, query.given)) for word, rest in zip(words, kept, strict=True)]


def without_each_piece(part: Part) -> list[Part]:
    """A part with a piece of it taken away: of a picture each of `GRID` x `GRID` cells in its mean
    colour, row by row; of a film each frame; of a sound each of `PIECES_OF_SOUND` stretches
    silent; of a text each word."""
    if part.image is not None:
        return [Part(image=picture) for picture in _blanked(part.image)]
    if part.video is not None:
        return [Part(video=frames) for frames in _without_each_frame(part.video)]
    if part.audio is not None:
        edges = np.linspace(0, len(part.audio), PIECES_OF_SOUND + 1).astype(int).tolist()
        return [Part(audio=_silent(part.audio, *edge)) for edge in pairwise(edges)]
    words = (part.text or "").split()
    lacking = [" ".join((*words[:i], *words[i + 1 :])) for i in range(len(words))]
    return [Part(text=text) for text in lacking if text]


def _blanked(picture: np.ndarray) -> list[np.ndarray]:
    colour = picture.reshape(-1, 3).mean(0).astype(np.uint8)
    rows, columns = (np.linspace(0, side, GRID + 1).astype(int) for side in picture.shape[:2])
    found: list[np.ndarray] = []
    for top, bottom in pairwise(rows.tolist()):
        for left, right in pairwise(columns.tolist()):
            blank = picture.copy()
            blank[top:bottom, left:right] = colour
            found.append(blank)
    return found


def _without_each_frame(frames: np.ndarray) -> list[np.ndarray]:
    """Each frame in its mean colour."""
    found: list[np.ndarray] = []
    for i, frame in enumerate(frames):
        blank = frames.copy()
        blank[i] = frame.reshape(-1, 3).mean(0).astype(np.uint8)
        found.append(blank)
    return found


def _silent(samples: np.ndarray, begin: int, end: int) -> np.ndarray:
    quiet = samples.copy()
    quiet[begin:end] = 0
    return quiet
