"""A voice activity detector for a live microphone: the start and the end of a turn.

The voice activity model is Silero's (MIT licence). Owns: the rule that turns its opinion of each 32
ms into the beginning and the end of a turn.
"""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch

from model.tokenizers.whisper_encoder import SAMPLE_RATE

WINDOW = 512
"""The number of samples per prediction."""
STARTS, ENDS = 0.5, 0.35
"""The speech probabilities above which a turn begins, and goes on."""
FIRST_S, PAUSE_S = 0.1, 0.7
"""The seconds of speech that start a turn, and of silence that end it."""


@dataclass
class TurnDetector:
    """Fed with samples as they come; says "speaking" and "finished" when it turns. One microphone
    each. starts: the probability above which a turn begins. pause_s: the silence that ends it."""

    starts: float = STARTS
    pause_s: float = PAUSE_S
    _model: Any = field(default=None, init=False)
    _rest: np.ndarray = field(default_factory=lambda: np.zeros(0, np.float32), init=False)
    _speaking: bool = field(default=False, init=False)
    _run_s: float = field(default=0.0, init=False)
    _num_windows: int = field(default=0, init=False)

    def hear(self, samples: np.ndarray) -> list[str]:
        """Return the events in these float32 samples at 16 kHz: "speaking" and "finished"."""
        return [event for event, _ in self.hear_timed(samples)]

    def hear_timed(self, samples: np.ndarray) -> list[tuple[str, float]]:
        """Return the events of `hear`, each with the second, from the first sample on, at which it
        is certain: `FIRST_S` after the speech began, `pause_s` after it ended."""
        self._rest = np.concatenate([self._rest, samples])
        found: list[tuple[str, float]] = []
        while len(self._rest) >= WINDOW:
            window, self._rest = self._rest[:WINDOW], self._rest[WINDOW:]
            self._num_windows += 1
            at_s = self._num_windows * WINDOW / SAMPLE_RATE
            found += [(event, at_s) for event in self._judge(self._probability(window))]
        return found

    def _probability(self, window: np.ndarray) -> float:
        if self._model is None:
            import silero_vad

            self._model = silero_vad.load_silero_vad()
        with torch.inference_mode():
            return float(self._model(torch.from_numpy(window), SAMPLE_RATE))

    def _judge(self, probability: float) -> list[str]:
        """Counts how long the opposite of the present state has lasted."""
        ends = self.starts * ENDS / STARTS
        turns = probability < ends if self._speaking else probability > self.starts
        self._run_s = self._run_s + WINDOW / SAMPLE_RATE if turns else 0.0
        if self._run_s < (self.pause_s if self._speaking else FIRST_S):
            return []
        self._speaking, self._run_s = not self._speaking, 0.0
        return ["speaking" if self._speaking else "finished"]
