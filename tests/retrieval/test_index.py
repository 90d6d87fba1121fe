"""Every backend keeps the same laws; the exact one is brute force."""

import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from engine.api.request import Modality
from retrieval.backends import lance
from retrieval.backends.by_uri import MEMORY, drop_index, open_index
from retrieval.backends.lance import LanceIndex
from retrieval.index import EVERYTHING, PUBLIC, NeedsRebuildError, Record, VectorIndex, Where
from tests.retrieval.making import WIDTH, add_numbered, clustered, records

ROOT = Path(__file__).resolve().parents[2]
NUM = 400
Made = Callable[[], VectorIndex]
FILTERS = [
    PUBLIC,
    EVERYTHING,
    Where(viewer="ann's"),
    Where((Modality.IMAGE, Modality.AUDIO)),
    Where(tags=("it's odd", "third"), viewer=None),
    Where((Modality.VIDEO,), ("third",), viewer="ann's"),
    Where(tags=("nobody has this",)),
]


@pytest.fixture(params=["memory", "lance", "milvus"])
def made(request: pytest.FixtureRequest, tmp_path: Path) -> Made:
    if request.param == "milvus":
        pytest.importorskip("pymilvus")
        pytest.importorskip("milvus_lite")
        return lambda: open_index(str(tmp_path / "rows.db"), "rows", WIDTH)
    uri = MEMORY if request.param == "memory" else str(tmp_path / "index")
    return lambda: open_index(uri, "rows", WIDTH)


def test_every_backend_finds_what_brute_force_finds(made: Made) -> None:
    index, vectors, rows = made(), clustered(NUM), records(NUM)
    assert index.search(vectors[0], 3) == []
    index.add(rows, vectors)
    for where in FILTERS:
        admitted = [i for i, row in enumerate(rows) if where.admits(row)]
        for query in clustered(5, seed=1):
            scores = vectors[admitted] @ query
            order = np.argsort(-scores)[:10]
            found = index.search(query, 10, where)
            assert [hit.id for hit in found] == [rows[admitted[i]].id for i in order]
            assert [hit.score for hit in found] == pytest.approx(scores[order].tolist(), abs=1e-5)


def test_rows_are_replaced_and_deleted(made: Made) -> None:
    index, vectors, rows = made(), clustered(NUM), records(NUM)
    index.add(rows, vectors)
    index.add(rows[:50], vectors[50:100])
    index.add([], vectors[:0])
    assert index.count() == NUM
    held = index.vectors([rows[3].id, "not there"])
    assert list(held) == [rows[3].id]
    assert held[rows[3].id] == pytest.approx(vectors[53], abs=1e-6)
    index.delete([rows[53].id, "not there"])
    index.optimize()
    assert index.count() == NUM - 1
    assert [hit.id for hit in index.search(vectors[53], 1, EVERYTHING)] == [rows[3].id]


def test_what_is_no_row_is_refused(made: Made) -> None:
    index = made()
    with pytest.raises(ValueError, match="another checkpoint"):
        index.add(records(2), np.ones((2, WIDTH + 1), np.float32))
    with pytest.raises(ValueError, match="length one"):
        index.add(records(1), np.full((1, WIDTH), np.nan))
    assert index.count() == 0
    index.close()


def test_a_viewer_sees_their_own_rows_and_everybodys() -> None:
    mine, public = Record("a", Modality.TEXT, owner="ann"), Record("b", Modality.TEXT)
    assert [w.admits(mine) for w in (PUBLIC, Where(viewer="bob"), Where(viewer="ann"))] == [
        False,
        False,
        True,
    ]
    assert all(w.admits(public) for w in (PUBLIC, Where(viewer="bob"), EVERYTHING))


def test_the_tree_finds_what_is_near(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lance, "TREE_FROM", 2000)
    index, vectors, rows = LanceIndex(str(tmp_path), "rows", WIDTH), clustered(3000), records(3000)
    index.add(rows[:2500], vectors[:2500])
    index.optimize()
    index.add(rows[2500:], vectors[2500:])
    assert index.has_tree
    queries = clustered(20, seed=1)
    truth = [{rows[i].id for i in np.argsort(-(vectors @ q))[:10]} for q in queries]
    found = [{hit.id for hit in index.search(q, 10, EVERYTHING)} for q in queries]
    assert np.mean([len(a & b) / 10 for a, b in zip(truth, found, strict=True)]) > 0.95


def test_a_broken_index_says_so_and_can_be_dropped(tmp_path: Path) -> None:
    index = LanceIndex(str(tmp_path), "rows", WIDTH)
    index.add(records(9), clustered(9))
    for file in (tmp_path / "rows.lance" / "_versions").iterdir():
        file.write_bytes(b"garbage")
    with pytest.raises(NeedsRebuildError, match="rebuild it"):
        index.search(clustered(1)[0], 3)
    with pytest.raises(NeedsRebuildError, match="rebuild it"):
        LanceIndex(str(tmp_path), "rows", WIDTH)
    drop_index(str(tmp_path), "rows")
    assert LanceIndex(str(tmp_path), "rows", WIDTH).count() == 0


WRITER = """
import itertools
import sys
sys.path.insert(0, {root!r})
from retrieval.backends.lance import LanceIndex
from tests.retrieval.making import WIDTH, add_numbered
index = LanceIndex({uri!r}, "rows", WIDTH)
for number in itertools.count():
    add_numbered(index, "a", number)
    print(number, flush=True)
"""


def test_two_processes_write_at_once_and_one_is_killed(tmp_path: Path) -> None:
    """Whatever a writer said it had written is there, whole; nothing else is broken."""
    index = LanceIndex(str(tmp_path), "rows", WIDTH)
    code = WRITER.format(root=str(ROOT), uri=str(tmp_path))
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as other:
        try:
            assert other.stdout is not None
            assert other.stdout.readline() == "0\n"
            for number in range(12):
                add_numbered(index, "b", number)
            assert other.poll() is None
        finally:
            other.kill()
        said = 1 + len(other.stdout.read().split())
    again = LanceIndex(str(tmp_path), "rows", WIDTH)
    assert index.count() == again.count()
    assert again.count() - 12 * 20 in (said * 20, (said + 1) * 20)
    hits = again.search(clustered(20, seed=11)[7], 1, EVERYTHING)
    assert hits[0].score == pytest.approx(1, abs=1e-5)
    again.add(records(5), clustered(5))
    again.optimize()
    assert len(again.search(clustered(5)[0], 50, EVERYTHING)) == 50


def test_the_exact_index_is_for_several_threads() -> None:
    index, vectors, rows = open_index(MEMORY, "rows", WIDTH), clustered(NUM), records(NUM)
    index.add(rows[:1], vectors[:1])
    broken: list[Exception] = []

    def look() -> None:
        try:
            for _ in range(300):
                index.search(vectors[0], 5, EVERYTHING)
        except Exception as error:
            broken.append(error)

    looking = threading.Thread(target=look)
    looking.start()
    for i in range(1, NUM):
        index.add(rows[i : i + 1], vectors[i : i + 1])
    looking.join()
    assert not broken
