"""The speech corpus: who says what, a folder that grows, and samples of one rate and loudness."""

import re
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile

from world.audio.speech import (
    MAX_CLIP_S,
    MAX_SPEED,
    MIN_SPEED,
    Clip,
    Part,
    build,
    clips,
    plan_clip,
    read_clip,
    scene_of,
    write_clip,
)
from world.audio.voices import (
    BULK_VOICES,
    HELD_OUT_VOICES,
    KOKORO_VOICES,
    OUTPUT_VOICE,
    SAMPLE_RATE,
    Voices,
    normalise_loudness,
    resample,
    trim_silence,
)
from world.concepts import BY_NAME, CONCEPTS, OBJECT_COLOURS, named_concepts

SPOKEN = (Part.TRAIN, Part.BULK, Part.TEST, Part.NAMES)


def _tone(seconds: float, hz: float = 440.0, rate: int = SAMPLE_RATE) -> np.ndarray:
    return np.sin(2 * np.pi * hz * np.arange(round(seconds * rate)) / rate).astype(np.float32)


class FakeVoices(Voices):
    """Remembers what it said; every third sentence takes too long."""

    def __init__(self) -> None:
        self.said: list[tuple[str, str]] = []

    def say(self, voice: str, sentence: str, speed: float) -> np.ndarray:
        self.said.append((voice, sentence))
        long = len(self.said) % 3 == 0
        return 0.1 * _tone(MAX_CLIP_S + 0.1 if long else speed)


@pytest.mark.parametrize("part", SPOKEN)
def test_a_clip_is_planned_by_its_number_alone(part: Part) -> None:
    plan = [plan_clip(part, i) for i in range(40)]
    assert [plan_clip(part, i) for i in reversed(range(40))] == plan[::-1]
    assert len({(p.sentence, p.voice) for p in plan}) > 30


@pytest.mark.parametrize("part", [Part.TRAIN, Part.BULK])
def test_held_out_voices_are_never_trained_on(part: Part) -> None:
    voices = {plan_clip(part, i).voice for i in range(400)}
    assert voices == set(BULK_VOICES if part is Part.BULK else (OUTPUT_VOICE, *KOKORO_VOICES))
    assert not voices & set(HELD_OUT_VOICES)


def test_half_of_the_training_is_the_output_voice() -> None:
    counts = Counter(plan_clip(Part.TRAIN, i).voice for i in range(400))
    assert counts[OUTPUT_VOICE] == 200


def test_names_are_all_said_by_the_output_voice_without_a_colour() -> None:
    plans = [plan_clip(Part.NAMES, i) for i in range(600)]
    assert {(p.voice, p.speed) for p in plans} == {(OUTPUT_VOICE, 1.0)}
    said = Counter(name for p in plans for name in named_concepts(p.sentence))
    assert set(said) == set(BY_NAME)
    assert min(said.values()) * 3 > max(said.values())
    assert not any(colour in p.sentence.split() for p in plans for colour in OBJECT_COLOURS)


def test_the_test_has_every_held_out_voice_half_of_the_time() -> None:
    counts = Counter(plan_clip(Part.TEST, i).voice for i in range(40))
    assert counts[OUTPUT_VOICE] == 10
    assert set(HELD_OUT_VOICES) <= counts.keys()
    assert sum(counts[voice] for voice in HELD_OUT_VOICES) == 20


@pytest.mark.parametrize("part", SPOKEN)
def test_only_the_output_voice_keeps_its_speed(part: Part) -> None:
    speeds: dict[bool, set[float]] = {True: set(), False: set()}
    for clip in (plan_clip(part, i) for i in range(200)):
        speeds[clip.voice == OUTPUT_VOICE].add(clip.speed)
    assert speeds[True] == (set() if part is Part.BULK else {1.0})
    if part is Part.NAMES:
        assert not speeds[False]
        return
    assert MIN_SPEED <= min(speeds[False]) < 0.9 < 1.1 < max(speeds[False]) <= MAX_SPEED


@pytest.mark.parametrize("part", [Part.TRAIN, Part.BULK, Part.TEST])
def test_the_scene_of_a_clip_is_the_one_it_was_planned_with(part: Part) -> None:
    plans = [plan_clip(part, i) for i in range(40)]
    for i, plan in enumerate(plans):
        clip = Clip(f"{part}-{i:06d}", plan.sentence, plan.voice, _tone(0.1))
        assert scene_of(clip) == plan.scene
        assert scene_of(replace(clip, sentence="something else")) is None
    assert {plan.scene is None for plan in plans} == {True, False}
    for name in ("sound-000001", "unheard-000001", "mine", "train-x"):
        assert scene_of(Clip(name, plans[0].sentence, "v", _tone(0.1))) is None


