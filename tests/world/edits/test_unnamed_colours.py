"""Held-out colours are seen in training and never said."""

import numpy as np
import pytest

from world.concepts import OBJECT_COLOURS, held_out
from world.edits.edits import Change, Edit, held_out_pairs_of_edit, is_held_out
from world.edits.unnamed_colours import FAMILIES, sample_unnamed_edit, sample_unnamed_scene
from world.image.scenes import Scene, held_out_pairs


@pytest.fixture(scope="module")
def edits() -> list[Edit]:
    return [sample_unnamed_edit(np.random.default_rng(i)) for i in range(1000)]


def test_every_scene_shows_a_held_out_colour_and_no_other_held_out_pair() -> None:
    for i in range(100):
        scene = sample_unnamed_scene(np.random.default_rng(i), FAMILIES[i % len(FAMILIES)])
        assert scene.family is FAMILIES[i % len(FAMILIES)]
        assert _held_out_colours(scene) == set(held_out_pairs(scene)) != set()


def test_a_held_out_colour_outlives_every_change_and_none_is_new(edits: list[Edit]) -> None:
    for edit in edits:
        before, after = _held_out_colours(edit.before), _held_out_colours(edit.after)
        assert after
        assert after <= before
        assert set(held_out_pairs(edit.after)) == after
        assert set(held_out_pairs_of_edit(edit)) == before | after


def test_no_words_say_a_held_out_colour(edits: list[Edit]) -> None:
    for edit in edits:
        colours = {c for s in (edit.before, edit.after) for c, _ in _held_out_colours(s)}
        assert not colours & set(edit.words.split())


def test_every_kind_of_change_is_there_and_none_is_a_held_out_one(edits: list[Edit]) -> None:
    assert {e.change for e in edits} == set(Change)
    assert not any(is_held_out(e) for e in edits)


def _held_out_colours(scene: Scene) -> set[tuple[str, str]]:
    pairs = {(str(i.colour), i.concept) for i in scene.items if i.colour in OBJECT_COLOURS}
    return {p for p in pairs if held_out(*p)}
