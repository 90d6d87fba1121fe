"""Films: `FRAMES` pictures in which objects of the world move.

Everything lies on the lattice of `world.scenes` in every frame. Owns: `Motion`, `Film`, `placed`,
`render_film`, `sample_film`. Does not own: backgrounds and objects (`world.scenes`), the words
about films (`world.film_words`).
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from itertools import combinations

import numpy as np

from world.concepts import held_out, sprite
from world.scenes import (
    CELL_PX,
    CELLS,
    Background,
    Family,
    Item,
    background_picture,
    sample_scene,
)

FRAMES = 8


class Motion(StrEnum):
    """What the movers of a film do; a slide goes one way, in `CROSS` two go past each other."""

    LEFT = "left"
    RIGHT = "right"
    UP = "up"
    DOWN = "down"
    BOUNCE = "bounce"
    SPIN = "spin"
    GROW = "grow"
    SHRINK = "shrink"
    APPEAR = "appear"
    CROSS = "cross"


SLIDES: Mapping[Motion, tuple[int, int]] = {
    Motion.LEFT: (-1, 0),
    Motion.RIGHT: (1, 0),
    Motion.UP: (0, -1),
    Motion.DOWN: (0, 1),
}
"""The slides and their ways (x, y), y downwards."""
APPEARS_AT = FRAMES // 2
"""The first frame with what appears."""
SHORTEST_SLIDE = 4
"""In cells; of a crossing too."""
BOUNCES = (2, 3, 4)
"""Heights of a bounce in cells."""
TWINS, STILL = 0.2, 0.25
"""The share of slides with two identical movers, and of films with an object that stands still."""
ROUND = ("circle", "square", "sun")
"""Concepts that look the same after a quarter turn: nobody would see them spin."""
_GROWTH = ("small", "", "big")
_TRIES = 30


@dataclass(frozen=True)
class Film:
    """The whole graph. movers: one object, two identical ones, or in `CROSS` two different ones, of
    which the first goes to the right and the second to the left. They are placed as in the first
    frame; one that appears, as it will stand; one that grows or shrinks, at its middle size, the
    everyday one. still: no object, or one of another concept that does not move. cells: how far a
    slide or a crossing goes, how high a bounce; 0 elsewhere."""

    background: Background
    movers: tuple[Item, ...]
    motion: Motion
    still: tuple[Item, ...] = ()
    cells: int = 0


@dataclass(frozen=True)
class Placed:
    """An object as one frame shows it: where, how big, and after how many quarter turns
    clockwise."""

    item: Item
    turns: int = 0


def placed(film: Film) -> tuple[tuple[Placed, ...], ...]:
    """What each of the `FRAMES` frames shows: the object that stands still, then the movers."""
    still = tuple(Placed(item) for item in film.still)
    movers = range(len(film.movers))
    hidden = APPEARS_AT if film.motion is Motion.APPEAR else 0
    return tuple(
        still + tuple(_moved(film, i, frame) for i in movers if frame >= hidden)
        for frame in range(FRAMES)
    )


def _moved(film: Film, index: int, frame: int) -> Placed:
    """A mover in a frame; one that appears, as it will stand."""
    item, gone = film.movers[index], _share(film.cells, frame)
    match film.motion:
        case Motion.BOUNCE:
            height = (0, film.cells - 1, film.cells, film.cells - 1)[frame % 4]
            return Placed(replace(item, row=item.row - height))
        case Motion.SPIN:
            return Placed(item, frame % 4)
        case Motion.GROW:
            return Placed(_resized(item, _GROWTH[_share(2, frame)]))
        case Motion.SHRINK:
            return Placed(_resized(item, _GROWTH[2 - _share(2, frame)]))
        case Motion.APPEAR:
            return Placed(item)
        case Motion.CROSS:
            x, y = SLIDES[Motion.LEFT if index else Motion.RIGHT]
        case slide:
            x, y = SLIDES[slide]
    return Placed(replace(item, column=item.column + gone * x, row=item.row + gone * y))


def _share(whole: int, frame: int) -> int:
    """The part of the whole that is done by a frame, as even as whole numbers allow."""
    return int(whole * frame / (FRAMES - 1) + 0.5)


def _resized(item: Item, size: str) -> Item:
    """The item in another size about the same centre, as near as the lattice allows."""
    resized = replace(item, size=size)
    shift = (item.cells - resized.cells) // 2
    return replace(resized, column=item.column + shift, row=item.row + shift)


def render_film(film: Film) -> np.ndarray:
    """The frames, uint8 "8 128 128 3"."""
    return np.stack([_frame(film.background, shown) for shown in placed(film)])


def _frame(background: Background, shown: tuple[Placed, ...]) -> np.ndarray:
    canvas = background_picture(background).copy()
    for here in shown:
        item, side = here.item, here.item.cells * CELL_PX
        art = np.rot90(sprite(item.concept, item.colour, side), -here.turns)
        x, y = item.column * CELL_PX, item.row * CELL_PX
        box = np.s_[y : y + side, x : x + side]
        canvas[box] = canvas[box] * (1 - art[..., 3:]) + art[..., :3]
    return (np.clip(canvas, 0, 1) * 255 + 0.5).astype(np.uint8)


def held_out_motions(film: Film) -> list[tuple[str, str]]:
    """The pairs (concept, motion) of the film that training never sees."""
    names = dict.fromkeys(item.concept for item in film.movers)
    return [(name, film.motion.value) for name in names if held_out(name, film.motion)]


def sample_film(rng: np.random.Generator, *, test: bool, motion: Motion | None = None) -> Film:
    """A random film.

    test False never contains a held-out pair, of a concept with its motion or its colour. test
    True: a mover does what training never saw it do, and colours are free.
    """
    if motion is None:
        motion = tuple(Motion)[int(rng.integers(len(Motion)))]
    twins = motion in SLIDES and rng.random() < TWINS
    stands = rng.random() < STILL
    moving = 2 if motion is Motion.CROSS else 1
    while True:
        background, things = _cast(rng, motion, moving + stands, test=test)
        movers = things[:moving] * (2 if twins else 1)
        film = Film(background, movers, motion, things[moving:], _cells(rng, motion, movers))
        if bool(held_out_motions(film)) == test:
            arranged = _arranged(rng, film)
            if arranged is not None:
                return arranged


def _cast(
    rng: np.random.Generator, motion: Motion, num: int, *, test: bool
) -> tuple[Background, tuple[Item, ...]]:
    """A background and so many different objects; the first one can be seen doing that motion."""
    things: list[Item] = []
    while True:
        scene = sample_scene(rng, test=test, family=Family.SINGLE_OBJECT)
        thing = scene.items[0]
        if not things and motion is Motion.SPIN and thing.concept in ROUND:
            continue
        if not things and motion in (Motion.GROW, Motion.SHRINK):
            thing = replace(thing, size="")
        if all(thing.concept != t.concept for t in things):
            things.append(thing)
        if len(things) == num:
            return scene.background, tuple(things)


def _cells(rng: np.random.Generator, motion: Motion, movers: tuple[Item, ...]) -> int:
    if motion in SLIDES or motion is Motion.CROSS:
        side = max(item.cells for item in movers)
        return int(rng.integers(SHORTEST_SLIDE, CELLS - side + 1))
    return int(rng.choice(BOUNCES)) if motion is Motion.BOUNCE else 0


def _arranged(rng: np.random.Generator, film: Film) -> Film | None:
    """The film with everything at a random place, inside and apart in every frame; None where that
    was not found."""
    frames = range(FRAMES)
    for _ in range(_TRIES):
        paths = [[_moved(film, i, f).item for f in frames] for i in range(len(film.movers))]
        movers = [
            _somewhere(rng, item, path) for item, path in zip(film.movers, paths, strict=True)
        ]
        if film.motion in SLIDES and len(movers) == 2:
            across = SLIDES[film.motion][0] != 0
            first = {"column": movers[0].column} if across else {"row": movers[0].row}
            movers[1] = replace(movers[1], **first)
        still = tuple(_somewhere(rng, item, [item]) for item in film.still)
        found = replace(film, movers=tuple(movers), still=still)
        if not any(
            a.item.overlaps(b.item) for shown in placed(found) for a, b in combinations(shown, 2)
        ):
            return found
    return None


def _somewhere(rng: np.random.Generator, item: Item, path: list[Item]) -> Item:
    """The item moved to a random place from which its whole path lies inside."""
    left, top = min(i.column for i in path), min(i.row for i in path)
    right, bottom = max(i.column + i.cells for i in path), max(i.row + i.cells for i in path)
    x, y = (
        int(rng.integers(-low, CELLS - high + 1)) for low, high in ((left, right), (top, bottom))
    )
    return replace(item, column=item.column + x, row=item.row + y)
