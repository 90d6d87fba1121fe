"""Laws of what the Gallery tab finds, shows and keeps."""

import random
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from app.gallery.attribution import explain
from app.gallery.browse import picked
from app.gallery.caption_search import by_words, words_of
from app.gallery.library import MAX_KEPT, Library
from app.gallery.query import GRID, Query, without_each_piece, without_each_word
from app.gallery.routes import add_gallery_routes
from app.stream.run_bus import StepBus
from app.stream.run_driver import RunDriver
from app.tabs.gallery import wish
from engine.api.conversation import Conversation, Part
from engine.api.request import Modality, Request
from engine.api.sampling import Sampling
from engine.media.images import png_bytes
from retrieval.index import Where
from retrieval.item import Item
from tests.fake_embedding import embed
from tests.fake_engine import FakeEngine, draw
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


# ---- queries and reasons ---------------------------------------------------------------------


@pytest.mark.parametrize("words", ["a red heart", "heart", "", "one two three four"])
def test_each_word_is_left_out_once_and_something_always_stays(words: str) -> None:
    picture = Part(image=draw("a red car", 0))
    for given in (None, picture):
        if not words and given is None:
            continue
        query = Query(words, given)
        lacking = without_each_word(query)
        several = len(words.split()) > 1 or given is not None
        assert [word for word, _ in lacking] == (words.split() if several else [])
        assert all(other.parts for _, other in lacking)


def test_an_empty_query_is_refused() -> None:
    with pytest.raises(ValueError, match="nothing to look for"):
        Query()
    with pytest.raises(ValueError, match="shorten"):
        Query("a" * 501)


def test_pieces_cover_everything_once() -> None:
    picture = draw("a red heart", 0)
    blanked = [p.image for p in without_each_piece(Part(image=picture))]
    changed = np.stack([(b != picture).any(-1) for b in blanked if b is not None])
    assert len(blanked) == GRID**2
    assert changed.sum(0).max() == 1
    sound = np.linspace(0.1, 1, 1003, dtype=np.float32)
    silent = [p.audio for p in without_each_piece(Part(audio=sound))]
    assert np.stack([s == 0 for s in silent if s is not None]).sum(0).tolist() == [1] * 1003
    film = np.stack([draw("a red heart", i) for i in range(8)])
    assert len(without_each_piece(Part(video=film))) == 8
    assert without_each_piece(Part(text="alone")) == []


def test_a_reason_is_the_fall_of_the_score() -> None:
    query = Query("a red heart")
    asked = embed([query.parts])[0]
    why = explain(embed, query, asked, RED)
    assert why.score == pytest.approx(1)
    assert why.labels == ("a", "red", "heart")
    for (_, fall), (_, other) in zip(why.words, without_each_word(query), strict=True):
        assert fall == pytest.approx(1 - float(embed([other.parts])[0] @ embed([(RED,)])[0]))
    assert explain(embed, None, asked, RED).words == ()


def test_the_red_part_of_a_picture_is_why_red_finds_it() -> None:
    picture = np.full((64, 64, 3), (44, 120, 236), np.uint8)
    picture[:16, :16] = (232, 52, 58)
    asked = embed([(Part(text="red"),)])[0]
    why = explain(embed, Query("red"), asked, Part(image=picture))
    assert int(np.argmax(why.pieces)) == 0


# ---- words, picking --------------------------------------------------------------------------


def item(i: str, modality: Modality = Modality.TEXT, owner: str = "", caption: str = "") -> Item:
    return Item(i, modality, text=i, caption=caption, owner=owner)


def test_words_of_captions_find_where_meaning_does_not() -> None:
    items = [item("1", caption="a red heart"), item("2", caption="a red car"), item("3")]
    found = by_words("the RED heart", items, lambda _: None).best(9)
    assert [(hit.item.id, hit.score) for hit in found.hits] == [("1", 1.0), ("2", 0.5)]
    assert words_of("what is it") == ["what", "is", "it"]


