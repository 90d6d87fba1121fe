"""Proposals of edits: one random instruction for a scene, with the scene after it.

Every rule has one outcome: a moved object goes as far as it can, a new size keeps the centre, a new
object stands as near to the axis of its neighbour as it can. Owns: `propose_edit`, the phrases of
the instructions. Does not own: which proposals are taken (`world.edits.sampling`).
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from world.concepts import BY_NAME, COLOURABLE, CONCEPTS, OBJECT_COLOURS, RELATIONS, held_out
from world.edits.edits import Change, Edit, with_items
from world.image.scenes import (
    BACKGROUND_COLOURS,
    CELLS,
    PLACES,
    SIZES,
    TINTED,
    Background,
    Item,
    Scene,
    relation_holds,
)
from world.sampling import pick
from world.text.captions import PLACE_PHRASES, RELATION_PHRASES, noun, with_article

MAX_ITEMS = 4
USUAL_DISTANCE = 4
"""Cells between the centres of two neighbours where there is room, as in sampled scenes."""
MOST_ASIDE = 1
"""The most cells between a new object and its neighbour's axis."""
DIRECTIONS = {"left": (-1, 0), "right": (1, 0), "up": (0, -1), "down": (0, 1)}
"""Direction -> cells (across, down) of one step."""
DIRECTION_PHRASES = {
    "left": ("to the left", "left", "further left"),
    "right": ("to the right", "right", "further right"),
    "up": ("up", "upwards", "higher"),
    "down": ("down", "downwards", "lower"),
}
PLACE_NOUNS = {
    "sky": "the sky", "grass": "a meadow", "sea": "the sea", "night": "the night sky",
    "room": "a room", "beach": "the beach", "forest": "a forest", "snow": "the snow",
    "city": "the city", "desert": "the desert", "space": "outer space",
    "underwater": "the ocean", "kitchen": "a kitchen", "farm": "a farm", "stage": "a stage",
}  # fmt: skip
_PLAIN = (
    "make the background {colour}", "change the background to {colour}",
    "turn the background {colour}", "paint the background {colour}", "use {a_colour} background",
    "i want {a_colour} background",
)  # fmt: skip
_PLACE = (
    "put {them} {where}", "show {them} {where}", "let {them} be {where}",
    "change the place to {place}", "change the background to {place}",
)  # fmt: skip
_REPLACE = (
    "replace {} with {}", "swap {} for {}", "turn {} into {}", "change {} to {}",
    "exchange {} for {}",
)  # fmt: skip
REMOVE_PHRASES = (
    "remove {}", "take away {}", "take {} away", "delete {}", "erase {}", "i do not want {}",
)  # fmt: skip
_ADD = (
    "add {} {} {}", "put {} {} {}", "place {} {} {}", "please add {} {} {}", "i also want {} {} {}",
)  # fmt: skip
_COLOUR = (
    "make {} {}", "paint {} {}", "turn {} {}", "colour {} {}", "{} should be {}",
    "change the colour of {} to {}",
)  # fmt: skip
_MOVE = ("move {} {}", "shift {} {}", "push {} {}", "slide {} {}")
_SIZE = ("make {} {}", "i want {} {}", "{} should be {}", "can you make {} {}?")


def propose_edit(rng: np.random.Generator, scene: Scene, change: Change, test: bool) -> Edit | None:
    """Propose one edit of the scene, or None. test: a new colour is held out for its concept, else
    never."""
    if change is Change.BACKGROUND:
        return _another_background(rng, scene)
    if change is Change.COLOUR:
        return _another_colour(rng, scene, test)
    names = [i.concept for i in scene.items]
    clear = [i for i in scene.items if names.count(i.concept) == 1]
    if not clear:
        return None
    item = pick(rng, clear)
    match change:
        case Change.REPLACE:
            return _another_thing(rng, scene, item, test)
        case Change.REMOVE:
            return _one_less(rng, scene, item)
        case Change.ADD:
            return _one_more(rng, scene, item, test)
        case Change.MOVE:
            return _elsewhere(rng, scene, item)
        case Change.SIZE:
            return _another_size(rng, scene, item)


