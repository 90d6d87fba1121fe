"""The tools that programs call: by Gradio's client and by the Model Context Protocol."""

import asyncio
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

import httpx
import numpy as np
import pytest
from gradio_client import Client, handle_file
from gradio_client.exceptions import AppError
from mcp import ClientSession
from mcp.client.streamable_http import streamablehttp_client
from mcp.types import CallToolResult, ImageContent, TextContent, Tool
from PIL import Image

from app.agents.tools import Tools
from app.session import Session
from engine.media.audio import read_sound, wav_bytes
from engine.media.images import png_bytes
from engine.media.video import read_film
from engine.prompt.unknown_things import KnownThings, NounTree
from tests.fake_engine import FakeEngine
from tests.page_server import PATIENCE_S, Served, served

ALL = {
    "answer_question", "draw_picture", "change_picture", "make_film", "look", "say_aloud",
    "listen_to",
}  # fmt: skip
WISH = "a big whale by the sea"


@pytest.fixture(scope="module")
def page() -> Iterator[Served]:
    with served(FakeEngine(step_s=0.0)) as running:
        words = ("big", "sea", "car", "left")
        running.session.unlearned.known = KnownThings(("whale", "bear"), words, NounTree.load())
        yield running


@pytest.fixture(scope="module")
def client(page: Served) -> Client:
    return page.client()


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    file = tmp_path / "seen.png"
    file.write_bytes(png_bytes(np.full((64, 64, 3), 120, np.uint8)))
    return file


def by_protocol(page: Served, name: str = "", **arguments: object) -> tuple[list[Tool], object]:
    """Return the tools that the server lists and, where one is named, what it answers."""

    async def ask() -> tuple[list[Tool], object]:
        async with (
            streamablehttp_client(page.url + "gradio_api/mcp/") as (read, write, _),
            ClientSession(read, write) as session,
        ):
            await session.initialize()
            tools = (await session.list_tools()).tools
            return tools, await session.call_tool(name, arguments) if name else None

    return asyncio.run(ask())


def test_the_tools_are_documented_with_their_arguments(client: Client) -> None:
    told = client.view_api(return_format="dict", print_info=False)
    assert isinstance(told, dict)
    for name in ALL:
        for argument in told["named_endpoints"][f"/{name}"]["parameters"]:
            assert not argument["parameter_name"].startswith("param_")


def test_the_same_seed_draws_the_same_picture_with_its_recipe(client: Client) -> None:
    first, again, other = (
        client.predict(WISH, seed, 3, api_name="/draw_picture") for seed in (5, 5, 6)
    )
    seen = [Path(file).read_bytes() for file in (first, again, other)]
    assert seen[0] == seen[1] != seen[2]
    recipe = Image.open(BytesIO(seen[0])).info
    assert (recipe["prompt"], recipe["seed"]) == (WISH, "5")


def test_every_other_tool_answers(client: Client, picture: Path, tmp_path: Path) -> None:
    film = client.predict("a red car moving to the left", api_name="/make_film")
    assert len(read_film(film)) > 1
    said = client.predict("hello", api_name="/say_aloud")
    assert read_sound(said).size
    changed = client.predict(handle_file(picture), "make it red", api_name="/change_picture")
    assert Image.open(changed).size[0] > 0
    assert client.predict("hello!", api_name="/answer_question")
    assert client.predict(handle_file(picture), "what is it?", api_name="/look")
    voice = tmp_path / "voice.wav"
    voice.write_bytes(wav_bytes(np.sin(np.arange(16_000) / 8).astype(np.float32)))
    assert client.predict(handle_file(voice), api_name="/listen_to")


@pytest.mark.parametrize(
    ("asked", "tool", "sentence"),
    [
        (("a hedgehog",), "/draw_picture", "never learned “hedgehog”"),
        ((WISH, -1), "/draw_picture", "The seed must be a whole number"),
        ((WISH, 1, 1000), "/draw_picture", "Steps must be a whole number from 1 to 128"),
        ((WISH, 1, 4, 1.0, "magic"), "/draw_picture", "magic"),
        (("x" * 5000,), "/answer_question", "the limit is"),
    ],
)
def test_bad_input_is_a_sentence(
    client: Client, asked: tuple[object, ...], tool: str, sentence: str
) -> None:
    with pytest.raises(AppError, match=sentence):
        client.predict(*asked, api_name=tool)


def test_what_was_never_learned_is_drawn_where_that_is_wanted(client: Client) -> None:
    drawn = client.predict("a hedgehog", 1, 3, 1.0, "", True, api_name="/draw_picture")
    assert Image.open(drawn).size[0] > 0


def test_no_other_file_of_the_server_is_read(page: Served) -> None:
    """A path is not enough: only what was uploaded is opened."""
    named = {"path": "/etc/hostname", "meta": {"_type": "gradio.FileData"}}
    called = page.url + "gradio_api/call/look"
    event = httpx.post(called, json={"data": [named, "what is it?", 0]}).json()["event_id"]
    told = httpx.get(f"{called}/{event}", timeout=PATIENCE_S).text
    assert "event: error" in told
    assert "not a picture" not in told


def test_an_agent_finds_and_calls_the_tools(page: Served) -> None:
    tools, told = by_protocol(page, "draw_picture", prompt=WISH, seed=5, steps=3)
    assert {tool.name for tool in tools} == ALL
    for tool in tools:
        assert tool.description
        assert "visitor" not in tool.inputSchema["properties"]
        assert all(part.get("description") for part in tool.inputSchema["properties"].values())
    assert isinstance(told, CallToolResult)
    assert not told.isError
    assert [type(part) for part in told.content] == [ImageContent, TextContent]


def test_an_agent_is_told_what_is_wrong(page: Served) -> None:
    _, told = by_protocol(page, "draw_picture", prompt="a hedgehog")
    assert isinstance(told, CallToolResult)
    assert told.isError
    assert "never learned “hedgehog”" in str(told.content)


def test_a_checkpoint_offers_what_it_can_do() -> None:
    silent = Session(FakeEngine(hears=None, films=False))
    assert set(Tools(silent).offered) == ALL - {"say_aloud", "listen_to", "make_film"}


def test_the_page_tells_agents_what_is_here(page: Served) -> None:
    told = httpx.get(page.url + "agents.md")
    assert told.headers["content-type"].startswith("text/markdown")
    assert page.url + "gradio_api/mcp/" in told.text
    assert all(f"## {name}\n" in told.text for name in ALL)
    assert "- `seed`: the same seed" in told.text


def test_a_page_elsewhere_may_not_call_the_tools(page: Served) -> None:
    asked = {"jsonrpc": "2.0", "id": 1, "method": "tools/list"}
    taken = {"accept": "application/json, text/event-stream"}
    told = httpx.post(
        page.url + "gradio_api/mcp/",
        json=asked,
        headers={**taken, "origin": "https://evil.example"},
    )
    assert told.status_code == 403
    assert "tools" not in told.text


def test_no_address_inside_the_network_is_fetched(page: Served) -> None:
    _, told = by_protocol(page, "look", file=page.url + "agents.md", question="what is it?")
    assert isinstance(told, CallToolResult)
    assert told.isError
    assert "not a picture" not in str(told.content)
