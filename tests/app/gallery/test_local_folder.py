"""A folder of the owner's joins the gallery of a running page: for its owner alone, what is broken
is named, and what is known is not read again."""

import threading
from pathlib import Path

import pytest

from app.admission.origins import is_local_request, is_loopback
from app.gallery.library import ADDING, TAKES_NONE, Library
from app.gallery.local_folder import (
    MOST_LEFT_OUT,
    NOTHING,
    add_with_progress,
    read_folder,
    report_html,
)
from app.page import build_page
from app.session import Session
from engine.api.conversation import Part
from retrieval.draft import Report
from retrieval.index import Where
from tests.fake_embedding import embed
from tests.fake_engine import FakeEngine
from tests.gallery_pack import write_pack
from tests.page_server import PATIENCE_S
from tests.retrieval.making import media_folder


@pytest.fixture
def library(tmp_path: Path) -> Library:
    engine = FakeEngine(step_s=0, finds=True)
    return Library(engine, write_pack(tmp_path / "pack"), own=tmp_path / "data" / "gallery")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return media_folder(tmp_path / "mine")


def test_a_folder_is_added_told_of_and_found(library: Library, folder: Path) -> None:
    assert library.takes_folders
    before = len(library.items(Where()))
    *progress, report = add_with_progress(library, folder)
    assert all(" of 6 files" in told for told in progress)
    assert "5 added, 0 known already, 1 left out." in report
    assert "broken.png is not a picture" in report
    assert len(library.items(Where())) == before + 5
    (vector,) = embed([(Part(text="a red heart\nabove a dog"),)])
    hits = library.search(vector, 3, Where()).hits
    assert str(folder / "deep" / "words.txt") in [hit.item.file for hit in hits]
    *_, again = add_with_progress(library, folder)
    assert "0 added, 5 known already, 1 left out." in again


def test_it_is_the_gallery_that_the_page_opens_next_time(library: Library, folder: Path) -> None:
    library.add_folder(folder)
    assert library.folder is not None
    own = library.folder.folder
    again = Library(FakeEngine(step_s=0, finds=True), library.shipped.folder, own, own)
    assert again.folder is not None
    assert again.folder.items == library.folder.items


def test_a_page_for_others_and_a_checkpoint_that_does_not_find_take_none(
    tmp_path: Path, folder: Path
) -> None:
    pack = write_pack(tmp_path / "pack")
    for found in (
        Library(FakeEngine(step_s=0, finds=True), pack),
        Library(FakeEngine(step_s=0), pack, own=tmp_path / "own"),
    ):
        assert not found.takes_folders
        with pytest.raises(ValueError, match="takes in no folder"):
            found.add_folder(folder)
    assert not (tmp_path / "own").exists()
    assert "--gallery" in TAKES_NONE


def test_one_folder_at_a_time(library: Library, folder: Path) -> None:
    inside, leave = threading.Event(), threading.Event()

    def slow(_: int) -> None:
        inside.set()
        leave.wait(PATIENCE_S)

    first = threading.Thread(target=library.add_folder, args=(folder, slow))
    first.start()
    assert inside.wait(PATIENCE_S)
    with pytest.raises(ValueError, match=ADDING[:24]):
        list(add_with_progress(library, folder))
    leave.set()
    first.join()
    assert "5 known" in list(add_with_progress(library, folder))[-1]


def test_a_gallery_of_another_checkpoint_says_how_it_is_rebuilt(
    library: Library, folder: Path
) -> None:
    library.add_folder(folder)
    assert library.folder is not None
    own, other = library.folder.folder, FakeEngine(step_s=0, finds=True)
    other.digest = "another"
    with pytest.raises(ValueError, match="python -m retrieval rebuild --gallery"):
        Library(other, library.shipped.folder, own=own).add_folder(folder)


def test_the_box_is_there_for_its_owner_and_a_sentence_for_others(tmp_path: Path) -> None:
    pack, shown = write_pack(tmp_path / "pack"), {}
    for own in (tmp_path / "own", None):
        page = build_page(Session(FakeEngine(finds=True), pack=pack, own=own), None)
        components = (c["props"] for c in page.get_config_file()["components"])
        shown[own] = {c["elem_id"]: c for c in components if c.get("elem_id")}
    mine, theirs = shown.values()
    assert "gallery-own-path" in mine
    assert "gallery-own-how" not in mine
    assert "gallery-own-path" not in theirs
    assert "--gallery DIR" in theirs["gallery-own-how"]["value"]


@pytest.mark.parametrize("path", ["", "  ", "''", "nowhere/at/all", "~nobody-of-this-name/x", "\0"])
def test_a_wrong_path_is_a_sentence(path: str) -> None:
    with pytest.raises(ValueError, match=r"write the path|there is no folder .*check the path"):
        read_folder(path)


def test_a_path_is_read_as_it_is_pasted(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(folder.parent))
    for path in (str(folder), f'"{folder}"', f" {folder} ", f"~/{folder.name}"):
        assert read_folder(path) == folder


@pytest.mark.parametrize(
    ("address", "here"),
    [
        ("127.0.0.1", True),
        ("localhost:7860", True),
        ("[::1]:7860", True),
        ("::1", True),
        ("0.0.0.0", False),
        ("", False),
        ("192.168.0.4:7860", False),
        ("127.0.0.1.example.org", False),
        ("localhost.example.org:7860", False),
    ],
)
def test_only_this_machine_is_here(address: str, here: bool) -> None:
    assert is_loopback(address) is here


def test_a_request_from_elsewhere_is_none_from_here() -> None:
    host = {"host": "127.0.0.1:7860"}
    assert is_local_request(host, "127.0.0.1")
    assert not is_local_request(host, "10.0.0.7")
    assert not is_local_request({"host": "example.org"}, "127.0.0.1")
    assert not is_local_request({}, "127.0.0.1")
    assert not is_local_request({**host, "x-forwarded-for": "10.0.0.7"}, "127.0.0.1")


def test_a_report_names_some_and_counts_the_rest_and_nothing_is_html() -> None:
    refused = tuple((f"<{i}>", "is broken") for i in range(MOST_LEFT_OUT + 2))
    told = report_html(Report(1, 2, refused))
    assert told.count("<li>") == MOST_LEFT_OUT + 1
    assert "and 2 more" in told
    assert "<0>" not in told
    assert NOTHING in report_html(Report())
