"""Sounds of things: about two seconds each, played from the FluidR3 sound fonts (MIT licence).

Used once, to make the corpus (`python -m world sounds`). Owns: which things can be heard, how their
sounds vary, and the words for them. Does not own: the folder of clips (`world.audio.speech`).
"""

import sys
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from world.audio.speech import Clip, Part, write_clip
from world.audio.voices import SAMPLE_RATE, normalise_loudness

SECONDS = 1.92
SOUND = "sound"
"""The voice field of clips that are sounds."""
SOUND_SEED = 31


@dataclass(frozen=True)
class Preset:
    """bank and program in a sound font ("gs" or "gm"), the middle key, and how often it is struck:
    the shortest and the longest time between two strokes, or None for one that is held."""

    font: str
    bank: int
    program: int
    key: int = 60
    every_s: tuple[float, float] | None = None


_STRUCK, _PLAYED = (0.35, 0.9), (0.2, 0.6)
PRESETS: dict[str, Preset] = {
    "a dog": Preset("gs", 1, 123, 60, _STRUCK),
    "a horse": Preset("gs", 2, 123),
    "a bird": Preset("gs", 3, 123, 60, (0.6, 1.1)),
    "rain": Preset("gs", 1, 122),
    "thunder": Preset("gs", 2, 122),
    "wind": Preset("gs", 3, 122),
    "a stream": Preset("gs", 4, 122),
    "bubbles": Preset("gs", 5, 122),
    "a door": Preset("gs", 2, 124),
    "wind chimes": Preset("gs", 5, 124),
    "a car": Preset("gs", 1, 125),
    "a car crash": Preset("gs", 4, 125),
    "a siren": Preset("gs", 5, 125),
    "a train": Preset("gs", 6, 125),
    "a plane": Preset("gs", 7, 125),
    "a rocket": Preset("gs", 8, 125),
    "laughter": Preset("gs", 1, 126),
    "a heartbeat": Preset("gs", 4, 126, 60, (0.8, 1.1)),
    "footsteps": Preset("gs", 5, 126, 60, (0.4, 0.7)),
    "an explosion": Preset("gs", 3, 127),
    "the sea": Preset("gm", 0, 122),
    "a telephone": Preset("gm", 0, 124),
    "a helicopter": Preset("gm", 0, 125),
    "applause": Preset("gm", 0, 126),
    "a clock": Preset("gm", 0, 115, 76, (0.4, 0.6)),
    "a bell": Preset("gm", 0, 14, 60, (0.8, 1.6)),
    "a drum": Preset("gm", 0, 117, 55, _PLAYED),
    "a guitar": Preset("gm", 0, 25, 60, _PLAYED),
    "a piano": Preset("gm", 0, 0, 60, _PLAYED),
    "a violin": Preset("gm", 0, 40, 69, (0.5, 1.0)),
    "a trumpet": Preset("gm", 0, 56, 67, (0.3, 0.8)),
    "a flute": Preset("gm", 0, 73, 76, (0.3, 0.8)),
    "an accordion": Preset("gm", 0, 21, 62, (0.4, 1.0)),
}
"""The sounds by their names."""

Play = Callable[[str, np.random.Generator], np.ndarray]
"""(words, chance) -> float32 samples at 16 kHz."""


def sound_fonts(gs: Path, gm: Path) -> Play:
    """Return a player of the presets in both files.

    Raises: ValueError where a file or the package tinysoundfont is missing.
    """
    for file in (gs, gm):
        if not file.exists():
            raise ValueError(f"there is no sound font at {file}: see docs/training.md")
    sys.modules.setdefault("pyaudio", ModuleType("pyaudio"))
    try:
        synth: Any = import_module("tinysoundfont").Synth(samplerate=SAMPLE_RATE)
    except ModuleNotFoundError as error:
        raise ValueError(f"{error}: see docs/training.md for what to install") from error
    fonts = {"gs": synth.sfload(str(gs)), "gm": synth.sfload(str(gm))}

    def play(words: str, rng: np.random.Generator) -> np.ndarray:
        preset = PRESETS[words]
        synth.notes_off()
        synth.generate(SAMPLE_RATE * 2)
        synth.program_select(0, fonts[preset.font], preset.bank, preset.program)
        melodic = preset.every_s is not None and preset.font == "gm"
        left, parts = round(SECONDS * SAMPLE_RATE), list[np.ndarray]()
        while left > 0:
            key = preset.key + int(rng.integers(-7, 8) if melodic else rng.integers(-3, 4))
            synth.noteon(0, key, int(rng.integers(70, 127)))
            held = SECONDS if preset.every_s is None else rng.uniform(*preset.every_s)
            count = min(left, round(held * SAMPLE_RATE))
            stereo = np.frombuffer(bytes(synth.generate(count)), np.float32).reshape(-1, 2)
            parts.append(stereo.mean(1))
            synth.noteoff(0, key)
            left -= count
        return normalise_loudness(np.concatenate(parts))

    return play


def build(folder: Path, play: Play, part: Part, num: int) -> None:
    """Write `num` variants of every sound."""
    folder.mkdir(parents=True, exist_ok=True)
    for index in range(num * len(PRESETS)):
        rng = np.random.default_rng((SOUND_SEED, list(Part).index(part), index))
        words = tuple(PRESETS)[index % len(PRESETS)]
        name = f"{part}-{index:06d}"
        write_clip(folder / f"{name}.flac", Clip(name, words, SOUND, play(words, rng)))