def test_a_clip_survives_its_file(tmp_path: Path) -> None:
    clip = Clip("train-000007", "what's a 'süß' dog?", "kokoro/af_heart", 0.5 * _tone(0.3))
    write_clip(tmp_path / "train-000007.flac", clip)
    read = read_clip(tmp_path / "train-000007.flac")
    assert (read.name, read.sentence, read.voice) == (clip.name, clip.sentence, clip.voice)
    assert read.samples.dtype == np.float32
    assert read.samples == pytest.approx(clip.samples, abs=2**-15)
    assert [f.name for f in tmp_path.iterdir()] == ["train-000007.flac"]


@pytest.mark.parametrize("name", ["none", "text", "untitled"])
def test_what_is_no_clip_says_so(name: str, tmp_path: Path) -> None:
    (tmp_path / "text.flac").write_text("hello")
    soundfile.write(tmp_path / "untitled.flac", _tone(0.1), SAMPLE_RATE)
    with pytest.raises(ValueError, match=f"{name}.flac is no clip of the speech corpus"):
        read_clip(tmp_path / f"{name}.flac")


def test_only_what_is_missing_and_not_too_long_is_spoken(tmp_path: Path) -> None:
    folder, voices = tmp_path / "corpus", FakeVoices()
    assert build(folder, voices, Part.TRAIN, range(0, 6, 2)) == 2
    assert build(folder, voices, Part.TRAIN, range(4)) == 1 + 1
    plan = [plan_clip(Part.TRAIN, i) for i in (0, 2, 4, 1, 3)]
    assert voices.said == [(p.voice, p.sentence) for p in plan]
    kept = list(clips(folder, [Part.TRAIN]))
    assert [c.name for c in kept] == [f"train-{i:06d}" for i in (0, 1, 2, 3)]
    assert [c.sentence for c in kept] == [plan_clip(Part.TRAIN, i).sentence for i in (0, 1, 2, 3)]
    assert max(len(c.samples) for c in kept) <= MAX_CLIP_S * SAMPLE_RATE


def test_parts_of_a_folder_do_not_mix(tmp_path: Path) -> None:
    for part in Part:
        build(tmp_path, FakeVoices(), part, range(2))
    for part in Part:
        assert [c.name for c in clips(tmp_path, [part])] == [f"{part}-00000{i}" for i in range(2)]
    assert len(list(clips(tmp_path, list(Part)))) == 2 * len(Part)


@pytest.mark.parametrize("rate", [8_000, 16_000, 22_050, 24_000, 48_000])
def test_another_rate_leaves_the_tone_as_it_is(rate: int) -> None:
    found = resample(_tone(1.0, rate=rate).astype(np.float64), rate)
    assert found.dtype == np.float32
    assert found.shape == (SAMPLE_RATE,)
    middle = slice(SAMPLE_RATE // 4, 3 * SAMPLE_RATE // 4)
    assert found[middle] == pytest.approx(_tone(1.0)[middle], abs=0.01)


def test_silence_at_the_ends_is_cut_but_for_a_margin() -> None:
    quiet = np.zeros(SAMPLE_RATE // 2, np.float32)
    parts = (quiet, _tone(0.2), quiet, _tone(0.2), quiet)
    found = trim_silence(np.concatenate(parts), margin_s=0.1)
    assert len(found) == pytest.approx((0.2 + 0.5 + 0.2 + 2 * 0.1) * SAMPLE_RATE, abs=320)
    assert len(trim_silence(_tone(0.2))) == len(_tone(0.2))


@pytest.mark.parametrize("gain", [1e-3, 0.1, 1.0])
def test_everything_has_one_loudness(gain: float) -> None:
    found = normalise_loudness(gain * _tone(0.5))
    assert found.dtype == np.float32
    assert np.sqrt(np.square(found).mean()) == pytest.approx(0.06, rel=1e-3)


def test_a_click_is_not_clipped() -> None:
    click = np.zeros(16_000, np.float32)
    click[8000] = 1
    assert np.abs(normalise_loudness(click)).max() < 1


@pytest.mark.parametrize("voice", ["kokoro/nobody", "siri/anna"])
def test_a_voice_that_is_not_here_says_so(voice: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=f"{voice}"):
        Voices(tmp_path).say(voice, "hello", 1.0)


def test_a_clip_that_speaks_of_a_scene_knows_it() -> None:
    """And says nothing of it that is not so: all its words about things are words of the scene."""
    plans = [plan_clip(Part.TEST, i) for i in range(60)]
    spoken = [p for p in plans if p.scene is not None]
    assert 20 < len(spoken) < 60
    for plan in spoken:
        assert plan.scene is not None
        named = {
            c.name for c in CONCEPTS if re.search(rf"\b({c.name}|{c.plural})\b", plan.sentence)
        }
        assert named == {item.concept for item in plan.scene.items}
