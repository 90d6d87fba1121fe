"""Signs drawn from a key: the secret of every mark.

Owns: `DEFAULT_KEY`, `keyed_signs`, `limit`. Does not own: where the signs are put
(`picture_mark`, `sound_mark`).
"""

from functools import cache
from hashlib import shake_256
from math import log, sqrt

import numpy as np

DEFAULT_KEY = "NExT-OMNI Live"
"""The key of everybody who sets none: whoever reads this file can find, fake and remove its
marks."""
FALSE_POSITIVES = 5e-7
"""The bound of the chance that one search finds a mark where there is none; a file has two
searches at most."""


@cache
def keyed_signs(key: str, purpose: str, *shape: int) -> np.ndarray:
    """Return -1 and 1 in equal chance, int8 of that shape: SHAKE-256 of key and purpose."""
    count = int(np.prod(shape))
    stream = shake_256(f"{purpose}\0{key}".encode()).digest(-(-count // 8))
    bits = np.unpackbits(np.frombuffer(stream, np.uint8))[:count]
    signs = bits.astype(np.int8).reshape(shape) * 2 - 1
    signs.flags.writeable = False
    return signs


def limit(num_tests: int) -> float:
    """Return the correlation of signs and file, in standard deviations, above which a mark is
    found by a search of so many places and scales.

    The statistic is sum(s c) / sqrt(sum(c^2)) of signs s and numbers c of the file. Over the keys
    its tail is at most exp(-t^2 / 2), for every file. Source: Hoeffding 1963, Theorem 2.
    """
    return sqrt(2 * log(num_tests / FALSE_POSITIVES))