def _named(rng: np.random.Generator, scene: Scene, item: Item) -> str:
    """Return "it" for a single object, sometimes; else "the heart", sometimes with all its
    attributes."""
    if len(scene.items) == 1 and rng.random() < 0.5:
        return "it"
    return f"the {noun(item) if rng.random() < 0.2 else item.concept}"


def _exchanged(scene: Scene, old: Item, new: Item | None) -> Scene:
    """Replace or remove one object."""
    items = (new if i == old else i for i in scene.items)
    return with_items(scene, tuple(i for i in items if i is not None))


def _fits(item: Item, others: Sequence[Item]) -> bool:
    """Return whether the item is on the lattice and overlaps no other."""
    last = CELLS - item.cells
    inside = 0 <= item.column <= last and 0 <= item.row <= last
    return inside and not any(item.overlaps(o) for o in others)


def _another_background(rng: np.random.Generator, scene: Scene) -> Edit:
    kinds = (
        tuple(Background("plain", (c,)) for c in BACKGROUND_COLOURS),
        tuple(Background(p) for p in PLACES),
    )
    background = pick(rng, [b for b in pick(rng, kinds) if b != scene.background])
    if background.kind == "plain":
        colour = background.colours[0]
        words = pick(rng, _PLAIN).format(colour=colour, a_colour=with_article(colour))
    else:
        words = pick(rng, _PLACE).format(
            them="it" if len(scene.items) == 1 else pick(rng, ("them", "everything")),
            where=pick(rng, PLACE_PHRASES[background.kind]),
            place=PLACE_NOUNS[background.kind],
        )
    return Edit(scene, replace(scene, background=background), words, Change.BACKGROUND)


def _another_colour(rng: np.random.Generator, scene: Scene, test: bool) -> Edit | None:
    """Recolour all objects of one concept."""
    coloured = [i for i in scene.items if i.concept in COLOURABLE]
    if not coloured:
        return None
    item = pick(rng, coloured)
    group = [i for i in scene.items if i.concept == item.concept]
    free = [c for c in _colours(item.concept, test) if all(c != i.colour for i in group)]
    if not free:
        return None
    colour = pick(rng, free)
    items = tuple(replace(i, colour=colour) if i in group else i for i in scene.items)
    many = len(group) > 1
    mentioned = f"the {BY_NAME[item.concept].plural}" if many else _named(rng, scene, item)
    words = pick(rng, _COLOUR).format(mentioned, colour)
    return Edit(scene, with_items(scene, items), words, Change.COLOUR)


def _colours(concept: str, test: bool) -> list[str]:
    """Return the concept's training colours, or with test its held-out ones."""
    return [c for c in OBJECT_COLOURS if held_out(c, concept) == test]


def _new_thing(rng: np.random.Generator, scene: Scene, size: str, test: bool) -> Item | None:
    """Return an unplaced object of an absent concept; colourable ones are more frequent than in
    scenes."""
    names = COLOURABLE if rng.random() < 0.2 else tuple(c.name for c in CONCEPTS)
    name = pick(rng, names)
    coloured = BY_NAME[name].colourable or (name in COLOURABLE and rng.random() < TINTED)
    colours = _colours(name, test) if coloured else [None]
    if not colours or any(i.concept == name for i in scene.items):
        return None
    return Item(name, pick(rng, colours), size, 0, 0)


def _another_thing(rng: np.random.Generator, scene: Scene, old: Item, test: bool) -> Edit | None:
    new = _new_thing(rng, scene, old.size, test)
    if new is None:
        return None
    new = replace(new, column=old.column, row=old.row)
    words = pick(rng, _REPLACE).format(_named(rng, scene, old), with_article(noun(new, size=False)))
    return Edit(scene, _exchanged(scene, old, new), words, Change.REPLACE)


