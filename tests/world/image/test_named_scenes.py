"""Pictures with the labels of their positions: what is said is what is seen there."""

from dataclasses import fields, replace

import numpy as np
import pytest

from tests.drawn_sheet import disc_sheet
from world.image.drawings import Drawings
from world.image.named_scenes import (
    CELL_PX,
    CELLS,
    IMAGE_PX,
    NOTHING,
    SEEN,
    SIZES_PX,
    Labelled,
    NamedScenes,
    Standing,
)
from world.image.recolouring import colour_matrices

GREY = np.full((IMAGE_PX, IMAGE_PX, 3), 128, np.uint8)


@pytest.fixture(scope="module")
def scenes(tmp_path_factory: pytest.TempPathFactory) -> NamedScenes:
    drawings = Drawings(disc_sheet(tmp_path_factory.mktemp("sheet")))
    return NamedScenes(drawings, range(20), colour_matrices(drawings))


def test_a_picture_is_decided_by_its_seed(scenes: NamedScenes) -> None:
    first, second = (scenes.sample(np.random.default_rng(3), 4) for _ in range(2))
    for field in fields(Labelled):
        a, b = getattr(first, field.name), getattr(second, field.name)
        assert np.array_equal(a, b), field.name
        assert len(a) == 4


def test_a_named_position_is_covered_and_another_is_not(scenes: NamedScenes) -> None:
    views = scenes.sample(np.random.default_rng(1), 8)
    changed = np.abs(views.images.astype(int) - views.grounds).max(-1) > 40
    cells = changed.reshape(-1, CELLS, CELL_PX, CELLS, CELL_PX).mean((2, 4)).reshape(8, -1)
    assert cells[views.names == NOTHING].max() < 0.3
    assert views.shares[views.names != NOTHING].min() >= SEEN
    assert views.shares[views.names == NOTHING].max() < 0.1


def test_places_lead_to_the_centre(scenes: NamedScenes) -> None:
    plan = [Standing(5, SIZES_PX.index(96), 100.0, 140.0), Standing(7, SIZES_PX.index(64), 200, 60)]
    views = scenes.drawn([plan], [GREY])
    at = (np.arange(CELLS) + 0.5) * CELL_PX
    cells = np.stack(np.meshgrid(at, at), -1).reshape(-1, 2)
    for item in plan:
        named = views.names[0] == item.index + 1
        side = SIZES_PX[item.size]
        centres = cells[named] - views.places[0][named] * side
        np.testing.assert_allclose(centres, [[item.x, item.y]] * int(named.sum()), atol=0.6)
        assert set(views.sizes[0][named]) == {item.size}


def test_scenes_on_the_lattice_stand_upright_on_half_positions(scenes: NamedScenes) -> None:
    views = scenes.standing(np.random.default_rng(4), 6)
    named = views.names != NOTHING
    at = (np.arange(CELLS) + 0.5) * CELL_PX
    cells = np.stack(np.meshgrid(at, at), -1).reshape(-1, 2)
    side = np.array(SIZES_PX)[views.sizes]
    centres = (cells - views.places * side[..., None])[named]
    np.testing.assert_allclose(centres / 16, np.round(centres / 16), atol=1e-3)
    assert set(side[named]) <= {64, 96, 128}
    assert not views.turns[named].any() and not views.mirrored[named].any()


def test_what_is_in_front_is_named(scenes: NamedScenes) -> None:
    behind = Standing(2, SIZES_PX.index(128), 128.0, 128.0)
    front = Standing(3, SIZES_PX.index(128), 128.0, 128.0)
    views = scenes.drawn([[behind, front]], [GREY])
    assert set(views.names[0].tolist()) == {NOTHING, front.index + 1}


def test_mirrored_turned_and_coloured(scenes: NamedScenes) -> None:
    plain = Standing(4, 1, 128.0, 128.0)
    art = scenes.look(plain)
    assert np.array_equal(scenes.look(replace(plain, mirrored=True)), art[:, ::-1])
    assert np.array_equal(scenes.look(replace(plain, turns=1)), np.rot90(art, -1))
    assert not np.array_equal(scenes.look(replace(plain, colour=3)), art)


def test_crowds_are_fuller_than_scenes(scenes: NamedScenes) -> None:
    rng = np.random.default_rng(2)
    crowd, scene = scenes.plan(rng, 40, 0.08), scenes.plan(rng, 3, 0.1)
    assert len(crowd) > 4 > 3 >= len(scene)
