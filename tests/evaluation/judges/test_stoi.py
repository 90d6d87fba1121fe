import numpy as np
import pytest

from evaluation.judges.stoi import stoi


def _speechlike() -> np.ndarray:
    """2 s of noise whose loudness rises and falls four times a second, between silences."""
    rng, time_s = np.random.default_rng(0), np.arange(32_000) / 16_000
    loud = np.sin(2 * np.pi * 2 * time_s) ** 2 * 0.1
    return np.pad(rng.standard_normal(32_000) * loud, 4000).astype(np.float32)


def _noisy(clean: np.ndarray, snr_db: float) -> np.ndarray:
    noise = np.random.default_rng(1).standard_normal(len(clean))
    return clean + noise * np.sqrt(np.square(clean).mean()) * 10 ** (-snr_db / 20)


def test_the_same_is_perfectly_intelligible_at_any_loudness() -> None:
    clean = _speechlike()
    assert stoi(clean, clean) == pytest.approx(1)
    assert stoi(clean, 0.2 * clean) == pytest.approx(1)


def test_the_more_noise_the_less_is_understood() -> None:
    clean = _speechlike()
    found = [stoi(clean, _noisy(clean, snr_db)) for snr_db in (30, 15, 5, 0, -10)]
    assert found == sorted(found, reverse=True)
    assert found[0] > 0.95
    assert found[-1] < 0.5


def test_what_is_loud_at_the_wrong_times_is_not_understood() -> None:
    clean = _speechlike()
    assert stoi(clean, np.roll(clean, 2000)) < 0


def test_silence_around_the_words_does_not_count() -> None:
    clean = _speechlike()
    other = _noisy(clean, 10)
    longer = [np.pad(s, 8000) for s in (clean, other)]
    assert stoi(*longer) == pytest.approx(stoi(clean, other), abs=0.01)


@pytest.mark.parametrize("samples", [100, 6000])
def test_too_little_speech_is_refused(samples: int) -> None:
    short = _speechlike()[4000 : 4000 + samples]
    with pytest.raises(ValueError, match=r"0\.4 s"):
        stoi(short, short)