def _one_less(rng: np.random.Generator, scene: Scene, item: Item) -> Edit | None:
    if len(scene.items) == 1:
        return None
    words = pick(rng, REMOVE_PHRASES).format(_named(rng, scene, item))
    return Edit(scene, _exchanged(scene, item, None), words, Change.REMOVE)


def _one_more(rng: np.random.Generator, scene: Scene, neighbour: Item, test: bool) -> Edit | None:
    """Add an object in a relation to another one, at most `MOST_ASIDE` off its axis."""
    size = str(rng.choice(tuple(SIZES), p=(0.35, 0.5, 0.15)))
    new, relation = _new_thing(rng, scene, size, test), pick(rng, RELATIONS)
    if new is None or len(scene.items) >= MAX_ITEMS:
        return None
    new = _placed_beside(new, relation, neighbour, scene.items)
    if new is None:
        return None
    phrase = pick(rng, RELATION_PHRASES[relation])
    words = pick(rng, _ADD).format(with_article(noun(new)), phrase, f"the {neighbour.concept}")
    after = with_items(scene, (*scene.items, new))
    return Edit(scene, after, words, Change.ADD, (relation, neighbour.concept))


def _placed_beside(
    new: Item, relation: str, neighbour: Item, others: Sequence[Item]
) -> Item | None:
    """Return the free place with the relation nearest to the neighbour's axis, then to
    `USUAL_DISTANCE`, then uppermost, then leftmost; None where there is none."""

    def offsets(place: Item) -> tuple[float, float]:
        dx, dy = (abs(a - b) for a, b in zip(place.centre, neighbour.centre, strict=True))
        along, aside = (dx, dy) if relation in ("left of", "right of") else (dy, dx)
        return aside, abs(along - USUAL_DISTANCE)

    places = [replace(new, column=x, row=y) for y in range(CELLS) for x in range(CELLS)]
    true = [p for p in places if relation_holds(relation, p, neighbour)]
    free = [p for p in true if _fits(p, others) and offsets(p)[0] <= MOST_ASIDE]
    return min(free, key=offsets, default=None)


def _elsewhere(rng: np.random.Generator, scene: Scene, item: Item) -> Edit | None:
    """Slide the object in one direction to the edge or another object."""
    others = [i for i in scene.items if i != item]
    ends: dict[str, Item] = {}
    for direction, (across, down) in DIRECTIONS.items():
        end = item
        while _fits(
            further := replace(end, column=end.column + across, row=end.row + down), others
        ):
            end = further
        if end != item:
            ends[direction] = end
    if not ends:
        return None
    direction = pick(rng, tuple(ends))
    words = pick(rng, _MOVE).format(
        _named(rng, scene, item), pick(rng, DIRECTION_PHRASES[direction])
    )
    return Edit(scene, _exchanged(scene, item, ends[direction]), words, Change.MOVE)


def _another_size(rng: np.random.Generator, scene: Scene, item: Item) -> Edit | None:
    """Change the size by one step. The centre moves by at most half a cell: odd sizes stand half a
    cell right of and below even ones, as in sampled scenes."""
    step = pick(rng, (-1, 1))
    sizes = tuple(SIZES)
    index = sizes.index(item.size) + step
    if not 0 <= index < len(sizes):
        return None
    cells = SIZES[sizes[index]]
    column, row = (min(max(int(int(c) - cells / 2 + 0.5), 0), CELLS - cells) for c in item.centre)
    new = replace(item, size=sizes[index], column=column, row=row)
    if not _fits(new, [i for i in scene.items if i != item]):
        return None
    word = pick(rng, ("bigger", "larger") if step > 0 else ("smaller",))
    words = pick(rng, _SIZE).format(_named(rng, scene, item), word)
    return Edit(scene, _exchanged(scene, item, new), words, Change.SIZE)
