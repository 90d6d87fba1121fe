"""Drawings in other colours: near the colour that was asked for, and never past their alpha."""

import numpy as np
import pytest

from tests.drawn_sheet import disc_sheet
from world.image.drawings import LUMA, Drawings
from world.image.recolouring import COLOURS, TARGETS, colour_matrices, colour_matrix, tinted


@pytest.fixture(scope="module")
def drawings(tmp_path_factory: pytest.TempPathFactory) -> Drawings:
    return Drawings(disc_sheet(tmp_path_factory.mktemp("sheet")))


@pytest.mark.parametrize("colour", TARGETS)
def test_the_middle_colour_is_the_one_asked_for(drawings: Drawings, colour: str) -> None:
    for index in (3, 9, 200):
        art = drawings.art(index, 32)
        made = tinted(art[..., :4].astype(np.float32) / 255, colour_matrix(art, colour))
        mean = made[..., :3].sum((0, 1)) / made[..., 3].sum() * 255
        assert np.abs(mean - TARGETS[colour]).max() < 12, (colour, index)
        assert bool((made[..., :3] <= made[..., 3:]).all())
        assert bool((made >= 0).all())


def test_light_and_dark_stay(drawings: Drawings) -> None:
    """A lighter half is lighter in every colour."""
    art = drawings.art(9, 32).copy()
    art[:16, :, :3] //= 2
    pixels = art[..., :4].astype(np.float32) / 255
    solid = art[..., 3] == 255
    for colour in TARGETS:
        luma = tinted(pixels, colour_matrix(art, colour))[..., :3] @ LUMA
        assert luma[16:][solid[16:]].mean() > luma[:16][solid[:16]].mean() + 0.02, colour


def test_natural_changes_nothing(drawings: Drawings) -> None:
    matrices = colour_matrices(drawings)
    assert matrices.shape[1:] == (len(COLOURS), 3, 4)
    art = drawings.art(4, 32)[..., :4].astype(np.float32) / 255
    np.testing.assert_allclose(tinted(art, matrices[4, 0]), art, atol=1e-6)
