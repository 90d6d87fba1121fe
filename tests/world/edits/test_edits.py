"""Laws of edits: one thing changes, nothing else does, and the words say which."""

import re
from collections import Counter
from dataclasses import replace
from functools import cache
from itertools import combinations

import numpy as np
import pytest

from tests.world.caption_reader import RELATIONS, facts_of
from world.concepts import BY_NAME, CONCEPTS, OBJECT_COLOURS, held_out
from world.edits.edits import Change, Edit, is_held_out, with_items
from world.edits.proposals import DIRECTION_PHRASES, DIRECTIONS
from world.edits.sampling import sample_edit
from world.image.rendering import render
from world.image.scenes import (
    CELLS,
    Background,
    Family,
    Item,
    Scene,
    held_out_pairs,
    relation_holds,
    sample_scene,
)
from world.text.captions import caption, full_caption

NUM = 150
WHITE = Background("plain", ("white",))
PLURAL = {c.plural: c.name for c in CONCEPTS}
SIZES = ["small", "", "big"]
every_change = pytest.mark.parametrize("change", list(Change))


@cache
def edits(change: Change, *, test: bool = False, seed: int = 0) -> tuple[Edit, ...]:
    rng = np.random.default_rng((seed, list(Change).index(change), test))
    return tuple(sample_edit(rng, test=test, change=change) for _ in range(NUM))


def both(change: Change) -> tuple[Edit, ...]:
    return edits(change) + edits(change, test=True)


def fits(items: tuple[Item, ...]) -> bool:
    inside = all(
        0 <= min(i.column, i.row) <= max(i.column, i.row) <= CELLS - i.cells for i in items
    )
    return inside and not any(a.overlaps(b) for a, b in combinations(items, 2))


def fixed(*items: Item, background: Background = WHITE) -> Scene:
    return with_items(Scene(Family.GROUP, background, items), items)


def test_the_same_seed_gives_the_same_edits() -> None:
    first, second, other = (
        [sample_edit(rng, test=False) for _ in range(50)]
        for rng in map(np.random.default_rng, (5, 5, 6))
    )
    assert first == second != other
    assert {e.change for e in first} == set(Change)


@every_change
def test_only_the_named_thing_changes(change: Change) -> None:
    for edit in both(change):
        before, after = edit.before, edit.after
        assert edit.change is change
        assert (before.background != after.background) == (change is Change.BACKGROUND)
        kept = [i for i in before.items if i not in edit.removed]
        assert kept == [i for i in after.items if i not in edit.added], "in the same order too"
        if change is Change.BACKGROUND:
            assert after == replace(before, background=after.background)
        elif change is Change.COLOUR:
            (concept,) = {i.concept for i in edit.removed}
            assert concept not in {i.concept for i in kept}
        else:
            gone, came = (0 if change is c else 1 for c in (Change.ADD, Change.REMOVE))
            assert (len(edit.removed), len(edit.added)) == (gone, came)
        assert not np.array_equal(render(before), render(after))


@pytest.mark.parametrize(
    ("change", "must", "may"),
    [
        (Change.REPLACE, {"concept"}, {"concept", "colour"}),
        (Change.COLOUR, {"colour"}, {"colour"}),
        (Change.MOVE, set[str](), {"column", "row"}),
        (Change.SIZE, {"size"}, {"size", "column", "row"}),
    ],
    ids=("replace", "colour", "move", "size"),
)
def test_only_that_aspect_of_it_changes(change: Change, must: set[str], may: set[str]) -> None:
    for edit in both(change):
        for old, new in zip(edit.removed, edit.added, strict=True):
            changed = {a for a in vars(old) if vars(old)[a] != vars(new)[a]}
            assert must <= changed <= may


@every_change
def test_objects_are_inside_apart_and_coloured_where_they_can_be(change: Change) -> None:
    for edit in both(change):
        assert fits(edit.after.items)
        assert 1 <= len(edit.after.items) <= 4
        for item in edit.after.items:
            assert (item.colour is not None) == BY_NAME[item.concept].colourable
        if edit.after.family is not Family.COUNTING:
            assert len({i.concept for i in edit.after.items}) == len(edit.after.items)


