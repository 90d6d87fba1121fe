"""The mark of pictures: it cannot be seen, it survives what pictures go through, and a picture
without one has none."""

from math import exp
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from benchmarks.marking import jpeg, scaled
from engine.media.images import read_picture
from engine.media.marking.keyed_signs import keyed_signs, limit
from engine.media.marking.payload import NUM_SYMBOLS, Payload, read_symbols
from engine.media.marking.picture_mark import SMALLEST_PX, layout, mark_picture
from engine.media.marking.picture_search import find_in_frames, residual

FILES = sorted(Path("assets/gallery").glob("picture-*.webp"))[::60]
PAYLOAD = Payload.of({"prompt": "a red car", "seed": 7}, "ab12cd")


def _noise(height: int, width: int) -> np.ndarray:
    rng = np.random.default_rng(height)
    coarse = Image.fromarray(rng.integers(60, 200, (8, 8, 3), np.uint8))
    smooth = np.asarray(coarse.resize((width, height), Image.Resampling.BICUBIC), np.float64)
    return (smooth + rng.normal(0, 8, smooth.shape)).clip(0, 255).astype(np.uint8)


@pytest.fixture(scope="module")
def pictures() -> list[np.ndarray]:
    return [*(read_picture(file) for file in FILES), _noise(256, 256), _noise(96, 160)]


@pytest.fixture(scope="module")
def marked(pictures: list[np.ndarray]) -> list[np.ndarray]:
    return [mark_picture(picture, PAYLOAD) for picture in pictures]


def _found(picture: np.ndarray, *, thorough: bool = False):
    return find_in_frames(picture[None], thorough=thorough)


def test_a_mark_is_far_below_what_is_seen(
    pictures: list[np.ndarray], marked: list[np.ndarray]
) -> None:
    for plain, now in zip(pictures, marked, strict=True):
        error = np.square(plain.astype(float) - now).mean()
        assert 10 * np.log10(255**2 / error) >= 44


def test_a_mark_and_its_payload_are_read(marked: list[np.ndarray]) -> None:
    for picture in marked:
        found = _found(picture)
        assert found.marked
        assert found.payload == PAYLOAD


@pytest.mark.parametrize("times", [0.5, 0.75, 1.25, 1.5, 2.0])
def test_a_mark_survives_scaling(marked: list[np.ndarray], times: float) -> None:
    assert all(_found(scaled(picture, times)).payload == PAYLOAD for picture in marked)


@pytest.mark.parametrize("quality", [90, 70])
def test_a_mark_survives_jpeg(marked: list[np.ndarray], quality: int) -> None:
    assert all(_found(jpeg(picture, quality)).marked for picture in marked)


def test_a_mark_is_found_in_a_screenshot_and_in_a_cut_picture(marked: list[np.ndarray]) -> None:
    page = np.full((256, 384, 3), 250, np.uint8)
    page[40:200, 90:250] = scaled(marked[0], 1.25)
    for seen in (page, marked[0][5:-3, 2:-6]):
        found = _found(seen, thorough=True)
        assert found.marked
        assert found.payload == PAYLOAD


def test_no_picture_without_a_mark_has_one(pictures: list[np.ndarray]) -> None:
    assert not any(_found(picture).marked for picture in pictures)
    assert not _found(pictures[0], thorough=True).marked


def test_another_key_finds_nothing(marked: list[np.ndarray]) -> None:
    assert not any(find_in_frames(p[None], "mine", thorough=False).marked for p in marked)


def test_chance_stays_below_its_bound(pictures: list[np.ndarray]) -> None:
    """The statistic over random keys: 20 000 a picture."""
    rng = np.random.default_rng(3)
    for picture in pictures:
        seen = residual(picture.astype(np.float32).mean(-1), 128 / max(picture.shape))
        contents = np.asarray(seen).reshape(-1)[:2000]
        signs = rng.choice(np.array([-1, 1], np.float32), (20_000, contents.size))
        statistics = signs @ contents / np.linalg.norm(contents)
        for reached in (1.0, 2.0, 3.0, 4.0):
            assert (statistics >= reached).mean() <= exp(-(reached**2) / 2)
        assert statistics.max() < limit(1)


def test_the_same_picture_gets_the_same_mark(pictures: list[np.ndarray]) -> None:
    assert np.array_equal(mark_picture(pictures[0], PAYLOAD), mark_picture(pictures[0], PAYLOAD))


@pytest.mark.parametrize("shape", [(1, 1), (1, 300), (SMALLEST_PX - 1, 64)])
def test_a_picture_that_is_too_small_stays_unmarked(shape: tuple[int, int]) -> None:
    picture = _noise(*shape)
    assert np.array_equal(mark_picture(picture, PAYLOAD), picture)
    assert not _found(picture).marked


@pytest.mark.parametrize("shape", [(32, 32), (101, 67)])
def test_odd_sizes_are_marked(shape: tuple[int, int]) -> None:
    assert _found(mark_picture(_noise(*shape), PAYLOAD)).statistic > 4


@pytest.mark.parametrize("level", [0, 128, 255])
def test_an_even_picture_is_marked(level: int) -> None:
    picture = np.full((128, 128, 3), level, np.uint8)
    assert _found(mark_picture(picture, PAYLOAD)).marked


def test_a_payload_goes_there_and_back() -> None:
    assert read_symbols(PAYLOAD.symbols()) == PAYLOAD
    assert len(PAYLOAD.symbols()) == NUM_SYMBOLS
    broken = (PAYLOAD.symbols()[0] ^ 1, *PAYLOAD.symbols()[1:])
    assert read_symbols(broken) is None
    assert PAYLOAD.checkpoint == "ab12"
    assert len(Payload.of({}, "").checkpoint) == 4


def test_signs_come_from_the_key_alone() -> None:
    once, other = keyed_signs("a", "x", 64, 64), keyed_signs("b", "x", 64, 64)
    assert abs(once.mean()) < 0.1
    assert abs((once * other).mean()) < 0.1
    assert layout("a", 128, 128).pilot.any()
