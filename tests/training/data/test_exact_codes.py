"""Exact codes need two packages; where they are, any sentence has codes that say it."""

from importlib.util import find_spec

import numpy as np
import pytest

from model.tokenizers.speech_codes import DURATIONS, SYMBOLS, pack
from training.data.speech.exact_codes import ExactCodes, SaidCodes

needs_tools = pytest.mark.skipif(
    any(find_spec(name) is None for name in ("hibari", "onnx", "onnxruntime")),
    reason="hibari-tts, onnx and onnxruntime are not installed: the extra speech-codes",
)


@needs_tools
def test_a_sentence_is_read_as_its_symbols() -> None:
    reader = ExactCodes()
    spoken = reader.prosody("i see a dog.")
    said = "".join(SYMBOLS[i] for i in spoken.symbols)
    assert said == "$ˈI sˈi ɐ dˈɔɡ.$"
    assert len(spoken.f0) == len(spoken.energy) == 2 * spoken.durations.sum()
    codes = reader.codes("i see a dog.")
    assert np.array_equal(codes, pack(spoken))
    assert np.array_equal(codes, reader.codes("i see a dog."))


@needs_tools
def test_pace_shortens_what_is_said() -> None:
    reader = ExactCodes()
    slow, quick = (reader.prosody("what is this?", pace) for pace in (0.8, 1.25))
    assert np.array_equal(slow.symbols, quick.symbols)
    assert quick.durations.sum() < slow.durations.sum()


@needs_tools
def test_what_cannot_be_said_is_refused_or_left_out() -> None:
    with pytest.raises(ValueError, match="nothing to say"):
        ExactCodes().codes(" ")
    found = SaidCodes.of(["hello", " ", "word " * 60])
    assert found.sentences == ["hello"]
    assert found.codes[0][:, 0].max() < len(SYMBOLS) * len(DURATIONS)
