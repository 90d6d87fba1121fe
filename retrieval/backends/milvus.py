"""The index on a Milvus server, for those who outgrow a shared folder, or in a Milvus Lite file
(one process). pymilvus is an extra: pip install pymilvus."""

import json
from collections.abc import Sequence
from typing import Any

import numpy as np

from retrieval.index import PUBLIC, Hit, NeedsRebuildError, Record, Where, best, checked

LONGEST_WORD, MOST_TAGS = 512, 64
TREE = {"M": 16, "efConstruction": 200}
LOOKED_AT = 128
"""The candidate list of a tree search; at least k."""
IDS_AT_ONCE = 500


def connected(uri: str) -> Any:
    """Return a client of the server (http://..) or of the file (..db) at a URI.

    Raises: ValueError where pymilvus is not installed or nobody answers.

    """
    try:
        from pymilvus import (  # pyright: ignore[reportMissingImports]
            MilvusClient,
            MilvusException,
        )
    except ImportError as error:
        raise ValueError("a Milvus index needs one more package: pip install pymilvus") from error
    try:
        return MilvusClient(uri)
    except MilvusException as error:
        raise ValueError(f"no Milvus answers at {uri}: is it running?") from error


class MilvusIndex:
    """A `VectorIndex` of rows of `width` numbers: the collection `name` of a `MilvusClient`.

    Raises: NeedsRebuildError where the collection holds vectors of another width.
    """

    def __init__(self, client: Any, name: str, width: int) -> None:
        self._client, self._name, self._width = client, name, width
        if not client.has_collection(name):
            self._create()
        fields = client.describe_collection(name)["fields"]
        held = next(int(f["params"]["dim"]) for f in fields if f["name"] == "vector")
        if held != width:
            raise NeedsRebuildError(
                f"the collection {name} holds vectors of {held} numbers, not of {width}: "
                "please rebuild it"
            )
        client.load_collection(name)

    def _create(self) -> None:
        from pymilvus import DataType  # pyright: ignore[reportMissingImports]

        schema = self._client.create_schema(auto_id=False)
        word = {"datatype": DataType.VARCHAR, "max_length": LONGEST_WORD}
        schema.add_field("id", is_primary=True, **word)
        schema.add_field("vector", DataType.FLOAT_VECTOR, dim=self._width)
        schema.add_field("modality", **word)
        schema.add_field("owner", **word)
        schema.add_field(
            "tags",
            DataType.ARRAY,
            element_type=DataType.VARCHAR,
            max_capacity=MOST_TAGS,
            max_length=LONGEST_WORD,
        )
        tree = self._client.prepare_index_params()
        tree.add_index("vector", index_type="HNSW", metric_type="COSINE", params=TREE)
        self._client.create_collection(
            self._name, schema=schema, index_params=tree, consistency_level="Strong"
        )

    def add(self, records: Sequence[Record], vectors: np.ndarray) -> None:
        rows = [
            {
                "id": record.id,
                "vector": vector.tolist(),
                "modality": str(record.modality),
                "tags": list(record.tags),
                "owner": record.owner,
            }
            for record, vector in zip(records, checked(records, vectors, self._width), strict=True)
        ]
        if rows:
            self._client.upsert(self._name, rows)

    def search(self, vector: np.ndarray, k: int, where: Where = PUBLIC) -> list[Hit]:
        if k < 1:
            return []
        (found,) = self._client.search(
            self._name,
            data=[vector.tolist()],
            limit=k,
            filter=condition(where),
            search_params={"metric_type": "COSINE", "params": {"ef": max(k, LOOKED_AT)}},
        )
        return best([Hit(row["id"], min(1.0, float(row["distance"]))) for row in found], k)

    def vectors(self, ids: Sequence[str]) -> dict[str, np.ndarray]:
        found: dict[str, np.ndarray] = {}
        for start in range(0, len(ids), IDS_AT_ONCE):
            some = list(ids[start : start + IDS_AT_ONCE])
            rows = self._client.get(self._name, ids=some, output_fields=["id", "vector"])
            found |= {row["id"]: np.array(row["vector"], np.float32) for row in rows}
        return found

    def delete(self, ids: Sequence[str]) -> None:
        for start in range(0, len(ids), IDS_AT_ONCE):
            self._client.delete(self._name, ids=list(ids[start : start + IDS_AT_ONCE]))

    def optimize(self) -> None:
        """Nothing to do: the server tidies up by itself."""

    def count(self) -> int:
        (counted,) = self._client.query(self._name, filter="", output_fields=["count(*)"])
        return int(counted["count(*)"])

    def close(self) -> None:
        self._client.close()


def condition(where: Where) -> str:
    """Return a Milvus filter expression; "" for all rows."""
    conditions: list[str] = []
    if where.modalities:
        conditions.append(f"modality in {json.dumps([str(m) for m in where.modalities])}")
    if where.tags:
        conditions.append(f"array_contains_all(tags, {json.dumps(list(where.tags))})")
    if where.owners is not None:
        conditions.append(f"owner in {json.dumps(list(where.owners))}")
    return " and ".join(conditions)
