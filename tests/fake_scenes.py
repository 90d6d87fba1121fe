"""Pictures and films that a text names, drawn by the world's own renderer."""

import numpy as np

from world.concepts import BY_NAME, COLOURABLE, CONCEPTS, OBJECT_COLOURS
from world.image.rendering import render
from world.image.scenes import CELLS as LATTICE
from world.image.scenes import Background, Family, Item, Scene
from world.video.motion import SLIDES, Motion, VideoScene, render_video

COUNTS = {"two": 2, "three": 3, "four": 4}
MOTIONS = {
    "left": Motion.LEFT,
    "up": Motion.UP,
    "down": Motion.DOWN,
    "bouncing": Motion.BOUNCE,
    "spinning": Motion.SPIN,
    "appears": Motion.APPEAR,
}
CELLS = {
    1: ((2, 2),),
    2: ((0, 2), (4, 2)),
    3: ((0, 0), (4, 0), (2, 4)),
    4: ((0, 0), (4, 0), (0, 4), (4, 4)),
}


def draw(text: str, seed: int) -> np.ndarray:
    """The things that the text names, uint8 "128 128 3"."""
    words = text.lower().split()
    things = _things(words, seed)
    if len(things) == 1:
        things *= next((n for w, n in COUNTS.items() if w in words), 1)
    cells = CELLS[min(len(things), 4) or 1]
    if "above" in words and len(things) == 2:
        cells = ((2, 0), (2, 4))
    items = tuple(
        Item(name, colour, "big", *cell)
        for (name, colour), cell in zip(things, cells, strict=False)
    )
    return render(Scene(Family.GROUP, _background(words), items))


def _things(words: list[str], seed: int) -> list[tuple[str, str | None]]:
    """The concepts that are named, with their colours; the seed gives one to those without."""
    singular = {c.plural: c.name for c in CONCEPTS} | {c.name: c.name for c in CONCEPTS}
    named = [(singular[w], words[i - 1] if i else "") for i, w in enumerate(words) if w in singular]
    default = sorted(OBJECT_COLOURS)[seed % 7]
    return [
        (name, (said if said in OBJECT_COLOURS else default) if name in COLOURABLE else None)
        for name, said in named
        if name in BY_NAME
    ]


def _background(words: list[str]) -> Background:
    place = next((p for p in ("night", "sea", "sky", "grass", "room") if p in words), None)
    return Background(place) if place else Background("plain", ("blue",))


def film(text: str, seed: int) -> np.ndarray:
    """The first thing that the text names, moving as it says or to the right, uint8
    "8 128 128 3"."""
    words = text.lower().split()
    name, colour = (_things(words, seed) or [("circle", "red")])[0]
    motion = next((m for w, m in MOTIONS.items() if w in words), Motion.RIGHT)
    right, down = SLIDES.get(motion, (0, 0))
    middle = (LATTICE - 4) // 2
    starts = {-1: LATTICE - 4, 0: middle, 1: 0}
    row = LATTICE - 4 if motion is Motion.BOUNCE else starts[down]
    mover = Item(name, colour, "big", starts[right], row)
    return render_video(VideoScene(_background(words), (mover,), motion, cells=LATTICE - 4))
