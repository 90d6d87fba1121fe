"""Videos: `FRAMES` images in which objects of the world move.

Everything lies on the lattice of `world.image.scenes` in every frame. Owns: `Motion`, `VideoScene`,
`placed`, `render_video`, `sample_video`. Does not own: backgrounds and objects
(`world.image.scenes`), the words about films (`world.video.captions`).
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum

import numpy as np

from world.concepts import BY_NAME, held_out
from world.image.rendering import background_picture
from world.image.scenes import (
    ARRANGEMENTS,
    CELLS,
    Background,
    Family,
    Item,
    Scene,
    picture_px,
    sample_scene,
)
from world.image.sprites import sprite

FRAMES = 8


class Motion(StrEnum):
    """The motions; slides go one way, in `CROSS` two objects pass each other."""

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
"""The slides and their directions (x, y), y downwards."""
APPEARS_AT = FRAMES // 2
"""The first frame with what appears."""
BOUNCE = 3
"""The height of a bounce in cells."""
TWINS, STILL = 0.2, 0.25
"""The share of slides with two identical movers, and of films with one mover in which another
object stands still."""
ROUND = ("circle", "square", "sun")
"""Concepts that look the same after a quarter turn; they never spin."""
_GROWTH = ("small", "", "big")
_MIDDLE, _LANES = CELLS / 2, (CELLS / 4, CELLS * 3 / 4)


@dataclass(frozen=True)
class VideoScene:
    """The graph of a video. movers: one object, two identical ones, or in `CROSS` two different
    ones, the first going right. They are placed as in the first frame; an appearing one at its
    final place, a growing or shrinking one at medium size. still: no object, or one of another
    concept. cells: the distance of a slide or crossing, the height of a bounce; else 0."""

    background: Background
    movers: tuple[Item, ...]
    motion: Motion
    still: tuple[Item, ...] = ()
    cells: int = 0


@dataclass(frozen=True)
class Placed:
    """An object in one frame: place, size and quarter turns clockwise."""

    item: Item
    turns: int = 0


@dataclass(frozen=True)
class Frame:
    """A picture as its background and its objects, the last in front."""

    background: Background
    shown: tuple[Placed, ...]

    @classmethod
    def of(cls, scene: Scene) -> "Frame":
        """Return the frame that is a scene's picture."""
        return cls(scene.background, tuple(Placed(item) for item in scene.items))


def placed(video: VideoScene) -> tuple[tuple[Placed, ...], ...]:
    """Return the objects of each frame: the one that stands still, then the movers."""
    still = tuple(Placed(item) for item in video.still)
    movers = range(len(video.movers))
    hidden = APPEARS_AT if video.motion is Motion.APPEAR else 0
    return tuple(
        still + tuple(_moved(video, i, frame) for i in movers if frame >= hidden)
        for frame in range(FRAMES)
    )


def _moved(video: VideoScene, index: int, frame: int) -> Placed:
    """Return a mover in a frame; an appearing one at its final place."""
    item, gone = video.movers[index], _share(video.cells, frame)
    match video.motion:
        case Motion.BOUNCE:
            height = (0, video.cells - 1, video.cells, video.cells - 1)[frame % 4]
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
    """Return the rounded part of the whole done by a frame."""
    return int(whole * frame / (FRAMES - 1) + 0.5)


def _resized(item: Item, size: str) -> Item:
    """Resize the item about its centre, as near as the lattice allows."""
    resized = replace(item, size=size)
    shift = (item.cells - resized.cells) // 2
    return replace(resized, column=item.column + shift, row=item.row + shift)


def frames_of(video: VideoScene) -> tuple[Frame, ...]:
    """Return what each frame shows."""
    return tuple(Frame(video.background, shown) for shown in placed(video))


def render_video(video: VideoScene) -> np.ndarray:
    """Render the frames, uint8 "8 side side 3", side the domain's."""
    return np.stack([render_frame(frame) for frame in frames_of(video)])


