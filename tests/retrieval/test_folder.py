"""A folder of one's own: resumed, repaired, and never stopped by a broken file."""

import json
import os
import shutil
from pathlib import Path

import pytest
from PIL import Image

from engine.api.conversation import Part
from engine.api.request import Modality
from retrieval import embedder as embedder_module
from retrieval import gallery as gallery_module
from retrieval.__main__ import main
from retrieval.backends.by_uri import MEMORY
from retrieval.draft import Report
from retrieval.folder import add_folder, media_files
from retrieval.gallery import Gallery
from retrieval.index import Where
from tests.retrieval.making import FakeEmbedder, media_folder


def _opened(tmp_path: Path) -> tuple[Gallery, FakeEmbedder, Path]:
    embedder = FakeEmbedder()
    media = media_folder(tmp_path / "media")
    return Gallery.open(tmp_path / "gallery", embedder, MEMORY), embedder, media


def test_what_can_be_read_is_added_and_the_rest_reported(tmp_path: Path) -> None:
    gallery, embedder, media = _opened(tmp_path)
    done: list[int] = []
    report = add_folder(gallery, media, done.append)
    assert (report.added, report.known) == (5, 0)
    ((name, reason),) = report.refused
    assert name.endswith("broken.png")
    assert "not a picture that can be read" in reason
    assert sum(done) == len(media_files(media)) == 6
    kinds = [item.modality for item in gallery.items.values()]
    assert sorted(kinds) == sorted([Modality.IMAGE] * 3 + [Modality.AUDIO, Modality.TEXT])
    vector = embedder.embed([(Part(text="a red heart\nabove a dog"),)])[0]
    (hit,) = gallery.search(vector, 1).hits
    assert hit.path == media / "deep" / "words.txt"
    assert hit.item.caption == "a red heart above a dog"


def test_a_named_pipe_blocks_nobody(tmp_path: Path) -> None:
    gallery, _, media = _opened(tmp_path)
    os.mkfifo(media / "x.txt")
    report = add_folder(gallery, media)
    assert report.added == 5
    assert "x.txt is no file: a pipe or a device is not read" in [why for _, why in report.refused]


def test_what_is_known_is_neither_read_nor_embedded_again(tmp_path: Path) -> None:
    gallery, embedder, media = _opened(tmp_path)
    add_folder(gallery, media)
    calls = embedder.calls
    shutil.copy(media / "0.png", media / "copy.png")
    os.utime(media / "1.png", (1, 1))
    (media / "2.png").rename(media / "renamed.png")
    report = add_folder(gallery, media)
    assert (report.added, report.known, embedder.calls) == (0, 6, calls)
    files = {Path(item.file).name for item in gallery.items.values()}
    assert files == {"0.png", "1.png", "renamed.png", "tone.wav", "words.txt"}


def test_of_a_changed_file_only_the_new_content_is_kept(tmp_path: Path) -> None:
    gallery, _, media = _opened(tmp_path)
    add_folder(gallery, media)
    Image.new("RGB", (9, 9), (0, 99, 0)).save(media / "0.png")
    shutil.copy(media / "2.png", media / "1.png")
    report = add_folder(gallery, media)
    assert (report.added, report.known) == (1, 4)
    assert len(gallery.items) == 4
    assert len(gallery.search(gallery.vectors(list(gallery.items)).popitem()[1], 99).hits) == 4


def test_an_interrupted_run_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (gallery_module, embedder_module):
        monkeypatch.setattr(module, "BATCH", 4)
    embedder = FakeEmbedder()
    media = media_folder(tmp_path / "media", 30)
    gallery = Gallery.open(tmp_path / "gallery", embedder, MEMORY)
    done: list[int] = []

    def stop(more: int) -> None:
        done.append(more)
        if len(done) == 15:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        add_folder(gallery, media, stop)
    kept = len(gallery.items)
    assert 8 <= kept < 15
    report = add_folder(gallery, media)
    assert (report.added, report.known) == (32 - kept, kept)
    assert embedder.calls == 32


def test_thousands_of_files_some_of_them_broken(tmp_path: Path) -> None:
    """Texts, so that it is quick; the list is written after every batch."""
    for i in range(2000):
        words = "" if i % 100 == 7 else f"text number {i}"
        (tmp_path / f"{i:05d}.txt").write_text(words)
    gallery = Gallery.open(tmp_path / "gallery", FakeEmbedder(), MEMORY)
    report = add_folder(gallery, tmp_path)
    assert (report.added, report.known, len(report.refused)) == (1980, 0, 20)
    assert add_folder(gallery, tmp_path) == Report(0, 1980, report.refused)


