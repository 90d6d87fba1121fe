"""The gallery through its routes: queries, the map, and sentences where something cannot be."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from app.gallery.library import Library
from app.gallery.routes import add_gallery_routes
from app.stream.run_bus import StepBus
from app.stream.run_driver import RunDriver
from engine.api.conversation import Conversation, Part
from engine.api.request import Modality, Request
from engine.api.sampling import Sampling
from engine.media.images import png_bytes
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


def test_what_one_gives_pushes_out_nobody_elses(asks: TestClient, library: Library) -> None:
    content = png_bytes(np.full((8, 8, 3), 200, np.uint8))
    give, address = "/gallery/give?name=a.png", "10.0.0.7"
    theirs = asks.post(give, content=content).json()["upload"]
    with TestClient(asks.app, client=(address, 1)) as other:
        tokens = [other.post(give, content=content).json()["upload"] for _ in range(12)]
        search = [other.post("/gallery/search", json={"upload": token}) for token in tokens]
    assert [answer.status_code for answer in search] == [400] * 4 + [200] * 8
    assert asks.post("/gallery/search", json={"upload": theirs}).status_code == 200


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
