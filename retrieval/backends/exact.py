"""The exact index in memory: the reference of the others, and enough for some thousand rows."""

import threading
from collections.abc import Sequence

import numpy as np

from retrieval.index import PUBLIC, Hit, Record, Where, best, checked


class ExactIndex:
    """A `VectorIndex` of rows of `width` numbers, for several threads."""

    def __init__(self, width: int) -> None:
        self._width = width
        self._records: dict[str, Record] = {}
        self._vectors: dict[str, np.ndarray] = {}
        self._matrix: np.ndarray | None = None
        self._lock = threading.Lock()

    def add(self, records: Sequence[Record], vectors: np.ndarray) -> None:
        rows = checked(records, vectors, self._width)
        with self._lock:
            for record, vector in zip(records, rows, strict=True):
                self._records[record.id] = record
                self._vectors[record.id] = vector
            self._matrix = None

    def search(self, vector: np.ndarray, k: int, where: Where = PUBLIC) -> list[Hit]:
        with self._lock:
            admitted = [where.admits(record) for record in self._records.values()]
            k = min(k, sum(admitted))
            if k < 1:
                return []
            ids = list(self._records)
            scores = np.where(admitted, self._rows() @ vector.astype(np.float32), -np.inf)
        near = np.flatnonzero(scores >= np.partition(scores, -k)[-k]).tolist()
        return best([Hit(ids[i], min(1.0, float(scores[i]))) for i in near], k)

    def _rows(self) -> np.ndarray:
        """Return float32 "N D", in the order of the records."""
        if self._matrix is None:
            self._matrix = np.stack([self._vectors[i] for i in self._records])
        return self._matrix

    def vectors(self, ids: Sequence[str]) -> dict[str, np.ndarray]:
        with self._lock:
            return {i: self._vectors[i] for i in ids if i in self._vectors}

    def delete(self, ids: Sequence[str]) -> None:
        with self._lock:
            for i in ids:
                self._records.pop(i, None)
                self._vectors.pop(i, None)
            self._matrix = None

    def optimize(self) -> None:
        """Nothing to do."""

    def count(self) -> int:
        return len(self._records)

    def close(self) -> None:
        """Nothing to do."""
