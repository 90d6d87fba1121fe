"""A gallery keeps what it was given, through crashes, other processes and other checkpoints."""

import json
import multiprocessing
import os
import shutil
import signal
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from engine.api.conversation import Part
from engine.api.request import Modality
from engine.media.images import note_in
from retrieval import manifest as manifest_module
from retrieval.backends.by_uri import MEMORY
from retrieval.gallery import Gallery
from retrieval.index import EVERYTHING, NeedsRebuildError, Where
from retrieval.manifest import FILE, Manifest, locked
from tests.retrieval.making import FakeEmbedder, text_draft

WORDS = ["a red heart", "a blue dog", "the sound of rain", "two green stars", "a red dog"]
GREY = np.full((8, 8, 3), 128, np.uint8)
RED_HEART = "a red heart"


def _gallery(folder: Path, uri: str = MEMORY, digest: str = "digest-a") -> Gallery:
    return Gallery.open(folder, FakeEmbedder(digest), uri)


def _filled(folder: Path, uri: str = "") -> Gallery:
    gallery = _gallery(folder, uri)
    assert gallery.add(text_draft(words) for words in WORDS).added == len(WORDS)
    return gallery


def _query(words: str, digest: str = "digest-a") -> np.ndarray:
    return FakeEmbedder(digest).embed([(Part(text=words),)])[0]


def _texts(gallery: Gallery, words: str, k: int = 10, where: Where = EVERYTHING) -> list[str]:
    return [hit.item.text for hit in gallery.search(_query(words), k, where).hits]


def test_what_was_added_is_found_once(tmp_path: Path) -> None:
    gallery = _filled(tmp_path, MEMORY)
    again = gallery.add([text_draft(RED_HEART), text_draft("a new one"), text_draft("a new one")])
    assert (again.added, again.known) == (1, 2)
    assert _texts(gallery, RED_HEART, 2) == [RED_HEART, "a red dog"]
    assert gallery.search(_query(RED_HEART), 1).hits[0].score == pytest.approx(1, abs=1e-5)
    assert len(_texts(gallery, "rain", 100)) == len(gallery.items) == len(WORDS) + 1
    with pytest.raises(ValueError, match="one result or more"):
        gallery.search(_query("rain"), 0)


def test_what_the_model_refuses_does_not_spoil_the_others(tmp_path: Path) -> None:
    gallery = _gallery(tmp_path)
    report = gallery.add(text_draft(words) for words in ("a", "unspeakable", "b"))
    assert report.added == 2
    assert report.refused == (("unspeakable", "this cannot be embedded"),)


def test_kept_answers_are_their_visitors_own(tmp_path: Path) -> None:
    gallery = _filled(tmp_path, MEMORY)
    settings = {"seed": 7, "steps": 16, "source": "image tab"}
    kept = gallery.keep(Part(image=GREY), "ann", "a grey square", ("mine",), settings)
    assert gallery.keep(Part(image=GREY), "ann") == kept
    other = gallery.keep(Part(image=GREY), "bob")
    words = gallery.keep(Part(text="a poem"), "ann")
    assert other.id != kept.id
    path = gallery.path(kept)
    assert path is not None and path.parent.parent == tmp_path
    assert json.loads(note_in(path) or "") == settings
    assert gallery.path(words) is None
    near = FakeEmbedder().embed([(Part(image=GREY),)])[0]
    for viewer, seen in (("ann", {kept.id}), ("bob", {other.id}), ("", set()), ("eve", set())):
        hits = gallery.search(near, 20, Where((Modality.IMAGE,), viewer=viewer)).hits
        assert {hit.item.id for hit in hits} == seen
    assert gallery.delete([kept.id]) == 1
    assert not path.exists()
    with pytest.raises(ValueError, match="cannot be embedded"):
        gallery.keep(Part(text="unspeakable"), "ann")


