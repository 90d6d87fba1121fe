"""Backgrounds of the larger world."""

import numpy as np
import pytest

from world.image.backdrops import MOODS, PLACES, Backdrop, painted, sample_backdrop


@pytest.mark.parametrize("kind", PLACES)
def test_every_place_is_painted_all_over_in_every_mood(kind: str) -> None:
    moods = [painted(Backdrop(kind, mood), 64) for mood in range(MOODS)]
    for i, picture in enumerate(moods):
        assert picture.shape == (64, 64, 3)
        assert bool((picture.max(-1) > 0).all()), "a hole"
        assert all(not np.array_equal(picture, other) for other in moods[:i])


def test_a_place_is_the_same_at_every_size_and_time() -> None:
    small, large = painted(Backdrop("farm", 1), 64), painted(Backdrop("farm", 1), 128)
    halved = large.reshape(64, 2, 64, 2, 3).astype(float).mean((1, 3))
    assert np.abs(halved - small).mean() < 3


def test_colours() -> None:
    plain = painted(Backdrop("plain", colours=((10, 20, 30),)), 8)
    assert (plain == (10, 20, 30)).all()
    fade = painted(Backdrop("gradient", colours=((0, 0, 0), (255, 255, 255))), 8)
    assert fade[0].max() == 0 and fade[-1].min() == 255


def test_half_are_places_and_draws_repeat() -> None:
    drawn = [sample_backdrop(np.random.default_rng((1, i))) for i in range(400)]
    again = [sample_backdrop(np.random.default_rng((1, i))) for i in range(400)]
    assert drawn == again
    assert 0.4 < np.mean([b.kind in PLACES for b in drawn]) < 0.6
    assert {b.kind for b in drawn} == {*PLACES, "plain", "gradient"}
