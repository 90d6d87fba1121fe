"""The drawings of the larger world: the table, what is held out, sizes and colours."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.drawn_sheet import disc_sheet
from world.concepts import CONCEPTS
from world.image.drawings import (
    DRAWINGS,
    LUMA,
    Drawings,
    bare,
    build_sheet,
    hue_matrix,
)


def test_the_table_has_612_drawings_and_those_of_the_smaller_world() -> None:
    points = [bare(d.code_point) for d in DRAWINGS]
    assert len(set(points)) == len(points)
    assert {bare(c.code_point) for c in CONCEPTS} <= set(points)
    assert len({d.name for d in DRAWINGS[:612]}) == 612


def test_art_is_premultiplied_and_knows_its_outline(tmp_path: Path) -> None:
    art = Drawings(disc_sheet(tmp_path)).art(5, 48)
    assert art.shape == (48, 48, 5)
    assert bool((art[..., :3] <= art[..., 3:4]).all())
    assert art[24, 24, 3] == 255 and art[24, 24, 4] == 0
    assert art[0, 0].max() == 0
    assert art[24, :, 4].max() > 150


@pytest.mark.parametrize("degrees", [30, 120, 215])
def test_turning_a_hue_keeps_greys_and_luma(degrees: float) -> None:
    matrix = hue_matrix(degrees)
    np.testing.assert_allclose(np.ones(3) @ matrix, np.ones(3), atol=1e-6)
    colour = np.array([0.8, 0.3, 0.1])
    np.testing.assert_allclose(colour @ matrix @ LUMA, colour @ LUMA, atol=1e-6)
    np.testing.assert_allclose(
        np.linalg.matrix_power(hue_matrix(120).astype(np.float64), 3), np.eye(3), atol=1e-5
    )


def test_a_sheet_is_packed_from_files_named_by_code_point(tmp_path: Path) -> None:
    for drawing in DRAWINGS:
        picture = Image.new("RGBA", (8, 8))
        picture.paste((200, 10, 10, 255), (2, 3, 6, 5))
        picture.save(tmp_path / f"{bare(drawing.code_point)}.webp", lossless=True)
    sheet = np.asarray(build_sheet(tmp_path, side_px=8))
    assert sheet[3:5, :8, 3].min() == 255  # Trimmed and centred.
    assert sheet[0, :8, 3].max() < 128
    (tmp_path / f"{bare(DRAWINGS[3].code_point)}.webp").unlink()
    with pytest.raises(ValueError, match=DRAWINGS[3].name):
        build_sheet(tmp_path, side_px=8)