def test_a_file_that_is_gone_is_named_and_left_out(tmp_path: Path) -> None:
    found = by_words("1", [item("1", caption="1")], lambda _: tmp_path / "gone.png")
    assert (found.hits, len(found.missing)) == ((), 1)


def test_what_is_picked_begins_with_ones_own_and_is_the_same_for_a_seed() -> None:
    items = [item(str(i), list(Modality)[i % 4]) for i in range(400)]
    items += [item("mine", Modality.IMAGE, "me"), item("newer", Modality.IMAGE, "me")]
    first, second = (picked(items, "me", 40, random.Random(3)) for _ in range(2))
    assert first == second
    assert [i.id for i in first[:2]] == ["newer", "mine"]
    assert len({i.id for i in first}) == 40
    assert {i.modality for i in first} == set(Modality)
    assert picked(items, "me", 40, random.Random(4)) != first


def test_a_recording_asks_to_be_said() -> None:
    said = Item("1", Modality.AUDIO, file="a.wav", caption="hello", kind="speech")
    assert wish(said) == "say hello"
    assert wish(Item("2", Modality.AUDIO, file="a.wav", caption="the sound of rain")) == (
        "the sound of rain"
    )


# ---- the library through its routes ----------------------------------------------------------


def test_words_find_by_meaning(asks: TestClient) -> None:
    found = asks.post("/gallery/search", json={"words": "the blue whale", "k": 3}).json()
    assert captions(found)[0] == "a blue whale"
    scores = [i["score"] for i in found["items"]]
    assert scores == sorted(scores, reverse=True)
    only = {"words": "blue", "modalities": ["text"], "tags": ["fact"]}
    kinds = {i["modality"] for i in asks.post("/gallery/search", json=only).json()["items"]}
    assert kinds == {"text"}


def test_an_empty_query_is_a_selection(asks: TestClient) -> None:
    found = asks.post("/gallery/search", json={"words": "  ", "seed": 1}).json()
    assert found["selection"]
    assert {i["score"] for i in found["items"]} == {None}
    assert asks.post("/gallery/search", json={"seed": 1}).json() == found


def test_a_picture_and_words_are_one_query(asks: TestClient) -> None:
    content = png_bytes(np.full((32, 32, 3), (44, 120, 236), np.uint8))
    given = asks.post("/gallery/give?name=blue.png", content=content).json()
    assert given["modality"] == "image"
    alone = asks.post("/gallery/search", json={"upload": given["upload"]}).json()
    assert "blue" in captions(alone)[0]
    both = {"upload": given["upload"], "words": "heart"}
    assert captions(asks.post("/gallery/search", json=both).json()) != captions(alone)


def test_more_like_this_leaves_the_item_itself_out(asks: TestClient) -> None:
    first = asks.post("/gallery/search", json={"words": "a red heart"}).json()["items"][0]
    more = asks.post("/gallery/search", json={"item": first["id"], "k": 4}).json()["items"]
    assert len(more) == 4
    assert first["id"] not in {i["id"] for i in more}
    why = {"item": first["id"], "found": more[0]["id"]}
    assert asks.post("/gallery/why", json=why).json()["words"] == []


def test_the_map_has_a_place_for_each(asks: TestClient, library: Library) -> None:
    places = asks.post("/gallery/map", json={}).json()["places"]
    assert {p["id"] for p in places} == set(library.shipped.items)
    assert all(0 <= p[axis] <= 1 for p in places for axis in "xy")


@pytest.mark.parametrize(
    ("path", "body", "says"),
    [
        ("search", {"item": "nothing"}, "not in the gallery any more"),
        ("search", {"upload": "nothing"}, "give it again"),
        ("search", {"words": "a" * 600}, "please shorten it"),
        ("keep", {"run": "nothing"}, "not remembered any more"),
        ("take_out", {"item": "nothing", "viewer": "me"}, "only take out what you have kept"),
        ("why", {"found": "nothing", "words": "x"}, "not in the gallery any more"),
    ],
)
def test_what_cannot_be_is_a_sentence(
    asks: TestClient, path: str, body: dict[str, object], says: str
) -> None:
    answer = asks.post(f"/gallery/{path}", json=body)
    assert answer.status_code == 400
    assert says in answer.json()["sentence"]


