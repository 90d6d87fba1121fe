"""The interface that a gallery needs of the engine: vectors of messages, in batches."""

from collections.abc import Sequence
from typing import Protocol

import numpy as np

from engine.api.conversation import Part

BATCH = 32
"""Items that are embedded, and written, together."""


class Embedder(Protocol):
    """`engine.engine.Engine`, by its shape. digest: of the checkpoint."""

    @property
    def digest(self) -> str: ...

    def embed(self, items: Sequence[tuple[Part, ...]]) -> np.ndarray:
        """Unit vectors float32 "N D". Raises: ValueError where one cannot be embedded."""
        ...


def embed_each(embedder: Embedder, parts: Sequence[Part]) -> list[np.ndarray | str]:
    """The vector "D" of each part, or the sentence why it has none: one that the model refuses does
    not spoil the others."""
    if not parts:
        return []
    try:
        return list(embedder.embed([(part,) for part in parts]))
    except ValueError as error:
        if len(parts) == 1:
            return [str(error)]
        return [found for part in parts for found in embed_each(embedder, [part])]
