"""Laws of the scenes and their pictures."""

from itertools import combinations

import numpy as np
import pytest

from world.concepts import (
    BY_NAME,
    COLOURABLE,
    CONCEPTS,
    OBJECT_COLOURS,
    RELATIONS,
    held_out,
)
from world.image.rendering import background_picture, render
from world.image.scenes import (
    CELL_PX,
    CELLS,
    IMAGE_PX,
    Background,
    Family,
    Item,
    Scene,
    held_out_pairs,
    relation_holds,
    sample_collage,
    sample_scene,
)
from world.image.sprites import sprite

OPPOSITE = {"above": "below", "below": "above", "left of": "right of", "right of": "left of"}
TESTED = (Family.COLOURS, Family.COLOUR_ATTRIBUTION, Family.POSITION)


def scenes(num: int, seed: int, *, test: bool) -> list[Scene]:
    rng = np.random.default_rng(seed)
    return [sample_scene(rng, test=test) for _ in range(num)]


def pairs(scene: Scene) -> set[tuple[str, str]]:
    """All (colour, concept) and (concept, relation) that the scene is about."""
    found = {(str(i.colour), i.concept) for i in scene.items if i.colour}
    if scene.relation is not None:
        a, b = scene.items
        found |= {(a.concept, scene.relation), (b.concept, OPPOSITE[scene.relation])}
    return found


def test_the_same_seed_gives_the_same_scenes_and_pictures() -> None:
    first, second = (scenes(100, 5, test=False) for _ in range(2))
    assert first == second
    assert first != scenes(100, 6, test=False)
    for a, b in zip(first[:20], second[:20], strict=True):
        assert np.array_equal(render(a), render(b))


def test_training_never_sees_a_held_out_pair() -> None:
    for scene in scenes(3000, 0, test=False):
        assert not any(held_out(*p) for p in pairs(scene)), scene
        assert held_out_pairs(scene) == []


@pytest.mark.parametrize("family", TESTED)
def test_every_held_out_scene_contains_a_held_out_pair(family: Family) -> None:
    rng = np.random.default_rng(1)
    for _ in range(300):
        scene = sample_scene(rng, test=True, family=family)
        assert any(held_out(*p) for p in pairs(scene))
        assert set(held_out_pairs(scene)) >= {p for p in pairs(scene) if held_out(*p)}


def test_some_but_few_pairs_are_held_out() -> None:
    colours = [held_out(c, n) for c in OBJECT_COLOURS for n in COLOURABLE]
    places = [held_out(c.name, r) for c in CONCEPTS for r in RELATIONS]
    for pool in (colours, places):
        assert 0.05 < np.mean(pool) < 0.2


def test_every_family_occurs_and_is_what_it_says() -> None:
    found = scenes(2000, 2, test=False)
    assert {s.family for s in found} == set(Family)
    numbers = {
        Family.SINGLE_OBJECT: {1},
        Family.TWO_OBJECTS: {2},
        Family.COUNTING: {2, 3, 4},
        Family.COLOURS: {1},
        Family.POSITION: {2},
        Family.COLOUR_ATTRIBUTION: {2},
        Family.GROUP: {3, 4},
    }
    for family, expected in numbers.items():
        assert {len(s.items) for s in found if s.family is family} == expected
    for scene in found:
        names = {i.concept for i in scene.items}
        assert len(names) == (1 if scene.family is Family.COUNTING else len(scene.items))
        assert (scene.relation is not None) == (scene.family is Family.POSITION)
        if scene.relation is not None:
            assert relation_holds(scene.relation, *scene.items)
        if scene.family is Family.COLOUR_ATTRIBUTION:
            assert len({i.colour for i in scene.items}) == 2


def test_objects_are_inside_apart_and_coloured_where_they_can_be() -> None:
    for scene in scenes(1500, 3, test=False) + scenes(500, 3, test=True):
        for i in scene.items:
            assert 0 <= i.column <= CELLS - i.cells
            assert 0 <= i.row <= CELLS - i.cells
            assert (i.colour is not None) == BY_NAME[i.concept].colourable
        taken = np.zeros((CELLS, CELLS), int)
        for i in scene.items:
            taken[i.row : i.row + i.cells, i.column : i.column + i.cells] += 1
        assert taken.max() == 1
        assert not any(a.overlaps(b) for a, b in combinations(scene.items, 2))


