"""Short-time objective intelligibility of speech after processing, by pystoi.

Source: Taal, Hendriks, Heusdens and Jensen 2011, "An Algorithm for Intelligibility Prediction of
Time-Frequency Weighted Noisy Speech", IEEE Transactions on Audio, Speech, and Language Processing
19(7), Section II.
"""

import warnings

import numpy as np

from evaluation.judges.speech_judges import installed
from model.tokenizers.whisper_encoder import SAMPLE_RATE

SHORTEST_S = 0.4
"""Speech that STOI needs: 30 frames of 12.8 ms."""


def stoi(clean: np.ndarray, other: np.ndarray) -> float:
    """Return the mean correlation of the envelopes of both in each band and each 384 ms; 1 where
    they are identical.

    clean, other: float "N" at `SAMPLE_RATE`, of one length, aligned. Raises: ValueError where less
    than 0.4 s of the clean one is not silent, NotInstalledError.
    """
    score = installed("pystoi").stoi
    if len(clean) < SHORTEST_S * SAMPLE_RATE:
        raise ValueError(
            f"STOI needs {SHORTEST_S} s of speech, not {len(clean) / SAMPLE_RATE:.2f} s"
        )
    with warnings.catch_warnings():
        warnings.simplefilter("error", RuntimeWarning)
        try:
            return float(score(clean, other, SAMPLE_RATE))
        except RuntimeWarning as warning:
            raise ValueError(f"STOI needs {SHORTEST_S} s of speech: {warning}") from warning
