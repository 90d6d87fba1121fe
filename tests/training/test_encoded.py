"""Clips become codes once for each weights and sound, and a corpus that grows keeps the rest."""

from pathlib import Path

import numpy as np
import pytest
import torch

from model.presets import PRESETS
from model.tokenizers.audio import AudioTokenizer
from training.data.speech.clip_codes import encode_clips
from world.audio.speech import Clip

CONFIG = PRESETS["tiny"]


def _tones(names: str = "abc", hz: float = 300.0) -> list[Clip]:
    times = np.arange(2000) / 16_000
    return [
        Clip(
            n, n * 3, "flite/slt", np.sin(2 * np.pi * hz * i * times).astype(np.float32)[: 900 * i]
        )
        for i, n in enumerate(names, 1)
    ]


@pytest.fixture
def tokenizer() -> AudioTokenizer:
    torch.manual_seed(0)
    assert CONFIG.audio is not None
    return AudioTokenizer(CONFIG.audio).eval()


def test_clips_are_encoded_once(tokenizer: AudioTokenizer, tmp_path: Path) -> None:
    cache = tmp_path / "new" / "codes.npz"
    first = encode_clips(tokenizer, _tones(), cache)
    written = cache.stat().st_mtime_ns
    second = encode_clips(tokenizer, _tones(), cache)
    assert cache.stat().st_mtime_ns == written
    for clip, one, other in zip(_tones(), first, second, strict=True):
        wanted = tokenizer.encode(torch.from_numpy(clip.samples)[None])[0]
        assert np.array_equal(one.codes, wanted)
        assert np.array_equal(other.codes, wanted)
        assert (
            (one.sentence, one.voice)
            == (other.sentence, other.voice)
            == (clip.sentence, clip.voice)
        )
        assert torch.equal(other.span().tokens, wanted)


@pytest.mark.parametrize("change", ["weights", "clips", "samples"])
def test_other_weights_or_clips_are_encoded_anew(
    tokenizer: AudioTokenizer, tmp_path: Path, change: str
) -> None:
    cache = tmp_path / "codes.npz"
    encode_clips(tokenizer, _tones(), cache)
    clips = (
        _tones("abcd") if change == "clips" else _tones(hz=700.0 if change == "samples" else 300)
    )
    if change == "weights":
        torch.nn.init.normal_(tokenizer.mix.weight)
    with np.load(cache) as kept:
        before = set(kept["marks"])
    found = encode_clips(tokenizer, clips, cache)
    with np.load(cache) as kept:
        assert (len(before & set(kept["marks"])) > 0) == (change == "clips")
        assert len(kept["marks"]) == len(clips)
    for clip, one in zip(clips, found, strict=True):
        assert np.array_equal(one.codes, tokenizer.encode(torch.from_numpy(clip.samples)[None])[0])


def test_a_corpus_that_grew_is_not_encoded_anew(
    tokenizer: AudioTokenizer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache = tmp_path / "codes.npz"
    before = encode_clips(tokenizer, _tones(), cache)
    told: list[str] = []
    encode = tokenizer.encode
    monkeypatch.setattr(tokenizer, "encode", lambda x: told.append(str(len(x))) or encode(x))
    after = encode_clips(tokenizer, _tones("abcd")[::-1], cache)
    assert told == ["1"]
    for one, other in zip(before[::-1], after[1:], strict=True):
        assert np.array_equal(one.codes, other.codes)