def test_an_unreadable_file_is_called_by_its_name(asks: TestClient) -> None:
    answer = asks.post("/gallery/give?name=cat.png", content=b"no picture")
    assert answer.status_code == 400
    assert answer.json()["sentence"].startswith("Cat.png is not a picture")
    assert asks.post("/gallery/give?name=x", content=bytes(21 * 2**20)).status_code == 413


def test_a_deleted_file_is_left_out_and_counted(asks: TestClient, library: Library) -> None:
    query = {"words": "a red heart", "modalities": ["image"]}
    first = asks.post("/gallery/search", json=query).json()["items"][0]
    assert asks.get(f"/gallery/file/{first['id']}").status_code == 200
    (library.shipped.folder / library.shipped.items[first["id"]].file).unlink()
    gone = asks.get(f"/gallery/file/{first['id']}")
    assert (gone.status_code, gone.json()["sentence"]) == (404, "The file behind this is gone.")
    found = asks.post("/gallery/search", json=query).json()
    assert found["missing"] == 1
    assert first["id"] not in {i["id"] for i in found["items"]}


# ---- keeping ---------------------------------------------------------------------------------


def test_what_is_kept_is_its_owners_alone_and_goes_with_them(
    asks: TestClient, library: Library, bus: StepBus
) -> None:
    (kept,) = asks.post("/gallery/keep", json={"run": made(bus, "me")}).json()["items"]
    mine = asks.post("/gallery/search", json={"viewer": "me"}).json()["items"][0]
    assert (mine["id"], mine["mine"], mine["made"]["seed"]) == (kept, True, 7)
    assert asks.get(f"/gallery/file/{kept}?viewer=me").status_code == 200
    for viewer in ("", "you"):
        seen = asks.post("/gallery/search", json={"viewer": viewer, "words": "a red heart"})
        assert kept not in {i["id"] for i in seen.json()["items"]}
        assert asks.get(f"/gallery/file/{kept}?viewer={viewer}").status_code == 404
        theirs = {"item": kept, "viewer": viewer}
        assert asks.post("/gallery/take_out", json=theirs).status_code == 400
    library.leave("you")
    assert library.num_kept("me") == 1
    library.leave("me")
    assert library.num_kept("me") == 0
    assert asks.get(f"/gallery/file/{kept}?viewer=me").status_code == 404


@pytest.mark.parametrize("to", [Modality.VIDEO, Modality.AUDIO])
def test_films_and_sounds_are_kept_too(library: Library, bus: StepBus, to: Modality) -> None:
    (kept,) = library.keep(bus.find(made(bus, "me", to)))
    assert kept.modality is to
    library.take_out(kept.id, "me")
    assert library.num_kept("me") == 0


def test_only_so_many_are_kept(library: Library, bus: StepBus) -> None:
    for seed in range(MAX_KEPT):
        library._kept.keep(Part(text=f"thing {seed}"), "me")
    with pytest.raises(ValueError, match="that is all"):
        library.keep(bus.find(made(bus, "me")))
    with pytest.raises(ValueError, match="no picture"):
        library.keep(bus.find(made(bus, "me", Modality.TEXT)))


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
        kept = asks.post("/gallery/keep", json={"run": made(bus, "me")})
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


def test_what_a_checkpoint_cannot_embed_is_counted(tmp_path: Path) -> None:
    library = Library(FakeEngine(step_s=0, finds=True), write_pack(tmp_path / "pack"))
    (library.shipped.folder / "0.png").write_text("broken")
    library.shipped.embed()
    assert library.troubles()[0].startswith("1 of 10 cannot be found: 0.png is not a picture")
    assert library.shipped.ready == 9
