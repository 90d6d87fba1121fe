"""Scenes: a graph of what is in a picture, drawn from a seed, and its exact rendering.

Objects stand on a lattice of `CELL_PX` pixels. The scene graph is the ground truth of every
caption, question and score. Owns: `Item`, `Background`, `Scene`, `sample_scene`, `render`. Does
not own: words about scenes (`world.text.captions`).
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

import numpy as np

from world.concepts import (
    BY_NAME,
    COLOURABLE,
    CONCEPTS,
    OBJECT_COLOURS,
    RELATIONS,
    held_out,
    is_large,
)

IMAGE_PX = 128
"""Side of the pictures of the small domain; judges measure in their pixels."""
CELL_PX = 16
CELLS = IMAGE_PX // CELL_PX
SIZES: dict[str, int] = {"small": 2, "": 3, "big": 4}
"""Size word -> side in cells; the medium size has no word."""

ARRANGEMENTS: dict[int, tuple[tuple[float, float], ...]] = {
    1: ((4, 4),),
    2: ((2, 4), (6, 4)),
    3: ((4, 2), (2, 6), (6, 6)),
    4: ((2, 2), (6, 2), (2, 6), (6, 6)),
}
"""The centres (x, y) in cells by number of objects, in naming order: centred, side by side,
triangle, square."""
UPRIGHT_PAIR = ((4, 2), (4, 6))

BACKGROUND_COLOURS: dict[str, tuple[int, int, int]] = {
    "white": (246, 246, 248),
    "grey": (168, 174, 184),
    "black": (34, 36, 44),
    "blue": (150, 200, 250),
    "green": (170, 224, 170),
    "yellow": (252, 236, 160),
    "pink": (252, 200, 222),
    "purple": (206, 186, 246),
    "orange": (252, 206, 160),
}
PLACES: list[str] = ["sky", "grass", "sea", "night", "room"]
"""The places of the domain."""
TINTED = 0.25
"""The share of things that have a colour word of those that can do without."""


def picture_px() -> int:
    """Return the side of the domain's pictures."""
    return 2 * IMAGE_PX if is_large() else IMAGE_PX


class Family(StrEnum):
    """The families of scenes, named as the columns of GenEval; `group` has three or four different
    objects."""

    SINGLE_OBJECT = "single_object"
    TWO_OBJECTS = "two_objects"
    COUNTING = "counting"
    COLOURS = "colours"
    POSITION = "position"
    COLOUR_ATTRIBUTION = "colour_attribution"
    GROUP = "group"


GENEVAL: tuple[Family, ...] = tuple(f for f in Family if f is not Family.GROUP)
"""The six families of GenEval (Ghosh et al. 2023, arXiv:2310.11513)."""


@dataclass(frozen=True)
class Item:
    """An object: concept, colour word or None, size word, and the lattice cell of its top left
    corner."""

    concept: str
    colour: str | None
    size: str
    column: int
    row: int

    @property
    def cells(self) -> int:
        return SIZES[self.size]

    @property
    def centre(self) -> tuple[float, float]:
        """Return (x, y) in cells."""
        return self.column + self.cells / 2, self.row + self.cells / 2

    def centred(self, x: float, y: float) -> "Item":
        """Centre the item on a point in cells, rounded to the lattice."""
        half = self.cells / 2
        return replace(self, column=int(x - half + 0.5), row=int(y - half + 0.5))

    def overlaps(self, other: "Item") -> bool:
        apart_x = (
            self.column + self.cells <= other.column or other.column + other.cells <= self.column
        )
        apart_y = self.row + self.cells <= other.row or other.row + other.cells <= self.row
        return not (apart_x or apart_y)


@dataclass(frozen=True)
class Background:
    """A background. kind: "plain" (one colour), "gradient" (two, top to bottom), or one of `PLACES`
    (no colour)."""

    kind: str
    colours: tuple[str, ...] = ()


@dataclass(frozen=True)
class Scene:
    """The scene graph. relation: holds between items 0 and 1 in family POSITION."""

    family: Family
    background: Background
    items: tuple[Item, ...]
    relation: str | None = None


def relation_holds(relation: str, a: Item, b: Item) -> bool:
    """Return whether a is above, below, left of or right of b: boxes apart along that axis, which
    is the main one."""
    (ax, ay), (bx, by) = a.centre, b.centre
    across = relation in ("left of", "right of")
    along, aside = (bx - ax, by - ay) if across else (by - ay, bx - ax)
    if relation in ("right of", "below"):
        along = -along
    return along >= (a.cells + b.cells) / 2 and abs(aside) < along


def sample_scene(rng: np.random.Generator, *, test: bool, family: Family | None = None) -> Scene:
    """Return a random scene.

    test False: no held-out pair. test True: COLOURS and COLOUR_ATTRIBUTION contain a held-out
    coloured object, POSITION a held-out relation; other families are free.
    """
    if family is None:
        weights = (0.2, 0.18, 0.14, 0.12, 0.18, 0.1, 0.08)
        family = tuple(Family)[int(rng.choice(len(Family), p=weights))]
    while True:
        scene = _propose(rng, family)
        if scene is not None and _admitted(scene, test):
            return scene


