"""Somebody speaks when the detector has been sure for a while, and has finished after a pause."""

import numpy as np
import pytest

from engine.media.vad import FIRST_S, PAUSE_S, WINDOW, TurnDetector
from model.tokenizers.whisper_encoder import SAMPLE_RATE

STEP_S = WINDOW / SAMPLE_RATE
SURE, UNSURE, QUIET = 0.9, 0.4, 0.1


def _times(opinions: list[tuple[float, float]]) -> list[tuple[str, float]]:
    """What is said and when, for (probability, seconds) one after the other."""
    detector, found, now = TurnDetector(), list[tuple[str, float]](), 0.0
    for probability, seconds in opinions:
        for _ in range(round(seconds / STEP_S)):
            now += STEP_S
            found += [(event, now) for event in detector._judge(probability)]
    return found


def test_a_turn_begins_and_ends() -> None:
    (began, at), (ended, later) = _times([(QUIET, 1.0), (SURE, 1.0), (QUIET, 2.0)])
    assert (began, ended) == ("speaking", "finished")
    assert at == pytest.approx(1 + FIRST_S, abs=2 * STEP_S)
    assert later == pytest.approx(2 + PAUSE_S, abs=2 * STEP_S)


def test_a_click_is_no_speech_and_a_breath_no_end() -> None:
    assert _times([(SURE, FIRST_S / 2), (QUIET, 1.0)] * 3) == []
    told = _times([(SURE, 1.0), (QUIET, PAUSE_S / 2), (SURE, 1.0), (QUIET, 1.0)])
    assert [event for event, _ in told] == ["speaking", "finished"]


def test_speech_goes_on_while_it_is_half_sure() -> None:
    assert [event for event, _ in _times([(SURE, 0.5), (UNSURE, 3.0)])] == ["speaking"]


def test_silence_is_nobody_whatever_the_pieces() -> None:
    rng = np.random.default_rng(0)
    noise = (0.001 * rng.standard_normal(SAMPLE_RATE)).astype(np.float32)
    detector = TurnDetector()
    assert [e for piece in np.array_split(noise, 37) for e in detector.hear(piece)] == []
