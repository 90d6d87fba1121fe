"""The mark of sound: speech stays what it is, MP3 and cuts leave the mark there, and sound without
one has none."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from benchmarks.marking import coded
from engine.media.audio import SAMPLE_RATE, read_sound
from engine.media.marking.payload import Payload
from engine.media.marking.sound_mark import LEVEL_DB, find_in_sound, mark_sound

PAYLOAD = Payload.of({"prompt": "say hello", "seed": 7}, "ab12cd")
FILES = sorted(Path("assets/speech").glob("*.opus"))[:12]


@pytest.fixture(scope="module")
def speech() -> np.ndarray:
    """Five seconds of several speakers."""
    return np.concatenate([read_sound(file) for file in FILES])[: 5 * SAMPLE_RATE]


@pytest.fixture(scope="module")
def marked(speech: np.ndarray) -> np.ndarray:
    return mark_sound(speech, PAYLOAD)


MP3 = ("mp3", "libmp3lame")
ATTACKS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "none": lambda samples: samples,
    "quieter": lambda samples: samples * 0.2,
    "cut": lambda samples: samples[8123:],
    "64 kbit/s at 24 kHz": lambda samples: coded(samples, *MP3, 64_000, 24_000),
    "128 kbit/s at 16 kHz": lambda samples: coded(samples, *MP3, 128_000, 16_000),
    "cut, 64 kbit/s": lambda samples: coded(samples[8123:], *MP3, 64_000, 24_000),
}


@pytest.mark.parametrize("attack", ATTACKS)
def test_a_mark_and_its_payload_survive(marked: np.ndarray, attack: str) -> None:
    found = find_in_sound(ATTACKS[attack](marked))
    assert found.marked
    assert found.payload == PAYLOAD


def test_the_mark_follows_the_sound_far_below_it(speech: np.ndarray, marked: np.ndarray) -> None:
    added = np.square(marked - speech).mean()
    assert 10 * np.log10(added / np.square(speech).mean()) <= LEVEL_DB
    assert marked.shape == speech.shape


def test_silence_stays_silent() -> None:
    assert not mark_sound(np.zeros(SAMPLE_RATE, np.float32), PAYLOAD).any()


def test_a_second_of_speech_is_marked() -> None:
    loud = read_sound(FILES[1])
    assert find_in_sound(mark_sound(loud, PAYLOAD)).marked


def test_sound_without_a_mark_has_none(speech: np.ndarray) -> None:
    assert not find_in_sound(speech).marked
    noise = np.random.default_rng(0).normal(0, 0.1, 3 * SAMPLE_RATE).astype(np.float32)
    assert not find_in_sound(noise).marked


def test_another_key_finds_nothing(marked: np.ndarray) -> None:
    assert not find_in_sound(marked, "mine").marked


def test_the_same_sound_gets_the_same_mark(speech: np.ndarray, marked: np.ndarray) -> None:
    assert np.array_equal(mark_sound(speech, PAYLOAD), marked)


@pytest.mark.parametrize("num_samples", [0, 1, 511, 7999])
def test_a_short_sound_stays_unmarked(num_samples: int) -> None:
    samples = np.full(num_samples, 0.1, np.float32)
    assert mark_sound(samples, PAYLOAD) is samples
    assert not find_in_sound(samples).marked
