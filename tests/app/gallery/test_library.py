"""Items that visitors keep, and collections with faults."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from app.forms.parse import as_sentence
from app.gallery.library import MAX_KEPT, Library, SerialEmbedder
from app.gallery.routes import add_gallery_routes
from app.gallery.visitors import Visitors
from app.stream.run_bus import StepBus
from app.stream.run_driver import RunDriver
from engine.api.conversation import Conversation, Part
from engine.api.request import Modality, Request
from engine.api.sampling import Sampling
from retrieval.gallery import Gallery
from retrieval.index import Where
from tests.fake_embedding import embed
from tests.fake_engine import FakeEngine
from tests.gallery_pack import write_pack

RED, BLUE = Part(text="a red heart"), Part(text="a blue whale")


@pytest.fixture
def library(tmp_path: Path) -> Library:
    found = Library(FakeEngine(step_s=0, finds=True), write_pack(tmp_path / "pack"))
    found.shipped.embed()
    return found


@pytest.fixture
def bus() -> StepBus:
    return StepBus()


@pytest.fixture
def asks(library: Library, bus: StepBus) -> Iterator[TestClient]:
    server = FastAPI()
    add_gallery_routes(server, library, bus)
    with TestClient(server) as client:
        yield client


def captions(answer: object) -> list[str]:
    assert isinstance(answer, dict)
    return [item["caption"] for item in answer["items"]]


def made(bus: StepBus, owner: str, to: Modality = Modality.IMAGE, seed: int = 7) -> str:
    """The id of a run that has ended."""
    run = bus.open(owner)
    request = Request(Conversation.ask("a red heart"), to, Sampling(steps=2, seed=seed))
    for _ in RunDriver(FakeEngine(step_s=0).generate, request, run, bus):
        pass
    return run.id


# ---- keeping ---------------------------------------------------------------------------------


def test_what_is_kept_is_its_owners_alone_and_goes_with_them(
    asks: TestClient, library: Library, bus: StepBus
) -> None:
    me, you = map(library.visitors.name, ("me", "you"))
    wish = {"run": made(bus, "me"), "viewer": me}
    (kept,) = asks.post("/gallery/keep", json=wish).json()["items"]
    mine = asks.post("/gallery/search", json={"viewer": me}).json()["items"][0]
    assert (mine["id"], mine["mine"], mine["made"]["seed"]) == (kept, True, 7)
    file = f"/gallery/file/{kept}?key={mine['key']}"
    assert asks.get(file).status_code == 200
    assert me not in file
    for viewer in ("", "me", you):
        seen = asks.post("/gallery/search", json={"viewer": viewer, "words": "a red heart"})
        assert kept not in {i["id"] for i in seen.json()["items"]}
        key = library.visitors.key(kept, viewer)
        assert asks.get(f"/gallery/file/{kept}?key={key}").status_code == 404
        theirs = {"item": kept, "viewer": viewer}
        assert asks.post("/gallery/take_out", json=theirs).status_code == 400
    library.leave(you)
    assert library.num_kept(me) == 1
    library.leave(me)
    assert library.num_kept(me) == 0
    assert asks.get(file).status_code == 404


@pytest.mark.parametrize("opener", ["me", ""])
def test_who_may_watch_a_run_cannot_keep_it(
    asks: TestClient, library: Library, bus: StepBus, opener: str
) -> None:
    """Nor does anything without an owner become everybody's."""
    run = made(bus, opener)
    for viewer in ("", "me", library.visitors.name("you"), library.visitors.name(opener) + "x"):
        answer = asks.post("/gallery/keep", json={"run": run, "viewer": viewer})
        assert answer.status_code == 400
        assert "Only who made this" in answer.json()["sentence"]
    assert library.counts(Where()) == library.counts(Where(viewer=library.visitors.name("me")))


def test_a_visitors_name_is_told_once() -> None:
    visitors = Visitors()
    name = visitors.greet("session")
    assert len(name) >= 24
    assert visitors.greet("session") == ""
    assert visitors.name("session") == name
    assert visitors.greet("") == visitors.name("") == ""


@pytest.mark.parametrize("to", [Modality.VIDEO, Modality.AUDIO])
def test_films_and_sounds_are_kept_too(library: Library, bus: StepBus, to: Modality) -> None:
    me = library.visitors.name("me")
    (kept,) = library.keep(bus.find(made(bus, "me", to)), me)
    assert kept.modality is to
    library.take_out(kept.id, me)
    assert library.num_kept(me) == 0


def test_only_so_many_are_kept(library: Library, bus: StepBus) -> None:
    me = library.visitors.name("me")
    for seed in range(MAX_KEPT):
        library._kept.keep(Part(text=f"thing {seed}"), me)
    with pytest.raises(ValueError, match="that is all"):
        library.keep(bus.find(made(bus, "me")), me)
    with pytest.raises(ValueError, match="no picture"):
        library.keep(bus.find(made(bus, "me", Modality.TEXT)), me)


