"""The exact speech codes of any sentence: no recording, a few milliseconds each.

hibari-tts (a tool here, never shipped) reads a sentence as symbols, and its prosody network gives
durations, F0 and energy; `model.tokenizers.speech_codes` packs them. Owns: text -> codes, and the
file of many. Does not own: which sentences (`world.text.everyday`).
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from model.convert.speech_decoder import DURATIONS, ENERGY, F0, IDS, SPEED, half, installed_file
from model.tokenizers.speech_codes import Prosody, pack, symbol_numbers

LONGEST = 128
"""Positions of the longest sentence: about nine seconds."""


class ExactCodes:
    """Reads sentences. Raises: ModuleNotFoundError where hibari-tts or onnx is not installed."""

    def __init__(self) -> None:
        self._voice: Any = import_module("hibari").Hibari()
        self._prosody = half(installed_file(), (IDS, SPEED), (DURATIONS, F0, ENERGY))

    def prosody(self, sentence: str, pace: float = 1.0) -> Prosody:
        """The inputs of the decoder for a sentence, all of it in one breath. pace: 1 is the voice's
        own.

        Raises: ValueError where nothing can be said, or a symbol is not of the alphabet.
        """
        phonemes = " ".join(self._voice.phonemize(sentence))
        if not phonemes:
            raise ValueError(f"nothing to say in {sentence!r}")
        symbols = symbol_numbers(phonemes)
        ids = np.array([self._voice.ids(phonemes)], np.int64)
        found = self._prosody.run(None, {IDS: ids, SPEED: np.array([pace], np.float32)})
        durations, f0, energy = (np.asarray(x).ravel() for x in found)
        return Prosody(np.array(symbols), durations.astype(np.int64), f0, energy)

    def codes(self, sentence: str, pace: float = 1.0) -> np.ndarray:
        """Codes int64 "L 2"; see `prosody`."""
        return pack(self.prosody(sentence, pace))


@dataclass(frozen=True)
class SaidCodes:
    """Sentences and the codes uint16 "L 2" of each."""

    sentences: Sequence[str]
    codes: Sequence[np.ndarray]

    @classmethod
    def of(cls, sentences: Iterable[str]) -> "SaidCodes":
        """Those that can be said within `LONGEST` positions."""
        reader = ExactCodes()
        said: list[str] = []
        codes: list[np.ndarray] = []
        for sentence in tqdm(sentences, desc="codes", mininterval=10):
            try:
                found = reader.codes(sentence)
            except ValueError:
                continue
            if len(found) <= LONGEST:
                said.append(sentence)
                codes.append(found.astype(np.uint16))
        return cls(said, codes)

    def save(self, file: Path) -> None:
        """Write an npz file."""
        ends = np.cumsum([len(c) for c in self.codes])
        np.savez(
            file, sentences=np.array(self.sentences), codes=np.concatenate(self.codes), ends=ends
        )

    @classmethod
    def load(cls, *files: Path) -> "SaidCodes":
        """The sentences of some files, one after the other."""
        said: list[str] = []
        codes: list[np.ndarray] = []
        for file in files:
            kept = np.load(file)
            said += kept["sentences"].tolist()
            codes += np.split(kept["codes"], kept["ends"][:-1])
        return cls(said, codes)
