"""The part of the engine that a gallery needs: embeddings of messages in batches."""

from collections.abc import Sequence
from typing import Protocol

import numpy as np

from engine.api.conversation import Part

BATCH = 32
"""Items that are embedded, and written, together."""


class Embedder(Protocol):
    """The protocol that `engine.engine.Engine` fits. digest: of the checkpoint."""

    @property
    def digest(self) -> str: ...

    def embed(self, items: Sequence[tuple[Part, ...]]) -> np.ndarray:
        """Return unit vectors float32 "N D". Raises: ValueError where one cannot be embedded."""
        ...


def embed_each(embedder: Embedder, parts: Sequence[Part]) -> list[np.ndarray | str]:
    """Return the vector "D" of each part, or the reason as a sentence: one refused part does not
    fail the others."""
    if not parts:
        return []
    try:
        return list(embedder.embed([(part,) for part in parts]))
    except ValueError as error:
        if len(parts) == 1:
            return [str(error)]
        return [found for part in parts for found in embed_each(embedder, [part])]