@every_change
def test_captions_of_the_scene_after_are_true(change: Change) -> None:
    rng = np.random.default_rng(1)
    for edit in both(change):
        scene = edit.after
        many = len(scene.items) if scene.family is Family.COUNTING else 1
        shown = Counter((many, i.size, i.colour, i.concept) for i in scene.items)
        by_name = {i.concept: i for i in scene.items}
        for words in (full_caption(scene), caption(scene, rng, background=1)):
            facts = facts_of(words)
            names = [PLURAL[t.noun] if many > 1 else t.noun for t in facts.things]
            said = [
                (t.count, t.size, t.colour, n) for t, n in zip(facts.things, names, strict=True)
            ]
            assert Counter(said * many) == shown
            assert facts.ground == (scene.background.colours or (scene.background.kind,))
            if facts.relation is not None:
                assert relation_holds(facts.relation, *(by_name[n] for n in names))


@every_change
def test_training_never_sees_what_is_held_out(change: Change) -> None:
    for edit in edits(change):
        assert held_out_pairs(edit.before) == held_out_pairs(edit.after) == []
        assert not is_held_out(edit)
        if edit.beside is not None:
            relation, neighbour = edit.beside
            assert not held_out(edit.added[0].concept, relation)
            opposite = {"above": "below", "left of": "right of"}
            opposite |= {b: a for a, b in opposite.items()}
            assert not held_out(neighbour, opposite[relation])


@every_change
def test_test_edits_are_of_held_out_kinds(change: Change) -> None:
    trained = {_kind(e) for e in edits(change)}
    for edit in edits(change, test=True):
        assert is_held_out(edit)
        assert _kind(edit) not in trained
        if change in (Change.COLOUR, Change.REPLACE, Change.ADD):
            coloured = [(i.colour, i.concept) for i in edit.added if i.colour is not None]
            assert all(held_out(*pair) for pair in coloured)


def _kind(edit: Edit) -> tuple[str, str]:
    """The pair that may be held out: (concept, what becomes of it)."""
    match edit.change:
        case Change.BACKGROUND:
            background = edit.after.background
            return edit.after.items[0].concept, (*background.colours, background.kind)[0]
        case Change.COLOUR:
            return edit.added[0].concept, str(edit.added[0].colour)
        case change:
            return (edit.removed or edit.added)[0].concept, change


@pytest.mark.parametrize("change", [c for c in Change if c is not Change.COLOUR])
def test_about_one_kind_in_eight_is_held_out(change: Change) -> None:
    shares: list[bool] = []
    for concept in CONCEPTS:
        item = Item(concept.name, None, "", 2, 2)
        before = Scene(Family.SINGLE_OBJECT, Background("sea"), (item,))
        after = before if change is Change.BACKGROUND else replace(before, items=())
        shares.append(is_held_out(Edit(before, after, "", change)))
    assert 0.05 < np.mean(shares) < 0.2


def test_a_new_thing_stands_where_the_words_say() -> None:
    for edit in both(Change.ADD):
        (new,), (relation, concept) = edit.added, edit.beside or ("", "")
        neighbour = next(i for i in edit.before.items if i.concept == concept)
        assert relation_holds(relation, new, neighbour)
        (phrase,) = re.findall(rf"{new.concept} (.+) the {concept}$", edit.words)
        assert RELATIONS[phrase] == relation
        offsets = [abs(a - b) for a, b in zip(new.centre, neighbour.centre, strict=True)]
        assert min(offsets) <= 1, "beside it, not at a slant"


