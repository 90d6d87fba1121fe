"""Edits: an instruction that changes one thing in an image, with the scene before and after.

Every rule has one outcome: a thing that moves goes as far as it can, a new size keeps the centre,
a new thing stands as near to the axis of its neighbour as it can. Owns: `Change`, `Edit`,
`sample_edit`, `with_items`. Does not own: what is said in answer
(`world.text.dialogue`), whether a picture shows the change (`evaluation.judges.editing_judge`).
"""

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TypeVar

from world.concepts import RELATIONS, held_out
from world.image.scenes import (
    Family,
    Item,
    Scene,
    held_out_pairs,
    relation_holds,
)

T = TypeVar("T")


class Change(StrEnum):
    """The kinds of edit. REPLACE keeps place and size, all others keep the concept."""

    BACKGROUND = "background"
    REPLACE = "replace"
    REMOVE = "remove"
    ADD = "add"
    COLOUR = "colour"
    MOVE = "move"
    SIZE = "size"


@dataclass(frozen=True)
class Edit:
    """An instruction and the scenes before and after it. beside: for ADD, (relation, concept) of
    the new object's neighbour."""

    before: Scene
    after: Scene
    words: str
    change: Change
    beside: tuple[str, str] | None = None

    @property
    def removed(self) -> tuple[Item, ...]:
        """Return the items before that are changed or missing after."""
        return tuple(i for i in self.before.items if i not in self.after.items)

    @property
    def added(self) -> tuple[Item, ...]:
        """Return the items after that are changed or missing before."""
        return tuple(i for i in self.after.items if i not in self.before.items)


def is_held_out(edit: Edit) -> bool:
    """Return whether training never sees this kind of edit of this concept: one in eight of (new
    background, first concept), (new colour, concept) and (change, concept)."""
    match edit.change:
        case Change.BACKGROUND:
            background = edit.after.background
            word = background.colours[0] if background.colours else background.kind
            return held_out(*edit_pair(edit.after.items[0].concept, word))
        case Change.COLOUR:
            return held_out(str(edit.added[0].colour), edit.added[0].concept)
        case change:
            return held_out(*edit_pair((edit.removed or edit.added)[0].concept, change))


def edit_pair(concept: str, change: str) -> tuple[str, str, str]:
    return concept, change, "edit"


def held_out_pairs_of_edit(edit: Edit) -> list[tuple[str, str]]:
    """Return the held-out pairs shown before or after, or stated of a new object."""
    scenes = [edit.before, edit.after]
    if edit.beside is not None:
        neighbour = next(i for i in edit.before.items if i.concept == edit.beside[1])
        scenes.append(with_items(edit.after, (*edit.added, neighbour)))
    return [pair for s in scenes for pair in held_out_pairs(s)]


def with_items(scene: Scene, items: tuple[Item, ...]) -> Scene:
    """Replace the objects (1 or more). The scene keeps its family and relation where they stay
    true; else it gets the first family that is."""
    families = [
        (scene.family, scene.relation),
        (Family.SINGLE_OBJECT, None),
        (Family.COUNTING, None),
        *((Family.POSITION, r) for r in RELATIONS),
        (Family.TWO_OBJECTS, None),
        (Family.GROUP, None),
    ]
    family, relation = next((f, r) for f, r in families if _is_true(f, r, items))
    return replace(scene, family=family, items=items, relation=relation)


def _is_true(family: Family, relation: str | None, items: tuple[Item, ...]) -> bool:
    num, looks = len(items), {(i.concept, i.colour, i.size) for i in items}
    match family:
        case Family.SINGLE_OBJECT:
            return num == 1
        case Family.COLOURS:
            return num == 1 and items[0].colour is not None
        case Family.COUNTING:
            return num > 1 and len(looks) == 1
        case Family.POSITION:
            return num == 2 and relation is not None and relation_holds(relation, *items)
        case Family.COLOUR_ATTRIBUTION:
            colours = {i.colour for i in items}
            return num == 2 and len(colours) == 2 and None not in colours
        case Family.TWO_OBJECTS:
            return num == 2 and len(looks) == 2
        case Family.GROUP:
            return num > 2 and len(looks) > 1
