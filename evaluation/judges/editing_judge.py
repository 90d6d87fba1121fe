"""The judge of image edits: the edit is done, and everything else is unchanged.

Owns: `EditVerdict`, `judge_edit`, `verdict`. Does not own: reading pictures
(`evaluation.judges.image_parser`), instructions (`world.edits.edits`).
"""

from dataclasses import dataclass

import numpy as np

from evaluation.judges.image_judge import boxes_in_relation
from evaluation.judges.image_parser import Detected, Parsed, parse
from world.edits.edits import Change, Edit
from world.image.scenes import CELL_PX, Item

PLACE_PX = 12
"""The largest offset of a centre, across and down, that counts as the same place: less than a cell,
more than the half cell by which a new size moves it."""
MOVED_PX = CELL_PX // 2
"""The smallest shift of a centre that counts as a move."""

_FREE: dict[Change, frozenset[str]] = {
    Change.REPLACE: frozenset({"concept", "colour"}),
    Change.COLOUR: frozenset({"colour"}),
    Change.MOVE: frozenset({"place"}),
    Change.SIZE: frozenset({"size"}),
}
"""The attributes of the edited object that an edit may change."""


@dataclass(frozen=True)
class EditVerdict:
    """done: the edit is visible. kept: everything else is as before, such as the place of an object
    whose colour was to change."""

    done: bool
    kept: bool

    @property
    def right(self) -> bool:
        return self.done and self.kept


def judge_edit(edit: Edit, after_picture: np.ndarray) -> EditVerdict:
    """Judge the image, uint8 "128 128 3", generated for an instruction."""
    return verdict(edit, parse(after_picture))


def verdict(edit: Edit, parsed: Parsed) -> EditVerdict:
    """Judge a parsed image.

    done, by kind of change. BACKGROUND: the new one. REPLACE: the old concept is absent, one of
    the new is there in its colour. REMOVE: the concept is absent and its place is empty. ADD: one
    of the concept, in its colour and its named size, in the relation. COLOUR: all of the concept
    are in the new one. MOVE: further in that direction, and in no other. SIZE: bigger or smaller.
    kept: all objects before are found again, in what the change leaves alone, and no others; a
    background that was not to change is the same.

    """
    return EditVerdict(_done(edit, parsed), _kept(edit, parsed))


def _done(edit: Edit, parsed: Parsed) -> bool:
    old, new = (items[0] if items else None for items in (edit.removed, edit.added))
    seen = [o for o in parsed.objects if new is not None and o.concept == new.concept]
    match edit.change:
        case Change.BACKGROUND:
            return parsed.background == edit.after.background
        case Change.REMOVE:
            assert old is not None
            return not any(_is_trace(o, old) for o in parsed.objects)
        case Change.ADD:
            assert new is not None
            return len(seen) == 1 and _is_added(edit, parsed, seen[0], new)
        case Change.REPLACE:
            assert old is not None and new is not None
            return parsed.count(old.concept) == 0 and [o.colour for o in seen] == [new.colour]
        case Change.COLOUR:
            return [o.colour for o in seen] == [i.colour for i in edit.added]
        case Change.MOVE:
            assert old is not None and new is not None
            return len(seen) == 1 and _went(seen[0], old, new)
        case Change.SIZE:
            assert old is not None and new is not None
            growth = np.sign(new.cells - old.cells)
            return len(seen) == 1 and np.sign(seen[0].size_px - old.cells * CELL_PX) == growth


def _is_added(edit: Edit, parsed: Parsed, seen: Detected, new: Item) -> bool:
    assert edit.beside is not None
    relation, neighbour = edit.beside
    alike = seen.colour == new.colour and (not new.size or seen.size_px == new.cells * CELL_PX)
    return alike and any(
        boxes_in_relation(relation, seen, o) for o in parsed.objects if o.concept == neighbour
    )


def _went(seen: Detected, old: Item, new: Item) -> bool:
    """Return whether the object moved in the requested direction only."""
    asked = np.sign(np.subtract(new.centre, old.centre))
    moved = np.subtract(seen.centre_px, _centre_px(old))
    along, aside = float(moved @ asked), float(np.abs(moved[asked == 0]).max())
    return along > MOVED_PX and aside <= PLACE_PX


def _kept(edit: Edit, parsed: Parsed) -> bool:
    if edit.change is not Change.BACKGROUND and parsed.background != edit.before.background:
        return False
    left = list(parsed.objects)
    removed = () if edit.change is Change.REMOVE else edit.removed
    others = [i for i in edit.before.items if i not in edit.removed]
    none: frozenset[str] = frozenset()
    wanted = [(i, none) for i in others] + [(i, _FREE[edit.change]) for i in removed]
    for item, free in wanted:
        found = next((o for o in left if _differences(o, item) <= free), None)
        if found is None:
            return False
        left.remove(found)
    if edit.change in (Change.ADD, Change.REMOVE):
        (subject,) = edit.removed or edit.added
        return len(left) <= 1 and all(_is_trace(o, subject) for o in left)
    return not left


def _differences(seen: Detected, item: Item) -> set[str]:
    """Return which of concept, colour, size and place differ."""
    differs = {
        "concept": seen.concept != item.concept,
        "colour": seen.colour != item.colour,
        "size": seen.size_px != item.cells * CELL_PX,
        "place": not _is_at(seen, item),
    }
    return {name for name, value in differs.items() if value}


def _is_trace(seen: Detected, item: Item) -> bool:
    """Return whether the object has the item's concept or place."""
    return seen.concept == item.concept or _is_at(seen, item)


def _is_at(seen: Detected, item: Item) -> bool:
    return bool((np.abs(np.subtract(seen.centre_px, _centre_px(item))) <= PLACE_PX).all())


def _centre_px(item: Item) -> tuple[float, float]:
    x, y = item.centre
    return x * CELL_PX, y * CELL_PX
