"""A vector index: rows found by cosine similarity.

Owns: `Record`, `Where`, `Hit` and the protocol `VectorIndex`. Does not own: the backends
(`retrieval.backends.exact`, `retrieval.backends.lance`, `retrieval.backends.milvus`), the items of
rows (`retrieval.gallery`), the embeddings (`engine.embedding`).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from engine.api.request import Modality

LENGTH_TOLERANCE = 1e-2
"""The tolerance of a vector's length around one; bundled vectors have half precision."""


class NeedsRebuildError(ValueError):
    """The index is broken, incomplete or of another checkpoint; the sentence says what to do."""


@dataclass(frozen=True)
class Record:
    """The metadata of a row. owner: "" is public."""

    id: str
    modality: Modality
    tags: tuple[str, ...] = ()
    owner: str = ""


@dataclass(frozen=True)
class Where:
    """A filter of rows. modalities: any of these, none is all. tags: every one of these. viewer:
    sees their own and public rows; None sees all."""

    modalities: tuple[Modality, ...] = ()
    tags: tuple[str, ...] = ()
    viewer: str | None = ""

    @property
    def owners(self) -> tuple[str, ...] | None:
        """Return the visible owners; None is no condition."""
        return None if self.viewer is None else tuple(sorted({"", self.viewer}))

    def admits(self, record: Record) -> bool:
        return (
            (not self.modalities or record.modality in self.modalities)
            and all(tag in record.tags for tag in self.tags)
            and (self.viewer is None or record.owner in ("", self.viewer))
        )


PUBLIC = Where()
EVERYTHING = Where(viewer=None)


@dataclass(frozen=True)
class Hit:
    """A row that was found. score: the cosine, in [-1, 1]."""

    id: str
    score: float


class VectorIndex(Protocol):
    """Rows under unique ids. Vectors are float32 "D" of unit length, D fixed."""

    def add(self, records: Sequence[Record], vectors: np.ndarray) -> None:
        """Add rows with vectors "N D", all or none; a row of the same id is replaced."""
        ...

    def search(self, vector: np.ndarray, k: int, where: Where = PUBLIC) -> list[Hit]:
        """Return the k rows nearest to a vector "D", best first, equals by id."""
        ...

    def vectors(self, ids: Sequence[str]) -> dict[str, np.ndarray]:
        """Return the vectors "D" of the existing ids."""
        ...

    def delete(self, ids: Sequence[str]) -> None:
        """Delete rows; unknown ids are no error."""
        ...

    def optimize(self) -> None:
        """Compact the index after many writes, and build the search tree of a large one."""
        ...

    def count(self) -> int: ...

    def close(self) -> None: ...


def checked(records: Sequence[Record], vectors: np.ndarray, width: int) -> np.ndarray:
    """Return the vectors as float32 "N D". Raises: ValueError where width or length is wrong."""
    if vectors.shape != (len(records), width):
        raise ValueError(
            f"{len(records)} rows of {width} numbers are needed, not {vectors.shape}: "
            "were they made by another checkpoint?"
        )
    found = vectors.astype(np.float32)
    lengths = np.linalg.norm(found, axis=1)
    if not np.all(np.abs(lengths - 1) <= LENGTH_TOLERANCE):
        raise ValueError("the vectors of an index have length one, these do not")
    return found


def best(hits: list[Hit], k: int) -> list[Hit]:
    """Return the k best hits, equals by id."""
    return sorted(hits, key=lambda hit: (-hit.score, hit.id))[:k]