def render_frame(frame: Frame) -> np.ndarray:
    """Render a frame, uint8 "side side 3"."""
    canvas = background_picture(frame.background, picture_px()).copy()
    cell = picture_px() // CELLS
    for here in frame.shown:
        item, side = here.item, here.item.cells * cell
        art = np.rot90(sprite(item.concept, item.colour, side), -here.turns)
        x, y = item.column * cell, item.row * cell
        box = np.s_[y : y + side, x : x + side]
        canvas[box] = canvas[box] * (1 - art[..., 3:]) + art[..., :3]
    return (np.clip(canvas, 0, 1) * 255 + 0.5).astype(np.uint8)


def held_out_motions(video: VideoScene) -> list[tuple[str, str]]:
    """Return the held-out pairs (concept, motion) of the video."""
    names = dict.fromkeys(item.concept for item in video.movers)
    return [(name, video.motion.value) for name in names if held_out(name, video.motion)]


def sample_video(
    rng: np.random.Generator, *, test: bool, motion: Motion | None = None, from_image: bool = False
) -> VideoScene:
    """Return a random video.

    Places follow from the content: a slide crosses from edge to edge, centred or in lanes; a bounce
    starts at the bottom; all else stands as in an image. from_image: a slide or bounce of one
    object starts where an image has it. test False: no held-out pair of concept and motion or
    colour. test True: a mover has a held-out motion; colours are free.
    """
    if motion is None:
        motion = tuple(Motion)[int(rng.integers(len(Motion)))]
    from_image &= motion in SLIDES or motion is Motion.BOUNCE
    moving = 2 if motion is Motion.CROSS else 1
    twins = motion in SLIDES and rng.random() < TWINS and not from_image
    stands = moving == 1 and not twins and rng.random() < STILL and not from_image
    while True:
        background, things = _cast(rng, motion, moving + stands, test=test)
        if twins and not BY_NAME[things[0].concept].countable:
            continue
        movers = things[:moving] * (2 if twins else 1)
        video = VideoScene(background, movers, motion, things[moving:])
        if bool(held_out_motions(video)) == test:
            return _from_the_picture(video) if from_image else _arranged(video)


def _cast(
    rng: np.random.Generator, motion: Motion, num: int, *, test: bool
) -> tuple[Background, tuple[Item, ...]]:
    """Draw a background and different objects; the first one can show the motion."""
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


def _arranged(video: VideoScene) -> VideoScene:
    """Place all objects. Two objects keep to lanes: one above the other for horizontal motion, else
    side by side."""
    things = (*video.movers, *video.still)
    if video.motion is Motion.CROSS:
        ways = [SLIDES[Motion.RIGHT], SLIDES[Motion.LEFT]]
    elif video.motion in SLIDES:
        ways = [SLIDES[video.motion]] * len(video.movers)
    else:
        ways = [(0, 0)] * len(video.movers)
    cells = min(CELLS - item.cells for item in video.movers) if any(ways[0]) else 0
    if any(way[0] for way in ways):
        lanes = _LANES if len(things) == 2 else (_MIDDLE,)
        centres = [(_MIDDLE, lane) for lane in lanes]
    else:
        centres = list(ARRANGEMENTS[len(things)])
    found = [item.centred(*centre) for item, centre in zip(things, centres, strict=True)]
    for i, way in enumerate(ways):
        found[i] = _at_start(found[i], way)
    if video.motion is Motion.BOUNCE:
        cells = BOUNCE
        found[0] = replace(found[0], row=CELLS - found[0].cells)
    num = len(video.movers)
    return replace(video, movers=tuple(found[:num]), still=tuple(found[num:]), cells=cells)


def _from_the_picture(video: VideoScene) -> VideoScene:
    """Return a slide or bounce of one object that starts in the middle."""
    item = video.movers[0].centred(_MIDDLE, _MIDDLE)
    room = CELLS - item.cells
    cells = {
        Motion.LEFT: item.column,
        Motion.RIGHT: room - item.column,
        Motion.UP: item.row,
        Motion.DOWN: room - item.row,
        Motion.BOUNCE: min(item.row, BOUNCE),
    }[video.motion]
    return replace(video, movers=(item,), cells=cells)


def _at_start(item: Item, way: tuple[int, int]) -> Item:
    """Move the item to the edge where that direction starts."""
    edges = {1: 0, -1: CELLS - item.cells}
    column, row = edges.get(way[0], item.column), edges.get(way[1], item.row)
    return replace(item, column=column, row=row)
