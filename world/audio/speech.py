"""The speech corpus: which sentence is spoken by which voice, and a folder of clips that grows.

A clip is one FLAC file at 16 kHz that carries its sentence and its voice in its tags. The plan is a
function of the number of a clip, so that a broken-off build goes on where it stopped and several
processes share the work. Owns: the plan, the folder. Does not own: sentences
(`world.text.sentences`), voices (`world.audio.voices`), sounds (`world.audio.sounds`).
"""

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

import numpy as np
import soundfile
from tqdm import tqdm

from world.audio.voices import (
    BULK_VOICES,
    HELD_OUT_VOICES,
    KOKORO_VOICES,
    OUTPUT_VOICE,
    SAMPLE_RATE,
    Voices,
)
from world.image.scenes import Scene
from world.sampling import pick
from world.text.sentences import MAX_SPOKEN_CHARS, model_sentence, names, user_sentence

PLAN_SEED = 21
MAX_CLIP_S = 8.0
LEFT_OUT = "left-out.txt"
"""The file with the names of unintelligible clips."""
MIN_SPEED, MAX_SPEED = 0.85, 1.2


class Part(StrEnum):
    """The parts of the corpus: natural voices, bulk voices, held-out speech, sounds, held-out
    sounds, and object names in the output voice."""

    TRAIN = "train"
    BULK = "bulk"
    TEST = "test"
    SOUND = "sound"
    SOUND_TEST = "unheard"
    NAMES = "names"


@dataclass(frozen=True)
class ClipPlan:
    """A clip before it is spoken. scene: the scene that its sentence describes or requests."""

    sentence: str
    voice: str
    speed: float
    scene: Scene | None = None


def plan_clip(part: Part, index: int) -> ClipPlan:
    """Return the plan of clip `index` of a part.

    TRAIN: every second clip in the output voice at its own speed, the others in natural voices at
    any speed. BULK: bulk voices. TEST: held-out scenes, in turn in the output voice, a natural
    voice and held-out voices. NAMES: the output voice, each name about equally often.
    """
    rng = np.random.default_rng((PLAN_SEED, list(Part).index(part), index))
    if part is Part.NAMES:
        return ClipPlan(names(rng), OUTPUT_VOICE, 1.0)
    test = part is Part.TEST
    match part, index % 4:
        case Part.BULK, _:
            voice = pick(rng, BULK_VOICES)
        case (Part.TRAIN, 0 | 2) | (Part.TEST, 0):
            voice = OUTPUT_VOICE
        case Part.TEST, 1:
            voice = pick(rng, KOKORO_VOICES)
        case Part.TEST, _:
            voice = HELD_OUT_VOICES[(index // 4 * 2 + index % 2) % len(HELD_OUT_VOICES)]
        case _:
            voice = pick(rng, KOKORO_VOICES)
    says = model_sentence if voice == OUTPUT_VOICE and rng.random() < 0.7 else user_sentence
    while len((said := says(rng, test=test)).text) > MAX_SPOKEN_CHARS:
        pass
    speed = 1.0 if voice == OUTPUT_VOICE else float(rng.uniform(MIN_SPEED, MAX_SPEED))
    return ClipPlan(said.text, voice, round(speed, 3), said.scene)


@dataclass(frozen=True)
class Clip:
    """A spoken sentence: float32 samples at `SAMPLE_RATE`."""

    name: str
    sentence: str
    voice: str
    samples: np.ndarray


def scene_of(clip: Clip) -> Scene | None:
    """Return the scene of a clip; None where it has none or was not planned by `plan_clip`."""
    part, _, number = clip.name.partition("-")
    if part not in (Part.TRAIN, Part.BULK, Part.TEST) or not number.isdecimal():
        return None
    plan = plan_clip(Part(part), int(number))
    return plan.scene if plan.sentence == clip.sentence else None


def build(folder: Path, voices: Voices, part: Part, indices: Sequence[int]) -> int:
    """Speak the planned clips that the folder lacks and return their number; clips over
    `MAX_CLIP_S` are dropped."""
    folder.mkdir(parents=True, exist_ok=True)
    spoken = 0
    for index in tqdm(indices, desc=part, mininterval=5):
        file = folder / f"{part}-{index:06d}.flac"
        if file.exists():
            continue
        clip = plan_clip(part, index)
        samples = voices.say(clip.voice, clip.sentence, clip.speed)
        if len(samples) <= MAX_CLIP_S * SAMPLE_RATE:
            write_clip(file, Clip(file.stem, clip.sentence, clip.voice, samples))
            spoken += 1
    return spoken


def write_clip(file: Path, clip: Clip) -> None:
    """Write a FLAC file with sentence and voice as tags, atomically."""
    beside = file.with_suffix(".part")
    with soundfile.SoundFile(
        beside, "w", samplerate=SAMPLE_RATE, channels=1, format="FLAC", subtype="PCM_16"
    ) as out:
        out.title, out.artist = clip.sentence, clip.voice
        out.write(clip.samples)
    os.replace(beside, file)


def read_clip(file: Path) -> Clip:
    """Read a clip.

    Raises: ValueError where the file is no clip of a corpus.
    """
    try:
        with soundfile.SoundFile(file) as found:
            samples = found.read(dtype="float32")
            if not (found.title and found.artist):
                raise ValueError(f"{file} is no clip of the speech corpus: it has no tags")
            return Clip(file.stem, found.title, found.artist, samples)
    except (soundfile.LibsndfileError, AttributeError) as error:
        raise ValueError(f"{file} is no clip of the speech corpus: {error}") from error


def clips(folder: Path, parts: Sequence[Part]) -> Iterator[Clip]:
    """Iterate over the clips of some parts by number, without the excluded ones."""
    listed = folder / LEFT_OUT
    left_out = set(listed.read_text().split()) if listed.exists() else set[str]()
    for part in parts:
        for file in sorted(folder.glob(f"{part}-*.flac")):
            if file.stem not in left_out:
                yield read_clip(file)


def exclude_clips(folder: Path, names: Sequence[str]) -> None:
    """Exclude clips of the folder by name."""
    with (folder / LEFT_OUT).open("a") as listed:
        listed.writelines(f"{name}\n" for name in names)