# ---- collections that are not all right ------------------------------------------------------


def test_a_checkpoint_that_does_not_find_looks_for_words(tmp_path: Path, bus: StepBus) -> None:
    library = Library(FakeEngine(step_s=0), write_pack(tmp_path / "pack"))
    server = FastAPI()
    add_gallery_routes(server, library, bus)
    with TestClient(server) as asks:
        assert not asks.post("/gallery/state", json={}).json()["finds"]
        found = asks.post("/gallery/search", json={"words": "blue whale"}).json()
        assert captions(found)[0] == "a blue whale"
        assert asks.post("/gallery/map", json={}).json() == {"places": []}
        for path, body in (("search", {"item": "1"}), ("why", {"found": "1", "words": "x"})):
            refused = asks.post(f"/gallery/{path}", json=body)
            assert "not trained to find" in refused.json()["sentence"]
        wish = {"run": made(bus, "me"), "viewer": library.visitors.name("me")}
        kept = asks.post("/gallery/keep", json=wish)
        assert "not trained to find" in kept.json()["sentence"]


def test_what_has_no_vectors_yet_can_be_found_as_soon_as_it_has(tmp_path: Path) -> None:
    library = Library(FakeEngine(step_s=0, finds=True), write_pack(tmp_path / "pack"))
    assert library.shipped.ready == 0
    assert library.search(embed([(BLUE,)])[0], 3, Where()).hits == ()
    assert len(library.items(Where())) == len(library.shipped.items)
    library.shipped.embed()
    assert library.shipped.ready == len(library.shipped.items)
    assert library.search(embed([(BLUE,)])[0], 3, Where()).hits[0].item.caption == "a blue whale"


def test_broken_files_of_the_collection_are_one_sentence_each(tmp_path: Path) -> None:
    engine, folder = FakeEngine(step_s=0, finds=True), write_pack(tmp_path / "pack")
    (folder / "vectors.npz").write_bytes(b"garbage")
    library = Library(engine, folder)
    assert "is broken" in library.troubles()[0]
    library.shipped.embed()
    assert library.shipped.ready == len(library.shipped.items)
    (folder / "index.json").write_text("{")
    assert "is not the list of a gallery" in Library(engine, folder).troubles()[0]
    with pytest.raises(ValueError, match="make one with python -m retrieval add"):
        Library(engine, folder, tmp_path / "nowhere")


def test_a_broken_manifest_leaves_the_shipped_items(tmp_path: Path) -> None:
    engine = FakeEngine(step_s=0, finds=True)
    own = tmp_path / "my own gallery"
    Gallery.open(own, SerialEmbedder(engine)).keep(Part(text="my own boat"), "", "mine")
    library = Library(engine, write_pack(tmp_path / "pack"), own)
    library.shipped.embed()
    num = len(library.items(Where()))
    for content in ("{", "[]", '{"items": [3]}', "[" * 10**5, '{"items": [{"modality": "text"}]}'):
        (own / "manifest.json").write_text(content)
        assert len(library.items(Where())) == num - 1
        found = library.search(embed([(BLUE,)])[0], 3, Where())
        assert found.hits[0].item.caption == "a blue whale"
        (told,) = library.troubles()
        assert "manifest.json is not the list of a gallery" in told
        assert as_sentence(told).startswith("Manifest.json is not the list")
        with pytest.raises(ValueError, match="move it away"):
            Library(engine, tmp_path / "pack", own, own).add_folder(tmp_path / "pack")
    (own / "manifest.json").unlink()
    assert len(library.items(Where())) == num - 1
    assert (
        as_sentence(library.troubles()[0])
        == "There is no gallery at my own gallery: was it removed?"
    )


@pytest.mark.parametrize(
    ("told", "shown"),
    [
        ("/srv/a page/x.png is broken", "X.png is broken."),
        ("cannot write to /srv/data: disk full", "Cannot write to data: disk full."),
        ("the index at s3://a/b/c cannot be read", "The index at s3://a/b/c cannot be read."),
        ("a cat and/or a dog 1/2, 3 / 4 / 5", "A cat and/or a dog 1/2, 3 / 4 / 5."),
    ],
)
def test_a_sentence_names_no_folder_of_the_server(told: str, shown: str) -> None:
    assert as_sentence(told) == shown


def test_what_a_checkpoint_cannot_embed_is_counted(tmp_path: Path) -> None:
    library = Library(FakeEngine(step_s=0, finds=True), write_pack(tmp_path / "pack"))
    (library.shipped.folder / "0.png").write_text("broken")
    library.shipped.embed()
    assert library.troubles()[0].startswith("1 of 10 cannot be found: 0.png is not a picture")
    assert library.shipped.ready == 9
