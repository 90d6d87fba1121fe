"""The page of a checkpoint of others that knows words alone: it offers what that can do, says why
the rest is not there, and talks."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from gradio_client import Client, handle_file
from gradio_client.exceptions import AppError

from app.capabilities import Capabilities
from app.chat.settings import AUTO, choices
from app.page import FIRST_RUN, build_page
from app.session import Session
from app.stream.run import watch_id
from app.tabs.about import about_html
from engine.api.sampling import methods
from engine.engine import Engine
from engine.media.images import png_bytes
from model.convert.__main__ import main
from tests.fake_engine import FakeEngine
from tests.model import masked_models
from tests.page_server import PATIENCE_S, Served, served

FORM = ("auto", "auto", "3", False)
LAB = ("what is it?", "text", 8, 1, "masked", 0, "tuned", 3, 0.9, "5")


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Engine:
    folder = tmp_path_factory.mktemp("llada")
    source = masked_models.save_llada(folder / "source")
    assert main(["llada", str(source), str(folder / "out")]) == 0
    return Engine.load(folder / "out", "cpu")


@pytest.fixture(scope="module")
def page(engine: Engine) -> Iterator[Served]:
    with served(engine) as running:
        yield running


@pytest.fixture
def client(page: Served) -> Client:
    return page.client()


def components(engine: Engine) -> dict[str, dict[str, Any]]:
    """The settings of what the page shows, by the ids of its components."""
    page = build_page(Session(engine), FIRST_RUN)
    return {
        str(block.elem_id): block.get_config()
        for block in page.blocks.values()
        if block.elem_id and block.visible is True  # pyright: ignore
    }


def test_the_page_shows_what_it_can_do_and_why_not_the_rest(engine: Engine) -> None:
    shown = components(engine)
    blind = {"image-blind", "video-blind", "speech-deaf", "lab-no-path"}
    assert blind <= set(shown)
    assert {i for i in shown if i.startswith(("image", "video", "speech"))} == blind - {
        "lab-no-path"
    }
    assert shown["tabs"]["selected"] == "chat"
    assert not {"lab-compare", "lab-path", "lab-guidance"} & set(shown)
    assert [name for _, name in shown["lab-method"]["choices"]] == ["masked"]
    assert [kind for _, kind in shown["lab-kind"]["choices"]] == ["auto", "text"]
    assert (shown["lab-method"]["value"], shown["lab-kind"]["value"]) == ("masked", "text")
    assert [kind for _, kind in shown["chat-answer-with"]["choices"]] == [AUTO, "words"]
    assert shown["chat-message"]["sources"] == []
    assert shown["chat-message"]["placeholder"] == "Ask something"
    opening = shown["chat-talk"]["value"]
    assert opening["example"] is None
    assert not any("draw" in chip for chip in opening["welcome"]["chips"])


def test_a_checkpoint_that_makes_everything_hides_nothing() -> None:
    shown = components(FakeEngine())  # pyright: ignore[reportArgumentType]
    assert {"image-prompt", "video-prompt", "lab-compare", "lab-path", "lab-guidance"} <= set(shown)
    assert not {"image-blind", "lab-no-path"} & set(shown)
    assert [name for _, name in shown["lab-method"]["choices"]] == list(methods())
    assert shown["tabs"]["selected"] == "image"


def test_what_it_cannot_do_is_greyed_out_and_says_why(engine: Engine) -> None:
    shown = components(engine)
    for name, why in (
        ("chat-aloud", "does not speak"),
        ("chat-style", "does not speak"),
        ("chat-guidance", "draws no pictures"),
        ("chat-think", "does not think"),
    ):
        assert shown[name]["interactive"] is False
        assert why in shown[name]["info"]
    ours = components(FakeEngine())  # pyright: ignore[reportArgumentType]
    assert ours["chat-aloud"]["interactive"] and ours["chat-guidance"]["interactive"]
    assert ours["chat-style"]["interactive"] is False
    assert ours["chat-style"]["info"] == "this checkpoint speaks in one style"


def test_it_talks_and_reads_the_whole_conversation(client: Client) -> None:
    value: dict[str, Any] = {}
    ticket, asked = "", ("A red heart?", "What is it?")
    for words in asked:
        ticket, *_ = client.predict(ticket, {"text": words, "files": []}, *FORM, api_name="/ask")
        value = client.submit(ticket, api_name="/ask_run").result(timeout=PATIENCE_S)
    roles = [turn["role"] for turn in value["turns"]]
    assert roles == ["user", "assistant"] * 2
    assert all(turn["refusal"] is None and turn["note"] is None for turn in value["turns"])
    assert all(turn["words"] for turn in value["turns"])


def test_a_prompt_may_be_as_long_as_the_checkpoint_reads(page: Served, client: Client) -> None:
    ticket, *_ = client.predict("", {"text": "x" * 600, "files": []}, *FORM, api_name="/ask")
    assert page.session.bus.find(watch_id(ticket)) is not None
    said = client.predict("", {"text": "x" * 4001, "files": []}, *FORM, api_name="/ask")
    assert "limit is 4000" in str(said)
    long = ("x" * 4001, *LAB[1:])
    assert "limit is 4000" in str(client.predict("", True, *long, api_name="/record"))


def test_a_file_is_refused_in_a_sentence(client: Client, tmp_path: Path) -> None:
    file = tmp_path / "picture.png"
    file.write_bytes(png_bytes(np.zeros((8, 8, 3), np.uint8)))
    message = {"text": "what is this?", "files": [handle_file(file)]}
    said = client.predict("", message, *FORM, api_name="/ask")
    assert "knows words alone" in str(said)


def test_the_lab_records_a_run_of_it(page: Served, client: Client) -> None:
    ticket, *_ = client.predict("", True, *LAB, api_name="/record")
    client.submit(ticket, api_name="/record_run").result(timeout=PATIENCE_S)
    trace = page.session.traces[watch_id(ticket)]
    assert (trace.segments[0].num_steps, trace.segments[0].sampling.sampler) == (8, "masked")
    by_flow = ("", True, *LAB[:4], "midpoint", *LAB[5:])
    with pytest.raises(AppError, match="not in the list of choices"):
        client.predict(*by_flow, api_name="/record")


def test_about_speaks_of_this_checkpoint(engine: Engine) -> None:
    told = about_html(engine.info())
    assert "masked diffusion" in told
    assert "source" in told
    assert "small world" not in told
    assert "When a token is decided" not in told


def test_places_of_pictures_need_pictures() -> None:
    assert choices(["text"]) == [AUTO, "words"]
    assert len(choices(["text", "image"])) > 3


def test_where_nothing_is_said_every_method_runs() -> None:
    can = Capabilities.of({"modalities": ["text", "image"]})
    assert (can.methods, can.makes_images, can.makes_video, can.has_flow, can.reads_all_turns) == (
        methods(), True, False, True, False,
    )  # fmt: skip
    masked = Capabilities.of({"modalities": ["text"], "samplers": ["masked"]})
    assert (masked.methods, masked.makes_images, masked.has_flow) == (("masked",), False, False)
