from pathlib import Path

import numpy as np
import pytest

from evaluation.judges.sound_judge import NOTHING, SoundJudge
from world.audio.sounds import SOUND
from world.audio.speech import Clip

THINGS = ("a beep", "a click", "rain")


def _sound(thing: str, seed: int) -> np.ndarray:
    rng, time_s = np.random.default_rng(seed), np.arange(24_000) / 16_000
    if thing == "a beep":
        return (0.2 * np.sin(2 * np.pi * rng.uniform(800, 900) * time_s)).astype(np.float32)
    noise = rng.standard_normal(24_000) * 0.1
    struck = np.exp(-((time_s * 3) % 1) * 30) if thing == "a click" else 1
    return (noise * struck).astype(np.float32)


@pytest.fixture(scope="module")
def judge() -> SoundJudge:
    return SoundJudge.fitted(
        [Clip("", thing, SOUND, _sound(thing, seed)) for seed in range(3) for thing in THINGS]
    )


@pytest.mark.parametrize("thing", THINGS)
def test_new_sounds_are_named_at_any_loudness(judge: SoundJudge, thing: str) -> None:
    sound = _sound(thing, 99)
    assert judge.name(sound) == judge.name(0.1 * sound) == thing


def test_silence_is_nothing(judge: SoundJudge) -> None:
    assert judge.name(np.zeros(0, np.float32)) == NOTHING
    assert judge.name(np.zeros(16_000, np.float32)) == NOTHING


def test_a_saved_judge_is_the_same(judge: SoundJudge, tmp_path: Path) -> None:
    judge.save(tmp_path / "judge.npz")
    again = SoundJudge.load(tmp_path / "judge.npz")
    assert again.things == judge.things
    np.testing.assert_allclose(again.centres, judge.centres, rtol=1e-5)
    np.testing.assert_allclose(again.spread, judge.spread, rtol=1e-5)


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 cut off", b"something else"])
def test_a_broken_judge_is_refused(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "judge.npz").write_bytes(content)
    with pytest.raises(ValueError):  # noqa: PT011 (NumPy words some of them)
        SoundJudge.load(tmp_path / "judge.npz")
