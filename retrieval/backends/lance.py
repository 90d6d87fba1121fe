"""The index on a disk or an object storage, by LanceDB: several processes may read and write it.

Up to `TREE_FROM` rows are compared with every one; from there on IVF_FLAT, which keeps whole
vectors: LanceDB's own default, IVF_PQ, finds half of what is near (docs/retrieval.md). lancedb is
imported with the first index: that takes seconds.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import numpy as np

from retrieval.index import PUBLIC, Hit, NeedsRebuildError, Record, Where, best, checked

TREE_FROM = 50_000
PROBES = 32
"""The cells of the tree that a search visits."""
IDS_AT_ONCE = 500
KEPT_VERSIONS = timedelta(hours=1)
"""A reader of another process may still be at an older state of the table."""
DENIED = ("permission denied", "read-only file system", "not permitted", "no space left")


class LanceIndex:
    """A `VectorIndex` of rows of `width` numbers: the table `name` of the database at a URI (a
    folder, s3://, gs://, az://, db://).

    Raises: NeedsRebuildError, here and everywhere, where the table cannot be read.
    """

    def __init__(self, uri: str, name: str, width: int) -> None:
        import lancedb

        self._name, self._width = name, width
        with _explained(uri):
            self._database: Any = lancedb.connect(uri, read_consistency_interval=timedelta(0))
            self._table: Any = self._opened()
        self._uri = uri

    def _opened(self) -> Any:
        if self._name in self._database.table_names(limit=10_000):
            return self._database.open_table(self._name)
        return self._database.create_table(self._name, schema=_schema(self._width), exist_ok=True)

    def add(self, records: Sequence[Record], vectors: np.ndarray) -> None:
        rows = _rows(records, checked(records, vectors, self._width))
        with _explained(self._uri):
            merge = self._table.merge_insert("id").when_matched_update_all()
            merge.when_not_matched_insert_all().execute(rows)

    def search(self, vector: np.ndarray, k: int, where: Where = PUBLIC) -> list[Hit]:
        if k < 1:
            return []
        query: Any
        with _explained(self._uri):
            query = self._table.search(vector.astype(np.float32)).distance_type("cosine")
            query = query.nprobes(PROBES).limit(k).select(["id", "_distance"])
            condition = _condition(where)
            if condition:
                query = query.where(condition, prefilter=True)
            found = query.to_arrow().to_pylist()
        return best([Hit(row["id"], min(1.0, 1 - row["_distance"])) for row in found], k)

    def vectors(self, ids: Sequence[str]) -> dict[str, np.ndarray]:
        found: dict[str, np.ndarray] = {}
        for some in _pieces(ids):
            with _explained(self._uri):
                query = self._table.search().where(_among("id", some)).limit(len(some))
                rows = query.select(["id", "vector"]).to_arrow()
            flat = rows["vector"].combine_chunks().flatten().to_numpy()
            matrix = flat.reshape(-1, self._width)
            found |= dict(zip(rows["id"].to_pylist(), matrix, strict=True))
        return found

    def delete(self, ids: Sequence[str]) -> None:
        for some in _pieces(ids):
            with _explained(self._uri):
                self._table.delete(_among("id", some))

    def optimize(self) -> None:
        with _explained(self._uri):
            self._table.optimize(cleanup_older_than=KEPT_VERSIONS)
            if self.count() >= TREE_FROM and not self.has_tree:
                self.grow()

    @property
    def has_tree(self) -> bool:
        return bool(list(self._table.list_indices()))

    def grow(self) -> None:
        """Build the tree, replacing an older one."""
        from lancedb.index import IvfFlat

        self._table.create_index("vector", config=IvfFlat(distance_type="cosine"), replace=True)

    def count(self) -> int:
        with _explained(self._uri):
            return int(self._table.count_rows())

    def close(self) -> None:
        self._table = self._database = None


def drop_table(uri: str, name: str) -> None:
    """Remove a table, also an unreadable one. Raises: ValueError where that fails."""
    import lancedb

    with _explained(uri):
        database: Any = lancedb.connect(uri)
        database.drop_table(name, ignore_missing=True)


@contextmanager
def _explained(uri: str) -> Iterator[None]:
    """Turn LanceDB's errors into sentences."""
    try:
        yield
    except (RuntimeError, OSError) as error:
        said = str(error).lower()
        if "conflict" in said:
            raise ValueError(
                f"somebody else is writing to the index at {uri}: try again"
            ) from error
        if any(word in said for word in DENIED):
            reason = "check its permissions and the free space"
            raise ValueError(f"cannot write to the index at {uri}: {reason}") from error
        advice = "check the connection, or rebuild it" if "://" in uri else "please rebuild it"
        raise NeedsRebuildError(f"the index at {uri} cannot be read: {advice}") from error


def _schema(width: int) -> Any:
    import pyarrow as pa

    fields = [
        ("id", pa.string()),
        ("vector", pa.list_(pa.float32(), width)),
        ("modality", pa.string()),
        ("tags", pa.list_(pa.string())),
        ("owner", pa.string()),
    ]
    return pa.schema([pa.field(name, kind) for name, kind in fields])


def _rows(records: Sequence[Record], vectors: np.ndarray) -> Any:
    import pyarrow as pa

    width = vectors.shape[1]
    columns = [
        [r.id for r in records],
        pa.FixedSizeListArray.from_arrays(np.ascontiguousarray(vectors).reshape(-1), width),
        [str(r.modality) for r in records],
        [list(r.tags) for r in records],
        [r.owner for r in records],
    ]
    schema = _schema(width)
    return pa.table(dict(zip(schema.names, columns, strict=True)), schema=schema)


def _pieces(ids: Sequence[str]) -> list[Sequence[str]]:
    return [ids[i : i + IDS_AT_ONCE] for i in range(0, len(ids), IDS_AT_ONCE)]


def _quoted(word: str) -> str:
    return "'" + word.replace("'", "''") + "'"


def _among(column: str, words: Sequence[str]) -> str:
    return f"{column} IN ({', '.join(_quoted(word) for word in words)})"


def _condition(where: Where) -> str:
    """SQL; "" where every row counts."""
    conditions: list[str] = []
    if where.modalities:
        conditions.append(_among("modality", [str(m) for m in where.modalities]))
    if where.tags:
        tags = ", ".join(_quoted(tag) for tag in where.tags)
        conditions.append(f"array_has_all(tags, [{tags}])")
    if where.owners is not None:
        conditions.append(_among("owner", where.owners))
    return " AND ".join(conditions)
