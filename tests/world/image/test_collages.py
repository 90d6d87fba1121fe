"""The pictures that the sharper tokenizer learns from."""

import numpy as np
import pytest

from tests.drawn_sheet import disc_sheet
from world.image.backdrops import Backdrop
from world.image.collages import CELL_PX, IMAGE_PX, Collages, Placed
from world.image.drawings import HELD_OUT, TRAINED, Drawings

WHITE = Backdrop("plain", colours=((255, 255, 255),))


@pytest.fixture(scope="module")
def drawings(tmp_path_factory: pytest.TempPathFactory) -> Drawings:
    return Drawings(disc_sheet(tmp_path_factory.mktemp("sheet")))


def test_the_same_seed_draws_the_same(drawings: Drawings) -> None:
    collages = Collages(drawings, TRAINED)
    first, again = (collages.sample(np.random.default_rng(3), 6) for _ in range(2))
    assert np.array_equal(first.images, again.images)
    assert first.captions == again.captions
    assert first.images.shape == (6, IMAGE_PX, IMAGE_PX, 3)


def test_only_the_drawings_asked_for_appear(drawings: Drawings) -> None:
    collages = Collages(drawings, HELD_OUT)
    rng = np.random.default_rng(0)
    plans = [collages._packed(rng, 64) for _ in range(30)]
    assert {item.index for plan in plans for item in plan} <= set(HELD_OUT)


def test_things_are_whole_apart_and_on_the_lattice_but_for_three_in_ten(
    drawings: Drawings,
) -> None:
    collages = Collages(drawings, TRAINED)
    rng = np.random.default_rng(1)
    items = [item for _ in range(200) for item in collages._packed(rng, 64)]
    assert all(0 <= at <= IMAGE_PX - i.size_px for i in items for at in (i.x, i.y))
    off = np.mean([bool(i.x % CELL_PX or i.y % CELL_PX) for i in items])
    assert 0.2 < off < 0.3  # At the edge there is nowhere to be pushed to.
    assert 0.25 < np.mean([i.colours is not None for i in items]) < 0.35
    for _ in range(20):
        used = np.zeros((IMAGE_PX, IMAGE_PX), int)
        for i in collages._packed(rng, 64, off=0):
            used[i.y : i.y + i.size_px, i.x : i.x + i.size_px] += 1
        assert used.max() == 1


def test_a_thing_is_pasted_by_its_alpha(drawings: Drawings) -> None:
    plan = [Placed(TRAINED[0], 64, 32, 96)]
    views = Collages(drawings, TRAINED).drawn([plan, []], [WHITE, WHITE])
    art = drawings.art(TRAINED[0], 64).astype(int)
    pasted = views.images[0, 96:160, 32:96].astype(int)
    assert np.abs(pasted - (art[..., :3] + 255 - art[..., 3:4])).max() <= 1
    assert np.array_equal(views.covered[0, 96:160, 32:96], art[..., 3])
    assert np.array_equal(views.outline[0, 96:160, 32:96], art[..., 4])
    assert (views.images[1] == 255).all() and views.covered[1].max() == 0


def test_an_outline_that_is_covered_does_not_count(drawings: Drawings) -> None:
    below, above = Placed(TRAINED[0], 64, 64, 64), Placed(TRAINED[1], 128, 32, 32)
    views = Collages(drawings, TRAINED).drawn([[below, above], [above]], [WHITE, WHITE])
    centre = np.s_[80:112, 80:112]
    assert np.array_equal(views.outline[0][centre], views.outline[1][centre])
