"""The speed and the recall of the gallery's index.

Clustered unit vectors, LanceDB on this disk: rows written a second, queries with and without a
filter (and the time that all cores together are busy with one, which other work on the machine
hardly changes), recall of the ten nearest against exact search, and the size on disk. From 50 000
rows on the index has a tree, which takes some time to build; the exact search in memory stands
beside it.
"""

import argparse
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from benchmarks.report import publish
from engine.api.request import Modality
from retrieval.backends.exact import ExactIndex
from retrieval.backends.lance import LanceIndex
from retrieval.index import EVERYTHING, Record, VectorIndex, Where

SIZES = (1000, 10_000, 50_000)
NEAREST = 10
BATCH = 1000
SPREAD = 0.08
"""The deviation of a component within its cluster; components are about 0.07."""
PICTURES = Where((Modality.IMAGE,), viewer=None)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.retrieval", description=__doc__)
    parser.add_argument("--sizes", type=int, nargs="+", default=SIZES, help="numbers of rows")
    parser.add_argument("--width", type=int, default=192, help="numbers of a vector")
    parser.add_argument("--num", type=int, default=200, help="queries")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", type=Path, help="also write the result here")
    arguments = parser.parse_args()
    started = time.monotonic()
    metrics: dict[str, float] = {}
    for size in arguments.sizes:
        found = _measured(size, arguments)
        metrics |= {f"{name}_{size}": value for name, value in found.items()}
    publish("retrieval-index", None, arguments, started, metrics)
    return 0


def _measured(size: int, arguments: argparse.Namespace) -> dict[str, float]:
    rng = np.random.default_rng(arguments.seed)
    centres = _unit(rng.normal(size=(max(4, size // 50), arguments.width)))
    rows, queries = (_around(rng, centres, num) for num in (size, arguments.num))
    kinds = list(Modality)
    records = [Record(f"{i:08d}", kinds[i % len(kinds)]) for i in range(size)]
    exact = ExactIndex(arguments.width)
    exact.add(records, rows)
    truth = [{hit.id for hit in exact.search(q, NEAREST, EVERYTHING)} for q in queries]
    with tempfile.TemporaryDirectory() as folder:
        index = LanceIndex(folder, "rows", arguments.width)
        insert_s = _seconds(lambda: _written(index, records, rows))
        optimize_s = _seconds(index.optimize)
        busy_s = time.process_time()
        times = _times_ms(index, queries, EVERYTHING)
        busy_s = time.process_time() - busy_s
        found = [{hit.id for hit in index.search(q, NEAREST, EVERYTHING)} for q in queries]
        shared = [len(a & b) / len(a) for a, b in zip(truth, found, strict=True)]
        filtered = _times_ms(index, queries, PICTURES)
        files = sum(file.stat().st_size for file in Path(folder).rglob("*") if file.is_file())
    return {
        "inserts_per_s": size / insert_s,
        "optimize_s": optimize_s,
        "query_p50_ms": float(np.percentile(times, 50)),
        "query_p95_ms": float(np.percentile(times, 95)),
        "query_cpu_ms": 1000 * busy_s / (len(queries) + 1),
        "filtered_p50_ms": float(np.percentile(filtered, 50)),
        "exact_p50_ms": float(np.percentile(_times_ms(exact, queries, EVERYTHING), 50)),
        "recall_10": float(np.mean(shared)),
        "disk_mb": files / 1e6,
    }


def _unit(rows: np.ndarray) -> np.ndarray:
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


def _around(rng: np.random.Generator, centres: np.ndarray, num: int) -> np.ndarray:
    """Return unit vectors "N D" near randomly drawn centres."""
    chosen = centres[rng.integers(len(centres), size=num)]
    return _unit(chosen + rng.normal(scale=SPREAD, size=chosen.shape))


def _written(index: VectorIndex, records: list[Record], rows: np.ndarray) -> None:
    for start in range(0, len(records), BATCH):
        index.add(records[start : start + BATCH], rows[start : start + BATCH])


def _seconds(action: Callable[[], None]) -> float:
    started = time.perf_counter()
    action()
    return time.perf_counter() - started


def _times_ms(index: VectorIndex, queries: np.ndarray, where: Where) -> list[float]:
    """Return the milliseconds of each query, after a warm-up."""
    index.search(queries[0], NEAREST, where)
    return [1000 * _seconds(lambda q=q: _ask(index, q, where)) for q in queries]


def _ask(index: VectorIndex, query: np.ndarray, where: Where) -> None:
    index.search(query, NEAREST, where)


if __name__ == "__main__":
    sys.exit(main())
