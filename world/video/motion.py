"""Films: `FRAMES` pictures in which objects of the world move.

Everything lies on the lattice of `world.image.scenes` in every frame. Owns: `Motion`, `VideoScene`,
`placed`, `render_video`, `sample_video`. Does not own: backgrounds and objects
(`world.image.scenes`), the words about films (`world.video.captions`).
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum

import numpy as np

from world.concepts import held_out, sprite
from world.image.scenes import (
    ARRANGEMENTS,
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
BOUNCE = 3
"""The height of a bounce in cells."""
TWINS, STILL = 0.2, 0.25
"""The share of slides with two identical movers, and of films with one mover in which another
object stands still."""
ROUND = ("circle", "square", "sun")
"""Concepts that look the same after a quarter turn: nobody would see them spin."""
_GROWTH = ("small", "", "big")
_MIDDLE, _LANES = CELLS / 2, (CELLS / 4, CELLS * 3 / 4)


@dataclass(frozen=True)
class VideoScene:
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


def placed(film: VideoScene) -> tuple[tuple[Placed, ...], ...]:
    """What each of the `FRAMES` frames shows: the object that stands still, then the movers."""
    still = tuple(Placed(item) for item in film.still)
    movers = range(len(film.movers))
    hidden = APPEARS_AT if film.motion is Motion.APPEAR else 0
    return tuple(
        still + tuple(_moved(film, i, frame) for i in movers if frame >= hidden)
        for frame in range(FRAMES)
    )


def _moved(film: VideoScene, index: int, frame: int) -> Placed:
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


def render_video(film: VideoScene) -> np.ndarray:
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


def held_out_motions(film: VideoScene) -> list[tuple[str, str]]:
    """The pairs (concept, motion) of the film that training never sees."""
    names = dict.fromkeys(item.concept for item in film.movers)
    return [(name, film.motion.value) for name in names if held_out(name, film.motion)]


def sample_video(
    rng: np.random.Generator, *, test: bool, motion: Motion | None = None, begun: bool = False
) -> VideoScene:
    """A random film.

    Where everything is follows from what is in it: a slide goes from one edge to the other, in the
    middle or, of two, in a lane of its own; a bounce starts at the bottom; what stays where it is
    stands as in a picture. begun: a slide or a bounce of one object starts where a picture of it
    has it instead. test False never contains a held-out pair, of a concept with its motion or its
    colour. test True: a mover does what training never saw it do, and colours are free.
    """
    if motion is None:
        motion = tuple(Motion)[int(rng.integers(len(Motion)))]
    begun &= motion in SLIDES or motion is Motion.BOUNCE
    moving = 2 if motion is Motion.CROSS else 1
    twins = motion in SLIDES and rng.random() < TWINS and not begun
    stands = moving == 1 and not twins and rng.random() < STILL and not begun
    while True:
        background, things = _cast(rng, motion, moving + stands, test=test)
        movers = things[:moving] * (2 if twins else 1)
        film = VideoScene(background, movers, motion, things[moving:])
        if bool(held_out_motions(film)) == test:
            return _from_the_picture(film) if begun else _arranged(film)


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


def _arranged(film: VideoScene) -> VideoScene:
    """The film with everything at its place. Objects that share a film with another keep to lanes:
    one above the other where something goes left or right, side by side elsewhere."""
    things = (*film.movers, *film.still)
    if film.motion is Motion.CROSS:
        ways = [SLIDES[Motion.RIGHT], SLIDES[Motion.LEFT]]
    elif film.motion in SLIDES:
        ways = [SLIDES[film.motion]] * len(film.movers)
    else:
        ways = [(0, 0)] * len(film.movers)
    cells = min(CELLS - item.cells for item in film.movers) if any(ways[0]) else 0
    if any(way[0] for way in ways):
        lanes = _LANES if len(things) == 2 else (_MIDDLE,)
        centres = [(_MIDDLE, lane) for lane in lanes]
    else:
        centres = list(ARRANGEMENTS[len(things)])
    found = [item.centred(*centre) for item, centre in zip(things, centres, strict=True)]
    for i, way in enumerate(ways):
        found[i] = _at_start(found[i], way)
    if film.motion is Motion.BOUNCE:
        cells = BOUNCE
        found[0] = replace(found[0], row=CELLS - found[0].cells)
    num = len(film.movers)
    return replace(film, movers=tuple(found[:num]), still=tuple(found[num:]), cells=cells)


def _from_the_picture(film: VideoScene) -> VideoScene:
    """A slide or a bounce of one object that starts in the middle."""
    item = film.movers[0].centred(_MIDDLE, _MIDDLE)
    room = CELLS - item.cells
    cells = {
        Motion.LEFT: item.column,
        Motion.RIGHT: room - item.column,
        Motion.UP: item.row,
        Motion.DOWN: room - item.row,
        Motion.BOUNCE: min(item.row, BOUNCE),
    }[film.motion]
    return replace(film, movers=(item,), cells=cells)


def _at_start(item: Item, way: tuple[int, int]) -> Item:
    """The item at the edge from which that way leads."""
    edges = {1: 0, -1: CELLS - item.cells}
    column, row = edges.get(way[0], item.column), edges.get(way[1], item.row)
    return replace(item, column=column, row=row)