def test_sounds_and_films_are_kept_as_files(tmp_path: Path) -> None:
    gallery = _gallery(tmp_path)
    film = gallery.keep(Part(video=np.stack([GREY] * 8)), "ann")
    sound = gallery.keep(Part(audio=np.sin(np.arange(8000) / 5).astype(np.float32)), "ann")
    assert (Path(film.file).suffix, Path(sound.file).suffix) == (".mp4", ".wav")
    report = gallery.rebuild()
    assert (report.added, report.refused) == (2, ())


def test_an_item_whose_file_is_gone_is_left_out_and_named(tmp_path: Path) -> None:
    gallery = _gallery(tmp_path)
    colours = [np.full_like(GREY, i * 20) for i in range(10)]
    kept = [gallery.keep(Part(image=colour), "") for colour in colours]
    near = FakeEmbedder().embed([(Part(image=colours[0]),)])[0]
    first = [hit.item for hit in gallery.search(near, 3).hits]
    for item in first[:2]:
        (tmp_path / item.file).unlink()
    found = gallery.search(near, 3)
    assert len(found.hits) == 3
    assert {item.id for item in first[:2]} <= {item.id for item in found.missing}
    assert len(gallery.search(near, 99).hits) == 8
    report = gallery.rebuild()
    assert (report.added, len(report.refused)) == (8, 2)
    assert len(gallery.items) == len(kept) - 2


def test_it_is_opened_again_and_deleted_from(tmp_path: Path) -> None:
    _filled(tmp_path)
    gallery = _gallery(tmp_path, "")
    assert gallery.trouble is None
    gallery.close()
    number = text_draft(RED_HEART).item.id
    assert gallery.delete([number, "not there"]) == 1
    assert _texts(_gallery(tmp_path, ""), RED_HEART, 1) == ["a red dog"]
    everything = list(gallery.items)
    assert gallery.delete(everything) == 4
    assert gallery.search(_query("a")).hits == ()
    other = _gallery(tmp_path, "", "digest-b")
    other.add([text_draft("a red heart")])
    assert other.manifest.digest == "digest-b"
    assert other.trouble is None
    with pytest.raises(ValueError, match="make a new gallery"):
        _gallery(tmp_path, "s3://elsewhere")


def test_another_checkpoint_is_explained_and_rebuilt_for(tmp_path: Path) -> None:
    _filled(tmp_path)
    gallery = _gallery(tmp_path, "", "digest-b")
    assert gallery.trouble is not None
    for part in ("another checkpoint", "digest-a", "digest-b", "rebuild"):
        assert part in gallery.trouble
    with pytest.raises(NeedsRebuildError):
        gallery.search(_query(RED_HEART))
    with pytest.raises(NeedsRebuildError):
        gallery.add([text_draft("more")])
    done: list[int] = []
    assert gallery.rebuild(done.append).added == sum(done) == len(WORDS)
    assert gallery.trouble is None
    hits = gallery.search(_query(RED_HEART, "digest-b"), 1).hits
    assert [hit.item.text for hit in hits] == [RED_HEART]


@pytest.mark.parametrize("how", ["garbage", "gone"])
def test_a_broken_index_is_explained_and_made_again(tmp_path: Path, how: str) -> None:
    _filled(tmp_path)
    if how == "gone":
        shutil.rmtree(tmp_path / "index")
    else:
        for file in (tmp_path / "index").rglob("*.manifest"):
            file.write_bytes(b"garbage")
    gallery = _gallery(tmp_path, "")
    assert gallery.trouble is not None and "rebuild it" in gallery.trouble
    assert gallery.delete([text_draft("a red dog").item.id]) == 1
    assert gallery.rebuild().added == len(WORDS) - 1
    assert _texts(gallery, RED_HEART, 1) == [RED_HEART]


