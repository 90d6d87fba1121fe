"""The labels of image patches: object, colour, and part of the object.

A patch is a cell of the lattice of `world.image.scenes`, and a position of a picture tokenizer that
has as many; of one with another grid it is what its corner shows. Owns: `patch_labels`,
`video_patch_labels`, `mentioned`. Does not own: pixels.
"""

from collections.abc import Sequence
from functools import cache
from math import isqrt

import numpy as np

from world.concepts import BY_NAME, CONCEPTS, OBJECT_COLOURS, named_concepts
from world.image.scenes import CELL_PX, CELLS, SIZES, Scene
from world.image.sprites import sprite
from world.per_domain import per_domain
from world.video.motion import Placed, VideoScene, placed

LABELS = 3
"""Labels of a patch."""
COLOUR = 1
"""The column of the colour."""
COVERED = 0.1
"""The least share of a patch that an object covers."""


def names() -> tuple[tuple[str, ...], ...]:
    """Return the names of the values of the three labels; 0 is the background, or no chosen colour.
    A part is row and column within an object of a size."""
    parts = (
        f"{size} {row + 1}.{column + 1}"
        for size, n in sorted(SIZES.items(), key=lambda one: one[1])
        for row in range(n)
        for column in range(n)
    )
    return ("", *(concept.name for concept in CONCEPTS)), ("", *OBJECT_COLOURS), ("", *parts)


def patch_labels(scene: Scene, num: int = CELLS**2) -> np.ndarray:
    """Return object, colour and part of each patch, int64 "num 3", row by row."""
    return _frame([Placed(item) for item in scene.items], num)


def video_patch_labels(video: VideoScene, num: int = CELLS**2) -> np.ndarray:
    """Return the labels of all frames, int64 "8*num 3"."""
    return np.concatenate([_frame(shown, num) for shown in placed(video)])


def mentioned(facts: np.ndarray, words: str) -> np.ndarray:
    """Return which patches of labels "N 3" show an object that the words name, bool "N"."""
    said = [_places()[name] + 1 for name in named_concepts(words)]
    return np.isin(facts[:, 0], said)


def _frame(shown: Sequence[Placed], num: int) -> np.ndarray:
    found = np.zeros((CELLS, CELLS, LABELS), np.int64)
    for here in shown:
        item = here.item
        box = np.s_[item.row : item.row + item.cells, item.column : item.column + item.cells]
        drawn = np.rot90(_drawn(item.concept, item.size), -here.turns)
        facts = np.rot90(_parts(item.size), -here.turns)
        concept = _places()[item.concept] + 1
        colour = 0 if item.colour is None else tuple(OBJECT_COLOURS).index(item.colour) + 1
        same = np.stack([np.full_like(facts, concept), np.full_like(facts, colour), facts], -1)
        found[box] = np.where(drawn[..., None], same, found[box])
    side = isqrt(num)
    corners = np.arange(side) * CELLS // side
    return found[np.ix_(corners, corners)].reshape(num, LABELS)


@per_domain
def _places() -> dict[str, int]:
    return {concept.name: place for place, concept in enumerate(CONCEPTS)}


@per_domain
def _drawn(concept: str, size: str) -> np.ndarray:
    """Return the cells that an object covers, bool "n n"."""
    cells = SIZES[size]
    colour = next(iter(OBJECT_COLOURS)) if BY_NAME[concept].colourable else None
    alpha = sprite(concept, colour, cells * CELL_PX)[..., 3]
    return alpha.reshape(cells, CELL_PX, cells, CELL_PX).mean((1, 3)) > COVERED


@cache
def _parts(size: str) -> np.ndarray:
    """Return the part numbers of an object of a size, int64 "n n"."""
    before = sum(n**2 for n in SIZES.values() if n < SIZES[size])
    cells = SIZES[size]
    return 1 + before + np.arange(cells**2).reshape(cells, cells)
