"""Speech codes and sounds share one range of ids; a sentence sounds alike in blocks and whole."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch

from engine.media.voice import (
    FIRST,
    MASK,
    SpeechPreview,
    Voice,
    is_speech,
    num_samples,
    shared_ids,
    speaker_codes,
    word_ends_s,
)
from model.network.text_to_speech import END
from model.tokenizers.speech_codes import CARDINALITY, EDGE, SYMBOLS
from tests.small_voice import small_speaker


def test_words_end_at_gaps() -> None:
    """ "$ ab c. $" with 25 ms a symbol, and nothing for the word that is not over."""
    symbols = [EDGE, "i", "p", " ", "t", ".", EDGE]
    codes = np.array([[8 * SYMBOLS.index(s), 0] for s in symbols])
    assert word_ends_s(codes) == (0.075, 0.15)
    assert word_ends_s(codes[:5]) == (0.075,)
    assert word_ends_s(codes[:0]) == ()


@pytest.fixture(scope="module")
def voice() -> Voice:
    return Voice(small_speaker())


def test_ids_of_speech_lie_behind_those_of_sounds() -> None:
    codes = np.arange(MASK + 1)
    ids = shared_ids(codes)
    assert (speaker_codes(ids) == codes).all()
    assert (ids[:CARDINALITY] >= FIRST).all()
    assert ids[END:].tolist() == [END, MASK]
    assert is_speech(ids[:1]) and not is_speech(ids[END:])
    assert not is_speech(np.arange(CARDINALITY))


@pytest.mark.parametrize("length", [1, 5, 10, 11, 23, 30])
def test_a_sentence_in_blocks_is_the_sentence(voice: Voice, length: int) -> None:
    codes = np.random.default_rng(length).integers(0, CARDINALITY, (length, 2))
    stream, block = voice.stream(), voice.speaker.network.config.block
    parts = [stream.take(part) for part in torch.from_numpy(codes).split(block)]
    whole = torch.cat([*parts, stream.finish()]).numpy()
    assert len(whole) == num_samples(codes)
    assert np.array_equal(whole, voice.samples(codes))
    assert np.abs(whole).max() <= 1
    if length > 2 * block:
        assert all(len(part) for part in parts), "what is final is played while more forms"


def test_nothing_is_silent(voice: Voice) -> None:
    """A prediction may end before it has begun."""
    nothing = np.zeros((0, 2), np.int64)
    x_1 = torch.full((1, 10, 2), END)
    step = SimpleNamespace(x_t=SimpleNamespace(segments=[None]), x_1={0: x_1}, last=False)
    assert len(voice.decoded(nothing)) == len(voice.samples(nothing)) == 0
    assert SpeechPreview(voice, nothing).render(step, prediction=False).shape == (1, 0)  # pyright: ignore


def test_blocks_are_faded_into_each_other(voice: Voice) -> None:
    """No sample jumps at a join by more than it jumps elsewhere."""
    codes = np.random.default_rng(0).integers(0, CARDINALITY, (30, 2))
    stream = voice.stream()
    parts = [stream.take(part) for part in torch.from_numpy(codes).split(10)]
    whole = torch.cat([*parts, stream.finish()]).numpy()
    jumps = np.abs(np.diff(whole))
    for join in np.cumsum([len(part) for part in parts]):
        assert jumps[join - 1] <= np.quantile(jumps, 0.999)
