"""The rules on readings made by hand, then the parser and the rules together on drawn pictures."""

from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from evaluation.judges.editing_judge import PLACE_PX, EditVerdict, judge_edit, verdict
from evaluation.judges.image_parser import Detected, Parsed
from world.concepts import CONCEPTS, OBJECT_COLOURS
from world.edits.edits import Change, Edit
from world.edits.sampling import sample_edit
from world.image.rendering import render
from world.image.scenes import CELL_PX, Background, Item, Scene

every_change = pytest.mark.parametrize("change", list(Change))
RIGHT = EditVerdict(done=True, kept=True)
UNDONE = EditVerdict(done=False, kept=True)


@cache
def edits(change: Change, num: int = 60) -> tuple[Edit, ...]:
    """Half of them held-out ones."""
    rng = np.random.default_rng((7, list(Change).index(change)))
    return tuple(sample_edit(rng, test=bool(i % 2), change=change) for i in range(num))


def seen(item: Item, dx: float = 0, dy: float = 0) -> Detected:
    x, y = item.centre
    place = (x * CELL_PX + dx, y * CELL_PX + dy)
    return Detected(item.concept, item.colour, item.cells * CELL_PX, place, 0.9)


def read(scene: Scene, dx: float = 0, dy: float = 0) -> Parsed:
    """A perfect reading of the scene, everything shifted by so many pixels."""
    return Parsed(scene.background, tuple(seen(i, dx, dy) for i in scene.items))


def without(parsed: Parsed, concept: str) -> Parsed:
    return replace(parsed, objects=tuple(o for o in parsed.objects if o.concept != concept))


def changed(parsed: Parsed, name: str, **how: object) -> Parsed:
    """The reading with something else about all objects of that concept."""
    objects = (replace(o, **how) if o.concept == name else o for o in parsed.objects)
    return replace(parsed, objects=tuple(objects))


def stranger(scene: Scene) -> str:
    return next(c.name for c in CONCEPTS if c.name not in {i.concept for i in scene.items})


@every_change
def test_the_scene_after_is_right_and_the_one_before_is_undone(change: Change) -> None:
    for edit in edits(change):
        assert verdict(edit, read(edit.after)) == RIGHT
        assert verdict(edit, read(edit.before)) == UNDONE


@every_change
@pytest.mark.parametrize("shift", [(4, 0), (0, -4), (-4, 4)], ids=str)
def test_a_few_pixels_do_not_matter(change: Change, shift: tuple[int, int]) -> None:
    for edit in edits(change):
        assert verdict(edit, read(edit.after, *shift)) == RIGHT
        assert verdict(edit, read(edit.before, *shift)) == UNDONE


@every_change
def test_the_other_objects_must_stay_as_they_were(change: Change) -> None:
    for edit in edits(change):
        after = read(edit.after)
        for item in edit.before.items:
            if item in edit.removed:
                continue
            name = item.concept
            x, y = seen(item).centre_px
            damaged = [
                without(after, name),
                changed(after, name, concept=stranger(edit.after)),
                changed(after, name, centre_px=(x + PLACE_PX + 1, y)),
                changed(after, name, size_px=16),
            ]
            if item.colour is not None:
                other = next(c for c in OBJECT_COLOURS if c != item.colour)
                damaged.append(changed(after, name, colour=other))
            for parsed in damaged:
                assert not verdict(edit, parsed).kept


@every_change
def test_nothing_else_may_appear(change: Change) -> None:
    for edit in edits(change):
        concept = stranger(replace(edit.before, items=edit.before.items + edit.added))
        corner = Detected(concept, None, 32, (0, 0), 0.9)
        after = read(edit.after)
        more = replace(after, objects=(*after.objects, corner))
        assert verdict(edit, more) == EditVerdict(done=True, kept=False)


@every_change
def test_the_background_stays_unless_it_is_to_change(change: Change) -> None:
    for edit in edits(change):
        other = Background("gradient", ("pink", "purple"))
        if other != edit.before.background:
            spoilt = verdict(edit, replace(read(edit.after), background=other))
            if change is Change.BACKGROUND:
                assert spoilt == UNDONE
            else:
                assert spoilt == EditVerdict(done=True, kept=False)