def test_objects_lie_where_their_order_says() -> None:
    """Alone about the middle; else in reading order, unless a relation says otherwise."""
    for scene in scenes(1500, 9, test=False):
        x, y = np.array([i.centre for i in scene.items]).T
        if len(x) == 1:
            assert abs(x[0] - CELLS / 2) <= 0.5 >= abs(y[0] - CELLS / 2)
        elif scene.relation is None and len(x) == 2:
            assert x[0] < x[1]
        elif scene.relation is None and len(x) == 3:
            assert x[1] < x[0] < x[2]
            assert y[0] < min(y[1:])
        elif scene.relation is None:
            assert max(x[0], x[2]) < min(x[1], x[3])
            assert max(y[:2]) < min(y[2:])


def test_relations_are_opposites_and_never_both() -> None:
    rng = np.random.default_rng(4)
    names = ("", "small", "big")
    for _ in range(2000):
        a, b = (
            Item("dog", None, names[int(rng.integers(3))], *(int(c) for c in rng.integers(0, 5, 2)))
            for _ in range(2)
        )
        holding = [r for r in RELATIONS if relation_holds(r, a, b)]
        assert [r for r in RELATIONS if relation_holds(OPPOSITE[r], b, a)] == holding
        assert not any(OPPOSITE[r] in holding for r in holding)
        assert len(holding) <= 2
        if len(holding) == 2:
            (ax, ay), (bx, by) = a.centre, b.centre
            assert abs(ax - bx) == abs(ay - by), "two relations hold on an exact diagonal only"
        if holding:
            assert not a.overlaps(b)


def test_relations_are_true_of_the_pixels() -> None:
    rng = np.random.default_rng(5)
    for _ in range(30):
        scene = sample_scene(rng, test=False, family=Family.POSITION)
        empty = render(Scene(scene.family, scene.background, ()))
        masses = []
        for item in scene.items:
            alone = render(Scene(scene.family, scene.background, (item,)))
            rows, columns = np.nonzero((alone != empty).any(-1))
            masses.append((columns.mean(), rows.mean()))
        (ax, ay), (bx, by) = masses
        true = {"above": ay < by, "below": ay > by, "left of": ax < bx, "right of": ax > bx}
        assert true[str(scene.relation)]


def test_a_picture_is_its_background_outside_the_boxes() -> None:
    for scene in scenes(60, 6, test=False):
        picture = render(scene)
        assert picture.shape == (IMAGE_PX, IMAGE_PX, 3)
        assert picture.dtype == np.uint8
        empty = render(Scene(scene.family, scene.background, ()))
        outside = np.ones((IMAGE_PX, IMAGE_PX), bool)
        for i in scene.items:
            box = np.s_[
                i.row * CELL_PX : (i.row + i.cells) * CELL_PX,
                i.column * CELL_PX : (i.column + i.cells) * CELL_PX,
            ]
            outside[box] = False
            assert (picture[box] != empty[box]).any()
        assert np.array_equal(picture[outside], empty[outside])


def test_the_order_of_the_objects_does_not_show() -> None:
    for scene in scenes(30, 7, test=False):
        turned = Scene(scene.family, scene.background, scene.items[::-1], scene.relation)
        assert np.array_equal(render(scene), render(turned))


def test_an_offset_moves_the_objects() -> None:
    scene = Scene(
        Family.SINGLE_OBJECT, Background("plain", ("white",)), (Item("owl", None, "", 2, 2),)
    )
    moved = render(scene, offset_px=(3, -5))
    assert np.array_equal(np.roll(render(scene), (-5, 3), axis=(0, 1)), moved)


def test_cached_pictures_cannot_be_spoiled() -> None:
    with pytest.raises(ValueError, match="read-only"):
        background_picture(Background("sky"))[0, 0] = 0
    with pytest.raises(ValueError, match="read-only"):
        sprite("dog", None, 32)[0, 0] = 0


def test_a_collage_is_dense_and_repeatable() -> None:
    a, b = (sample_collage(np.random.default_rng(8)) for _ in range(2))
    assert a == b
    assert 5 <= len(a.items) <= 8


@pytest.mark.parametrize("concept", COLOURABLE)
def test_colours_look_like_their_word(concept: str) -> None:
    """The most saturated half of every recoloured sprite is nearest to its own colour's value."""
    targets = np.array(list(OBJECT_COLOURS.values())) / 255
    for index, colour in enumerate(OBJECT_COLOURS):
        art = sprite(concept, colour, 64)
        solid = art[art[..., 3] > 0.95][:, :3]
        saturation = solid.max(1) - solid.min(1)
        vivid = solid[saturation >= np.median(saturation)]
        distance = ((vivid.mean(0) - targets) ** 2).sum(1)
        assert distance.argmin() == index, (concept, colour)
