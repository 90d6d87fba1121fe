"""Uniform choice."""

from collections.abc import Sequence
from typing import TypeVar

import numpy as np

T = TypeVar("T")


def pick(rng: np.random.Generator, options: Sequence[T]) -> T:
    """Return one option, uniformly."""
    return options[int(rng.integers(len(options)))]