@pytest.mark.parametrize(
    ("change", "aspects"),
    [
        (Change.REPLACE, ("size_px", "centre_px")),
        (Change.COLOUR, ("size_px", "centre_px")),
        (Change.MOVE, ("size_px", "colour")),
        (Change.SIZE, ("centre_px", "colour")),
    ],
    ids=str,
)
def test_the_changed_object_changes_in_nothing_else(
    change: Change, aspects: tuple[str, ...]
) -> None:
    for edit in edits(change):
        for aspect in aspects:
            value = {"size_px": 16, "centre_px": (500, 500), "colour": "none"}[aspect]
            spoilt = changed(read(edit.after), edit.added[0].concept, **{aspect: value})
            assert verdict(edit, spoilt) == EditVerdict(done=True, kept=False), aspect


def test_something_else_in_its_place_is_not_removed() -> None:
    for edit in edits(Change.REMOVE):
        (old,) = edit.removed
        concept = stranger(edit.before)
        turned = changed(read(edit.before), old.concept, concept=concept)
        assert verdict(edit, turned) == UNDONE


def test_another_thing_than_asked_for_is_not_the_new_one() -> None:
    for edit in (*edits(Change.REPLACE), *edits(Change.ADD)):
        (new,) = edit.added
        concept = stranger(replace(edit.before, items=(*edit.before.items, new)))
        assert verdict(edit, changed(read(edit.after), new.concept, concept=concept)) == UNDONE
        assert not verdict(edit, changed(read(edit.after), new.concept, colour="none")).done


def test_the_old_thing_beside_the_new_one_is_no_replacement() -> None:
    for edit in edits(Change.REPLACE):
        after = read(edit.after)
        both = replace(after, objects=(*after.objects, seen(edit.removed[0], 40)))
        assert verdict(edit, both) == EditVerdict(done=False, kept=False)


def test_a_new_thing_must_stand_where_it_was_asked_for() -> None:
    for edit in edits(Change.ADD):
        (new,), (_, concept) = edit.added, edit.beside or ("", "")
        neighbour = seen(next(i for i in edit.before.items if i.concept == concept))
        x, y = seen(new).centre_px
        mirrored = (2 * neighbour.centre_px[0] - x, 2 * neighbour.centre_px[1] - y)
        assert verdict(edit, changed(read(edit.after), new.concept, centre_px=mirrored)) == UNDONE


def test_a_move_the_other_way_is_not_the_one_asked_for() -> None:
    for edit in edits(Change.MOVE):
        (old,), (new,) = edit.removed, edit.added
        (x, y), (to_x, to_y) = seen(old).centre_px, seen(new).centre_px
        for place in ((2 * x - to_x, 2 * y - to_y), (x + to_y - y, y + to_x - x), (x + 2, y - 2)):
            moved = changed(read(edit.after), new.concept, centre_px=place)
            assert verdict(edit, moved) == UNDONE


def test_one_of_many_in_the_new_colour_is_not_all() -> None:
    many = [e for e in edits(Change.COLOUR) if len(e.removed) > 1]
    assert many
    for edit in many:
        half = replace(edit.after, items=(edit.after.items[0], *edit.before.items[1:]))
        assert verdict(edit, read(half)) == UNDONE


@every_change
def test_true_pictures_are_right_and_unchanged_ones_undone(change: Change) -> None:
    tried = edits(change)[:4]
    verdicts = [judge_edit(e, render(e.after)) for e in tried]
    assert verdicts == [RIGHT] * 4
    unchanged = [judge_edit(e, render(e.before)) for e in tried[:2]]
    assert unchanged == [UNDONE] * 2


def test_a_picture_of_the_wrong_shape_is_refused() -> None:
    with pytest.raises(ValueError, match="128x128x3"):
        judge_edit(edits(Change.MOVE)[0], np.zeros((64, 64, 3), np.uint8))