def sample_collage(rng: np.random.Generator) -> Scene:
    """Return 5 to 8 objects that may overlap, for the tokenizer; it has no caption."""
    wishes = [_thing(rng, size=None) for _ in range(int(rng.integers(5, 9)))]
    places = [
        (int(rng.integers(CELLS - w.cells + 1)), int(rng.integers(CELLS - w.cells + 1)))
        for w in wishes
    ]
    items = tuple(replace(w, column=x, row=y) for w, (x, y) in zip(wishes, places, strict=True))
    return Scene(Family.GROUP, _background(rng), items)


def held_out_pairs(scene: Scene) -> list[tuple[str, str]]:
    """Return the held-out pairs of the scene: coloured objects, and the relations of two different
    objects that are alone."""
    pairs = [(i.colour, i.concept) for i in scene.items if i.colour is not None]
    if len(scene.items) == 2 and scene.items[0].concept != scene.items[1].concept:
        for a, b in (scene.items, scene.items[::-1]):
            pairs += [(a.concept, r) for r in RELATIONS if relation_holds(r, a, b)]
    return [p for p in pairs if held_out(*p)]


def _admitted(scene: Scene, test: bool) -> bool:
    held = held_out_pairs(scene)
    if not test:
        return not held
    match scene.family:
        case Family.COLOURS | Family.COLOUR_ATTRIBUTION:
            return any(colour in OBJECT_COLOURS for colour, _ in held)
        case Family.POSITION:
            return any(relation in RELATIONS for _, relation in held)
        case _:
            return True


def _propose(rng: np.random.Generator, family: Family) -> Scene | None:
    """Propose a scene of the family, or None where two objects have one colour."""
    background = _background(rng)
    relation = None
    if family is Family.COUNTING:
        one = _thing(rng, size="" if rng.random() < 0.6 else "small")
        while not BY_NAME[one.concept].countable:
            one = _thing(rng, size=one.size)
        wishes = [one] * int(rng.integers(2, 5))
    elif family is Family.GROUP:
        wishes = _different(rng, int(rng.integers(3, 5)), size=None)
    elif family is Family.SINGLE_OBJECT:
        wishes = [_thing(rng, size=None)]
    elif family is Family.COLOURS:
        wishes = [_thing(rng, size=None, names=COLOURABLE)]
    elif family is Family.COLOUR_ATTRIBUTION:
        wishes = _different(rng, 2, size="", names=COLOURABLE)
        if wishes[0].colour == wishes[1].colour:
            return None
    else:
        wishes = _different(rng, 2, size="" if family is Family.POSITION else None)
        if family is Family.POSITION:
            relation = str(rng.choice(RELATIONS))
    return Scene(family, background, _placed(wishes, relation), relation)


def _thing(rng: np.random.Generator, size: str | None, names: Sequence[str] | None = None) -> Item:
    """Return an unplaced object; size None draws one, names None means every concept, others have a
    colour."""
    concept = (
        BY_NAME[str(rng.choice(names))] if names else CONCEPTS[int(rng.integers(len(CONCEPTS)))]
    )
    colour = None
    if names or concept.colourable or (concept.name in COLOURABLE and rng.random() < TINTED):
        colour = str(rng.choice(tuple(OBJECT_COLOURS)))
    if size is None:
        size = str(rng.choice(("", "small", "big"), p=(0.6, 0.2, 0.2)))
    return Item(concept.name, colour, size, 0, 0)


def _different(
    rng: np.random.Generator, num: int, size: str | None, names: Sequence[str] | None = None
) -> list[Item]:
    things: list[Item] = []
    while len(things) < num:
        thing = _thing(rng, size, names)
        if all(thing.concept != t.concept for t in things):
            things.append(thing)
    return things


def _placed(wishes: list[Item], relation: str | None) -> tuple[Item, ...]:
    """Place the objects on the lattice by the arrangement."""
    upright = relation in ("above", "below")
    centres = UPRIGHT_PAIR if upright else ARRANGEMENTS[len(wishes)]
    if relation in ("below", "right of"):
        centres = centres[::-1]
    return tuple(wish.centred(x, y) for wish, (x, y) in zip(wishes, centres, strict=True))


def _background(rng: np.random.Generator) -> Background:
    roll = rng.random()
    colours = tuple(BACKGROUND_COLOURS)
    if roll < 0.5:
        return Background("plain", (str(rng.choice(colours)),))
    if roll < 0.65:
        top, bottom = rng.choice(len(colours), 2, replace=False)
        return Background("gradient", (colours[top], colours[bottom]))
    return Background(str(rng.choice(PLACES)))