def test_a_rebuild_that_fails_leaves_all_as_it_was(tmp_path: Path) -> None:
    gallery = _filled(tmp_path)
    before = gallery.manifest

    def stop(_: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        gallery.rebuild(stop)
    assert _gallery(tmp_path, "").manifest == before
    assert _texts(gallery, RED_HEART, 1) == [RED_HEART]
    assert gallery.rebuild().added == len(WORDS)
    mute = Gallery.open(tmp_path, FakeEmbedder("digest-b", refuses="a"))
    with pytest.raises(ValueError, match="cannot be embedded"):
        mute.rebuild()
    assert _texts(gallery, RED_HEART, 1) == [RED_HEART]


def test_bad_places_are_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(ValueError, match="a gallery cannot be made at"):
        _gallery(tmp_path / "file" / "gallery")
    (tmp_path / FILE).write_text("{}")
    with pytest.raises(ValueError, match="is not the list of a gallery"):
        _gallery(tmp_path)
    gallery = _filled(tmp_path / "good", MEMORY)
    monkeypatch.setattr(manifest_module, "PATIENCE_S", 0.05)
    with locked(gallery.folder), pytest.raises(ValueError, match="somebody else"):
        gallery.keep(Part(text="b"), "ann")
    shutil.rmtree(gallery.folder)
    with pytest.raises(ValueError, match="there is no gallery"):
        gallery.search(_query("a"))


def test_without_permission_it_can_be_searched_but_not_written(tmp_path: Path) -> None:
    gallery = _filled(tmp_path / "gallery")
    places = [gallery.folder, *(p for p in gallery.folder.rglob("*") if p.is_dir())]
    for place in (*tmp_path.parents[:2], tmp_path):
        place.chmod(0o755)
    for place in places:
        place.chmod(0o555)
    root = os.geteuid() == 0
    if root:
        os.seteuid(65534)
    try:
        reader = _gallery(gallery.folder, "")
        assert _texts(reader, RED_HEART, 1) == [RED_HEART]
        with pytest.raises(ValueError, match=r"cannot write to .*: Permission denied"):
            reader.keep(Part(text="b"), "ann")
    finally:
        if root:
            os.seteuid(0)
        for place in places:
            place.chmod(0o755)


def _keep_on(folder: Path, name: str, said: Any) -> None:
    gallery = _gallery(folder, MEMORY)
    for number in range(100_000):
        gallery.keep(Part(text=f"{name} {number}"), name)
        said.send(number)


def test_a_killed_writer_leaves_a_whole_list(tmp_path: Path) -> None:
    """Whatever was said to be kept is there; the lock is free; others write on."""
    _gallery(tmp_path)
    context = multiprocessing.get_context("fork")
    hears, says = context.Pipe()
    writer = context.Process(target=_keep_on, args=(tmp_path, "ann", says))
    writer.start()
    while hears.recv() < 20:
        pass
    assert writer.pid is not None
    os.kill(writer.pid, signal.SIGKILL)
    writer.join()
    said = 20
    while hears.poll():
        said = hears.recv()
    items = _gallery(tmp_path).items
    assert said + 1 <= len(items) <= said + 2
    gallery = _gallery(tmp_path)
    assert gallery.trouble is not None, "the rows were in the memory of the one that was killed"
    assert gallery.rebuild().added == len(items)
    assert len(_texts(gallery, "ann", 1000)) == len(items)


def test_two_writers_lose_nothing(tmp_path: Path) -> None:
    folder, num = tmp_path / "gallery", 12
    galleries = [_gallery(folder, ""), _gallery(folder, "")]

    def write(gallery: Gallery, name: str) -> None:
        for i in range(num):
            gallery.keep(Part(text=f"{name} {i}"), "")

    threads = [
        threading.Thread(target=write, args=(gallery, name))
        for gallery, name in zip(galleries, ("ann", "bob"), strict=True)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for gallery in galleries:
        assert len(gallery.items) == 2 * num
        assert _texts(gallery, "bob 7", 1) == ["bob 7"]
        assert len(_texts(gallery, "ann", 99)) == 2 * num


def test_the_list_is_as_it_was_saved(tmp_path: Path) -> None:
    item = text_draft("wörter \n 'quoted'", "ann", ("a", "b")).item
    made = Manifest("digest", "s3://x", 3, 16, {item.id: item})
    made.save(tmp_path)
    assert Manifest.load(tmp_path) == made
