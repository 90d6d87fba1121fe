"""A pack is a small copy of the held-out parts of a corpus; a broken one says what to do."""

from pathlib import Path

import numpy as np
import pytest

from evaluation import pack
from evaluation.pack import FOLDER, JUDGE, first, read_pack, write_pack
from world.audio.sounds import PRESETS, SOUND
from world.audio.speech import Clip, Part, write_clip
from world.audio.voices import HELD_OUT_VOICES, OUTPUT_VOICE

RATE = 16_000


def _clip(part: Part, index: int, sentence: str, voice: str) -> Clip:
    time_s = np.arange(RATE) / RATE
    samples = 0.1 * np.sin(2 * np.pi * (200 + 40 * len(sentence)) * time_s)
    return Clip(f"{part}-{index:06d}", sentence, voice, samples.astype(np.float32))


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    folder = tmp_path / "corpus"
    folder.mkdir()
    made = [
        _clip(Part.TRAIN, 0, "never packed", OUTPUT_VOICE),
        *(_clip(Part.TEST, i, f"sentence {i}", OUTPUT_VOICE) for i in range(4)),
        *(_clip(p, i, t, SOUND) for p in (Part.SOUND, Part.SOUND_TEST) for i, t in _sounds()),
    ]
    for clip in made:
        write_clip(folder / f"{clip.name}.flac", clip)
    return folder


def _sounds() -> list[tuple[int, str]]:
    return list(enumerate(("rain", "a telephone") * 3))


def test_a_pack_holds_what_is_held_out(corpus: Path, tmp_path: Path) -> None:
    size = write_pack(corpus, tmp_path / "pack")
    packed = read_pack(tmp_path / "pack")
    assert size == sum(f.stat().st_size for f in (tmp_path / "pack").iterdir())
    assert [c.sentence for c in packed.spoken] == [f"sentence {i}" for i in range(4)]
    assert [c.sentence for c in packed.sounds] == ["rain", "a telephone"] * 2
    assert packed.own == packed.spoken
    true = _clip(Part.TEST, 0, "sentence 0", OUTPUT_VOICE)
    found = packed.clips[0]
    assert (found.name, found.sentence, found.voice) == (true.name, true.sentence, true.voice)
    assert found.samples.shape == true.samples.shape
    assert np.corrcoef(found.samples, true.samples)[0, 1] > 0.99
    assert [packed.judge.name(c.samples) for c in packed.sounds] == ["rain", "a telephone"] * 2


def test_a_pack_is_limited(corpus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pack, "MAX_SPOKEN", 3)
    monkeypatch.setattr(pack, "MAX_PER_SOUND", 1)
    write_pack(corpus, tmp_path / "pack")
    assert len(read_pack(tmp_path / "pack").clips) == 5
    monkeypatch.setattr(pack, "MAX_BYTES", 1000)
    with pytest.raises(ValueError, match="limit"):
        write_pack(corpus, tmp_path / "pack")


def test_a_new_pack_replaces_the_old_one(corpus: Path, tmp_path: Path) -> None:
    write_pack(corpus, tmp_path / "pack")
    (corpus / "test-000003.flac").unlink()
    write_pack(corpus, tmp_path / "pack")
    assert len(read_pack(tmp_path / "pack").spoken) == 3
    assert not (tmp_path / "pack" / "test-000003.opus").exists()


@pytest.mark.parametrize("part", [Part.TEST, Part.SOUND, Part.SOUND_TEST])
def test_a_corpus_without_a_part_makes_no_pack(corpus: Path, tmp_path: Path, part: Part) -> None:
    for file in corpus.glob(f"{part}-*.flac"):
        file.unlink()
    with pytest.raises(ValueError, match="python -m world"):
        write_pack(corpus, tmp_path / "pack")
    assert not (tmp_path / "pack").exists()


@pytest.mark.parametrize("broken", ["index.json", "test-000001.opus", JUDGE])
@pytest.mark.parametrize("content", [None, b"not what it was", b'[{"name": "x"}]'])
def test_a_broken_pack_says_what_to_do(
    corpus: Path, tmp_path: Path, broken: str, content: bytes | None
) -> None:
    write_pack(corpus, tmp_path / "pack")
    file = tmp_path / "pack" / broken
    file.unlink() if content is None else file.write_bytes(content)
    with pytest.raises(ValueError, match="python -m evaluation pack"):
        read_pack(tmp_path / "pack")


def test_no_more_clips_than_there_are() -> None:
    clips = [_clip(Part.TEST, i, "x", OUTPUT_VOICE) for i in range(3)]
    assert first(clips, 2, "asr") == clips[:2]
    for num in (0, 4):
        with pytest.raises(ValueError, match="from 1 to 3 for asr"):
            first(clips, num, "asr")


def test_the_shipped_pack_is_small_and_whole() -> None:
    packed = read_pack(FOLDER)
    assert sum(f.stat().st_size for f in FOLDER.iterdir()) < 4_000_000
    assert len(packed.spoken) == 144
    assert {c.voice for c in packed.spoken} >= {OUTPUT_VOICE, *HELD_OUT_VOICES}
    assert sorted(c.sentence for c in packed.sounds) == sorted([*PRESETS, *PRESETS])
    assert all(packed.judge.name(c.samples) == c.sentence for c in packed.sounds)
