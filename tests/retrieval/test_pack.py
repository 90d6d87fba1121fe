"""The shipped items, and several collections as one."""

import json
from pathlib import Path

import numpy as np
import pytest

from engine.api.conversation import Part
from engine.api.request import Modality
from engine.media.images import png_bytes
from retrieval.backends.by_uri import MEMORY
from retrieval.combined import Together
from retrieval.gallery import Gallery
from retrieval.index import EVERYTHING, PUBLIC, Where
from retrieval.pack import LIST, VECTORS, Pack
from retrieval.ranking import projection
from tests.retrieval.making import FakeEmbedder, clustered


def _pack(folder: Path, num: int = 6) -> Path:
    folder.mkdir()
    listed: list[dict[str, object]] = [
        {"text": "a red heart", "modality": "text", "caption": "words", "tags": [], "kind": "text"},
        {"file": "gone.png", "modality": "image", "caption": "", "tags": [], "kind": "picture"},
    ]
    for i in range(num):
        (folder / f"{i}.png").write_bytes(png_bytes(np.full((4, 4, 3), i, np.uint8)))
        tags = ["heart"] if i % 2 else []
        listed.append(
            {"file": f"{i}.png", "modality": "image", "caption": str(i), "tags": tags, "kind": "p"}
        )
    (folder / LIST).write_text(json.dumps(listed))
    return folder


def _grey(value: int, embedder: FakeEmbedder) -> np.ndarray:
    return embedder.embed([(Part(image=np.full((4, 4, 3), value, np.uint8)),)])[0]


def test_a_pack_is_embedded_once_for_a_checkpoint(tmp_path: Path) -> None:
    folder, embedder = _pack(tmp_path / "pack"), FakeEmbedder()
    done: list[int] = []
    pack = Pack.open(folder, embedder, done.append)
    assert pack.embedded == sum(done) == len(pack.items) == 7
    pack.save_vectors(embedder.digest)
    assert {p.name for p in folder.glob("*.npz")} == {VECTORS}
    again = FakeEmbedder()
    opened = Pack.open(folder, again)
    assert (opened.embedded, again.calls) == (0, 0)
    found = opened.search(_grey(3, again), 2, Where((Modality.IMAGE,), ("heart", "p")))
    assert found.hits[0].item.caption == "3"
    assert found.hits[0].score == pytest.approx(1, abs=1e-3)
    other = FakeEmbedder("digest-b")
    renewed = Pack.open(folder, other)
    assert renewed.embedded == 7
    assert renewed.search(_grey(3, other), 1).hits[0].item.caption == "3"


def test_new_items_of_a_pack_are_embedded_alone(tmp_path: Path) -> None:
    folder, embedder = _pack(tmp_path / "pack"), FakeEmbedder()
    Pack.open(folder, embedder).save_vectors(embedder.digest)
    listed = json.loads((folder / LIST).read_text())
    listed.append({"text": "a new one", "modality": "text"})
    (folder / LIST).write_text(json.dumps(listed))
    assert Pack.open(folder, embedder).embedded == 1


def test_a_bad_pack_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="there is no gallery at"):
        Pack.open(tmp_path, FakeEmbedder())
    folder = _pack(tmp_path / "pack")
    (folder / LIST).write_text('[{"text": "unspeakable", "modality": "text"}]')
    with pytest.raises(ValueError, match="cannot be embedded"):
        Pack.open(folder, FakeEmbedder())
    (folder / VECTORS).write_bytes(b"garbage")
    with pytest.raises(ValueError, match="is broken: remove it"):
        Pack.open(folder, FakeEmbedder())
    (folder / LIST).write_text('{"items": []}')
    with pytest.raises(ValueError, match="is not the list of a gallery"):
        Pack.open(folder, FakeEmbedder())


@pytest.fixture
def together(tmp_path: Path) -> Together:
    embedder = FakeEmbedder()
    gallery = Gallery.open(tmp_path / "kept", embedder, MEMORY)
    gallery.keep(Part(image=np.full((4, 4, 3), 100, np.uint8)), "ann", "hers")
    gallery.keep(Part(text="a red dog"), "bob", "his")
    return Together((Pack.open(_pack(tmp_path / "pack"), embedder), gallery))


def test_several_collections_are_one(together: Together) -> None:
    embedder = FakeEmbedder()
    ann = Where(viewer="ann")
    hits = together.search(_grey(100, embedder), 20, ann).hits
    assert hits[0].item.caption == "hers"
    assert len(hits) == 8
    scores = [hit.score for hit in hits]
    assert scores == sorted(scores, reverse=True)
    assert len(together.search(_grey(100, embedder), 20, PUBLIC).hits) == 7
    assert len(together.search(_grey(100, embedder), 3, EVERYTHING).hits) == 3


def test_more_like_this_leaves_it_out_and_keeps_secrets(together: Together) -> None:
    everything = {item.caption: i for c in together.collections for i, item in c.items.items()}
    words = together.like(everything["words"], 1, Where(viewer="bob")).hits
    assert [hit.item.caption for hit in words] == ["his"]
    with pytest.raises(ValueError, match="not in the gallery any more"):
        together.like(everything["his"], 1, Where(viewer="ann"))
    item, path = together.find(everything["0"])
    assert path is not None and path.exists()
    assert item.kind == "p"


def test_one_broken_collection_is_left_out(together: Together, tmp_path: Path) -> None:
    stale = Gallery.open(tmp_path / "kept", FakeEmbedder("digest-b"))
    both = Together((together.collections[0], stale))
    found = both.search(_grey(1, FakeEmbedder()), 3, EVERYTHING)
    assert len(found.hits) == 3
    assert "another checkpoint" in found.troubles[0]
    assert len(both.places(EVERYTHING)) == 7


def test_the_map_shows_what_a_viewer_sees(together: Together) -> None:
    places = together.places(Where(viewer="ann"))
    assert sorted(p.item.caption for p in places) == sorted([*"012345", "words", "hers"])
    assert all(0 <= p.x <= 1 and 0 <= p.y <= 1 for p in places)
    assert Together(()).places() == []


def test_a_projection_is_in_the_unit_square_and_always_the_same() -> None:
    vectors = clustered(200)
    points = projection(vectors)
    assert points.shape == (200, 2)
    assert points.min() == 0 and points.max() == 1
    assert np.array_equal(points, projection(vectors.copy()))
    assert points == pytest.approx(projection(np.concatenate([vectors, vectors]))[:200], abs=1e-4)
    for few in (vectors[:0], vectors[:1], vectors[[0, 0, 0]]):
        assert (projection(few) == 0.5).all()
    assert projection(vectors[:2]).shape == (2, 2)


def test_the_first_axis_tells_most_apart() -> None:
    spread = np.random.default_rng(0).normal(size=(100, 8)) * [9, 3, *[0.1] * 6]
    points = projection(spread)
    assert abs(np.corrcoef(points[:, 0], spread[:, 0])[0, 1]) > 0.99
    assert abs(np.corrcoef(points[:, 1], spread[:, 1])[0, 1]) > 0.99
