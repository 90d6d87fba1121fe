"""The word error rate over normalised spelling. Owns: the rate and its interval. Does not own: the
spelling (`world.text.spelling`), the recognisers (`evaluation.judges.speech_judges`)."""

from collections.abc import Sequence

import numpy as np

from evaluation.result import ratio_metrics
from world.text.sentences import edit_distance
from world.text.spelling import normalised_words


def word_error_rate(found: Sequence[str], wanted: Sequence[str]) -> float:
    """Return the edits of all texts / the words of all references; 0 is perfect, more than 1 is
    possible.

    Raises: ValueError where the references have no words.


    """
    wrong, total = _counts(found, wanted).sum(0)
    if not total:
        raise ValueError("there are no words to compare a transcript with")
    return float(wrong / total)


def wer_metrics(name: str, found: Sequence[str], wanted: Sequence[str]) -> dict[str, float]:
    """Return the rate under its name, and `_low` and `_high`: its 95 percent interval by the
    percentile bootstrap over texts."""
    rate = word_error_rate(found, wanted)
    return {**ratio_metrics(name, _counts(found, wanted)), name: rate}


def _counts(found: Sequence[str], wanted: Sequence[str]) -> np.ndarray:
    """(edits, words) of each pair, int "N 2"."""
    pairs = [(normalised_words(f), normalised_words(w)) for f, w in zip(found, wanted, strict=True)]
    return np.array([(edit_distance(f, w), len(w)) for f, w in pairs]).reshape(-1, 2)