def test_the_command_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("retrieval.__main__.Engine.load", lambda *_: FakeEmbedder())
    media, gallery = media_folder(tmp_path / "media"), tmp_path / "gallery"
    place = ["--gallery", str(gallery)]

    assert main(["add", str(media), *place]) == 0
    said = capsys.readouterr()
    assert said.out == "5 added, 0 known, 1 left out\n"
    assert "broken.png" in said.err

    assert main(["search", "a red dog", "-k", "2", *place]) == 0
    first, second = capsys.readouterr().out.splitlines()
    assert first.endswith("words.txt")
    assert float(first.split()[0]) > float(second.split()[0])
    assert main(["search", "--image", str(media / "1.png"), "--modality", "image", *place]) == 0
    assert capsys.readouterr().out.splitlines()[0].endswith("1.png")

    assert main(["info", *place]) == 0
    assert json.loads(capsys.readouterr().out)["items"] == {"image": 3, "audio": 1, "text": 1}
    assert main(["delete", str(media / "1.png"), "nothing", *place]) == 0
    assert capsys.readouterr().out == "1 deleted\n"
    (media / "2.png").unlink()
    assert main(["search", "a", *place]) == 0
    assert "2.png: it is not there any more" in capsys.readouterr().err
    assert main(["rebuild", *place]) == 0
    assert capsys.readouterr().out == "3 added, 0 known, 1 left out\n"


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["search", " "], "say what to look for"),
        (["search", "a"], "there is no gallery at"),
        (["search", "--image", "nowhere.png"], "there is no file nowhere.png"),
        (["info"], "there is no gallery at"),
        (["rebuild"], "there is no gallery at"),
        (["add", "nowhere"], "there is no folder nowhere"),
        (["pack", "nowhere"], "there is no gallery at nowhere"),
    ],
)
def test_bad_input_is_one_sentence(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    arguments: list[str],
    sentence: str,
) -> None:
    monkeypatch.setattr("retrieval.__main__.Engine.load", lambda *_: FakeEmbedder())
    monkeypatch.setenv("NEXT_OMNI_GALLERY", str(tmp_path / "gallery"))
    assert main(arguments) == 2
    error = capsys.readouterr().err.strip().splitlines()
    assert error[-1].startswith("error: ")
    assert sentence in error[-1]


def test_a_checkpoint_that_finds_nothing_is_said_at_once(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    mute = FakeEmbedder(refuses="a")
    monkeypatch.setattr("retrieval.__main__.Engine.load", lambda *_: mute)
    media = media_folder(tmp_path / "media")
    assert main(["add", str(media), "--gallery", str(tmp_path / "gallery")]) == 2
    assert capsys.readouterr().err.endswith("error: this cannot be embedded\n")
    assert not (tmp_path / "gallery").exists()


def test_a_viewer_of_a_folder_is_anybody(tmp_path: Path) -> None:
    gallery, _, media = _opened(tmp_path)
    add_folder(gallery, media)
    vector = next(iter(gallery.vectors(list(gallery.items)[:1]).values()))
    assert len(gallery.search(vector, 9, Where(viewer="")).hits) == 5


def test_a_place_where_nothing_can_be_made_is_one_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """And nothing is left of the attempt: another place can be chosen."""
    monkeypatch.setattr("retrieval.__main__.Engine.load", lambda *_: FakeEmbedder())
    media, gallery = media_folder(tmp_path / "media"), tmp_path / "gallery"
    (tmp_path / "file").write_bytes(b"")
    for nowhere in (tmp_path / "file", tmp_path / "file" / "x", Path("/proc/nope/x")):
        assert main(["add", str(media), "--gallery", str(gallery), "--index", str(nowhere)]) == 2
        error = capsys.readouterr().err.strip().splitlines()[-1]
        assert error.startswith(f"error: an index cannot be made at {nowhere} (")
        assert error.endswith("): choose another place")
        assert not gallery.exists()
        assert main(["add", str(media), "--gallery", str(nowhere)]) == 2
        error = capsys.readouterr().err.strip().splitlines()[-1]
        assert error.startswith(f"error: a gallery cannot be made at {nowhere} (")
        assert error.endswith("): choose another folder")
    place = ["--gallery", str(gallery), "--index", str(tmp_path / "deep" / "index")]
    assert main(["add", str(media), *place]) == 0
