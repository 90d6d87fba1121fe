"""Vectors without a model: a bag of words, and of a picture the names of its colours."""

import hashlib
from collections.abc import Sequence

import numpy as np

from engine.api.conversation import Part
from world.concepts import OBJECT_COLOURS

WIDTH = 64


def embed(items: Sequence[tuple[Part, ...]]) -> np.ndarray:
    """Unit vectors float32 "N 64"; messages with the same words or colours lie close together."""
    vectors = np.stack([sum((_of(part) for part in parts), np.zeros(WIDTH)) for parts in items])
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    return (vectors / np.maximum(lengths, 1e-6)).astype(np.float32)


def _of(part: Part) -> np.ndarray:
    if part.text is not None:
        return sum((_word(word) for word in part.text.lower().split()), np.zeros(WIDTH))
    if part.audio is not None:
        return _word("sound") * float(np.abs(part.audio).mean() > 0)
    frames = part.image if part.image is not None else part.video
    assert frames is not None
    return _colours(frames.reshape(-1, 3))


def _word(word: str) -> np.ndarray:
    seed = int.from_bytes(hashlib.sha256(word.encode()).digest()[:4])
    vector = np.random.default_rng(seed).normal(size=WIDTH)
    return vector / np.linalg.norm(vector)


def _colours(pixels: np.ndarray) -> np.ndarray:
    """The words for its colours, each as often as it is seen."""
    names, values = list(OBJECT_COLOURS), np.array(list(OBJECT_COLOURS.values()), float)
    apart = np.linalg.norm(pixels[::7, None].astype(float) - values, axis=-1)
    shares = np.bincount(apart.argmin(1), minlength=len(names)) / len(apart)
    return sum((s * _word(n) for n, s in zip(names, shares, strict=True)), np.zeros(WIDTH))