def test_an_object_moves_as_far_as_it_can() -> None:
    for edit in both(Change.MOVE):
        (old,), (new,) = edit.removed, edit.added
        others = tuple(i for i in edit.before.items if i != old)
        step = tuple(int(np.sign(b - a)) for a, b in zip(old.centre, new.centre, strict=True))
        (direction,) = (d for d, way in DIRECTIONS.items() if way == step)
        assert edit.words.endswith(DIRECTION_PHRASES[direction])
        at = old
        while at != new:
            at = replace(at, column=at.column + step[0], row=at.row + step[1])
            assert fits((at, *others)), "it slides and does not jump"
        beyond = replace(at, column=at.column + step[0], row=at.row + step[1])
        assert not fits((beyond, *others))


def test_an_object_becomes_one_size_bigger_or_smaller_about_its_centre() -> None:
    for edit in both(Change.SIZE):
        (old,), (new,) = edit.removed, edit.added
        step = SIZES.index(new.size) - SIZES.index(old.size)
        assert step in (-1, 1)
        assert ("smaller" in edit.words) == (step < 0)
        assert bool(re.search("bigger|larger", edit.words)) == (step > 0)
        assert max(abs(a - b) for a, b in zip(old.centre, new.centre, strict=True)) <= 0.5


def test_bigger_and_smaller_undo_each_other() -> None:
    rng = np.random.default_rng(2)
    for _ in range(40):
        first = sample_edit(rng, test=False, change=Change.SIZE)
        (old,), (new,) = first.removed, first.added
        then = fixed(new)
        while True:
            second = sample_edit(rng, test=False, change=Change.SIZE, scenes=lambda _, s=then: s)
            if second.added[0].size == old.size:
                break
        assert second.added == (old,)


def test_a_removed_thing_leaves_another_one_behind() -> None:
    for edit in both(Change.REMOVE):
        assert len(edit.before.items) >= 2
        assert edit.before.family is not Family.COUNTING


def test_the_scenes_before_can_be_chosen() -> None:
    pool = [sample_scene(np.random.default_rng((9, i)), test=False) for i in range(20)]
    rng = np.random.default_rng(0)
    for _ in range(100):
        edit = sample_edit(rng, test=False, scenes=lambda r: pool[int(r.integers(len(pool)))])
        assert edit.before in pool


def test_what_is_held_out_is_not_learnt_from_chosen_scenes_either() -> None:
    held = next(c for c in OBJECT_COLOURS if held_out(c, "book"))
    scene = fixed(Item("book", held, "", 3, 3))
    with pytest.raises(ValueError, match="allow no move edit"):
        sample_edit(
            np.random.default_rng(0), test=False, change=Change.MOVE, scenes=lambda _: scene
        )


@pytest.mark.parametrize("change", [Change.REMOVE, Change.COLOUR])
def test_a_change_that_no_scene_allows_is_refused(change: Change) -> None:
    scene = fixed(Item("dog", None, "", 3, 3))
    with pytest.raises(ValueError, match=f"allow no {change} edit"):
        sample_edit(np.random.default_rng(0), test=False, change=change, scenes=lambda _: scene)


def test_an_unclear_thing_is_never_named() -> None:
    dogs = tuple(Item("dog", None, "small", x, 3) for x in (1, 5))
    for change in (Change.REPLACE, Change.REMOVE, Change.ADD, Change.MOVE, Change.SIZE):
        with pytest.raises(ValueError, match="allow no"):
            sample_edit(
                np.random.default_rng(0), test=False, change=change, scenes=lambda _: fixed(*dogs)
            )


def test_a_scene_keeps_its_family_while_that_is_true() -> None:
    rng = np.random.default_rng(3)
    for _ in range(300):
        scene = sample_scene(rng, test=False)
        assert with_items(scene, scene.items) == scene
    a, b, c = (Item(n, None, "small", 3 * i, 3) for i, n in enumerate(("dog", "cat", "owl")))
    two = fixed(a, b)
    assert (two.family, two.relation) == (Family.POSITION, "left of")
    assert with_items(two, (b, a)).relation == "right of"
    assert fixed(a, replace(b, row=5)).relation == "left of"
    assert fixed(a).family is Family.SINGLE_OBJECT
    assert fixed(a, b, c).family is Family.GROUP
    assert fixed(a, replace(a, column=5)).family is Family.COUNTING
