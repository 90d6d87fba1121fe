"""The Video tab: its form, its recorded film and its links."""

from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import gradio as gr
import numpy as np
import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from app.forms.example_prompts import ABOUT_FILMS, FILMS
from app.forms.parse import InputError
from app.forms.share_link import read_link
from app.page import build_page, recorded_run
from app.record import main, record
from app.session import Session
from app.stream.replay_route import add_replay_route, replay_address
from app.tabs.video import VideoTab
from engine.api.conversation import Conversation
from engine.api.events import Answer
from engine.api.request import Modality, Request
from engine.api.sampling import Sampling
from engine.media.images import mp4_bytes, png_bytes
from tests.app.test_films import alike
from tests.fake_engine import FakeEngine
from tests.fake_scenes import draw, film
from world.concepts import CONCEPTS, OBJECT_COLOURS, held_out
from world.video.captions import video_caption
from world.video.motion import sample_video

WORDS = "a red car moving to the left"
FILM = film(WORDS, 0)
REQUEST = Request(Conversation.ask(WORDS), Modality.VIDEO, Sampling(steps=4, seed=5))
ANSWER = Answer(Modality.VIDEO, np.zeros((512, 4), np.int64), video=FILM)
FORM = {"prompt": WORDS, "steps": 8, "guidance": 1.0, "method": "midpoint", "seed": "5"}


# ---- the tab -----------------------------------------------------------------------------------


def tab(*, films: bool = True) -> VideoTab:
    return VideoTab(Session(FakeEngine(films=films)))


def test_words_alone_are_a_wish_for_a_film() -> None:
    for nothing in (None, ""):
        request = tab().filled(*FORM.values(), nothing, None)  # type: ignore[arg-type]
        assert request.to is Modality.VIDEO
        assert [part.text for part in request.conversation.turns[-1].parts] == [WORDS]
        assert (request.sampling.seed, request.sampling.steps) == (5, 8)


def test_a_first_picture_comes_before_the_words(tmp_path: Path) -> None:
    file = tmp_path / "first.png"
    file.write_bytes(png_bytes(draw("a car", 0)))
    request = tab().filled(*FORM.values(), str(file), None)  # type: ignore[arg-type]
    picture, words = request.conversation.turns[-1].parts
    assert np.array_equal(picture.image, draw("a car", 0))  # type: ignore[arg-type]
    assert words.text == WORDS


def test_a_broken_first_picture_is_a_sentence_beside_the_prompt(tmp_path: Path) -> None:
    file = tmp_path / "first.png"
    file.write_text("no picture")
    with pytest.raises(InputError, match="not a picture that can be read") as refused:
        tab().filled(*FORM.values(), str(file), None)  # type: ignore[arg-type]
    assert refused.value.control == "prompt"


def test_a_film_is_asked_about(tmp_path: Path) -> None:
    file, picture = tmp_path / "film.mp4", tmp_path / "first.png"
    file.write_bytes(mp4_bytes(FILM, 4, ""))
    picture.write_bytes(png_bytes(draw("a car", 0)))
    request = tab().filled(*FORM.values(), None, str(file))  # type: ignore[arg-type]
    assert request.to is None
    shown, words = request.conversation.turns[-1].parts
    assert shown.video is not None
    assert alike(shown.video, FILM, 4)
    assert words.text == WORDS
    with pytest.raises(InputError, match="take one of them away"):
        tab().filled(*FORM.values(), str(picture), str(file))  # type: ignore[arg-type]


def test_what_the_model_sees_of_a_film_is_shown_or_what_is_wrong(tmp_path: Path) -> None:
    file, picture = tmp_path / "film.mp4", tmp_path / "first.png"
    file.write_bytes(mp4_bytes(FILM, 4, ""))
    picture.write_bytes(png_bytes(draw("a car", 0)))
    look_at = tab().look_at
    assert look_at(None) == ("", "")
    seen, wrong = look_at(str(file))
    assert "data:image/webp" in seen and "eight frames" in seen
    assert wrong == ""
    seen, wrong = look_at(str(picture))
    assert seen == ""
    assert wrong.endswith("is a picture, not a film: give it as a picture.")


def test_a_checkpoint_that_only_watches_wants_a_film(tmp_path: Path) -> None:
    session = Session(FakeEngine(films=False))
    session.capabilities = replace(session.capabilities, frames=5)
    watching = VideoTab(session)
    with gr.Blocks() as page:
        watching.build()
    said = {b.elem_id: b.value for b in page.blocks.values() if isinstance(b, gr.HTML)}
    assert "makes no films yet. Show it one" in str(said["video-makes-none"])
    assert watching.prompt.value == ABOUT_FILMS[0]
    with pytest.raises(InputError, match="Show it a film first"):
        watching.filled(*FORM.values(), None)  # type: ignore[arg-type]
    file = tmp_path / "film.mp4"
    file.write_bytes(mp4_bytes(FILM, 4, ""))
    assert watching.filled(*FORM.values(), str(file)).to is None  # type: ignore[arg-type]
    assert "five frames" in watching.look_at(str(file))[0]


def test_an_engine_without_films_shows_only_a_sentence() -> None:
    page = build_page(Session(FakeEngine(films=False)), None)
    ids = {str(block.elem_id) for block in page.blocks.values() if block.elem_id}
    assert {name for name in ids if name.startswith("video")} == {"video-blind"}


def test_the_tab_opens_with_a_recorded_film() -> None:
    opened = VideoTab(Session(FakeEngine()), record(FakeEngine(step_s=0.0).generate, REQUEST))
    with gr.Blocks():
        opened.build()
    assert isinstance(opened.view.value, dict) and "replay" in opened.view.value
    assert (opened.prompt.value, opened.seed.value, opened.steps.value) == (WORDS, "5", 4)


def test_a_film_that_is_fetched_does_not_ride_in_the_page() -> None:
    trace = record(FakeEngine(step_s=0.0).generate, REQUEST)
    opened = VideoTab(Session(FakeEngine()), trace, "recorded/film")
    with gr.Blocks():
        opened.build()
    assert opened.view.value == {"replay_at": "recorded/film"}
    assert opened.prompt.value == WORDS


def test_a_recorded_run_is_served_where_the_page_looks_for_it(tmp_path: Path) -> None:
    file = tmp_path / "film.json"
    file.write_text('{"messages": []}')
    server = FastAPI()
    add_replay_route(server, file)
    add_replay_route(server, tmp_path / "none.json")
    client = TestClient(server)
    assert client.get(f"/{replay_address(file)}").json() == {"messages": []}
    assert client.get("/recorded/none").status_code == 404


def test_a_film_is_recorded_on_the_command_line(
    tiny_checkpoint: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "film.json"
    asked = ["--checkpoint", str(tiny_checkpoint), "--steps", "2", "--out", str(file)]
    assert main([*asked, "--to", "video"]) == 0
    messages = (recorded_run(file) or {})["messages"]
    assert isinstance(messages, list)
    assert [m["kind"] for m in messages] == ["started", "refined", "refined", "completed"]
    assert messages[-1]["recipe"]["prompt"] == FILMS[0]
    assert messages[-1]["media"]["answer_0"].startswith("data:video/mp4")


def test_examples_are_said_as_in_the_world() -> None:
    """And their colours are no pairs that training never sees."""
    rng = np.random.default_rng(0)
    shown = (sample_video(rng, test=False) for _ in range(150))
    known = {word for one in shown for word in video_caption(one, rng).split()}
    known |= {name for c in CONCEPTS for name in (c.name, c.plural)} | set(OBJECT_COLOURS)
    for example in FILMS:
        words = example.split()
        assert set(words) <= known
        assert not any(held_out(*pair) for pair in pairwise(words) if pair[0] in OBJECT_COLOURS)


# ---- a link ------------------------------------------------------------------------------------


def test_a_link_fills_the_form_and_keeps_the_seed() -> None:
    form_tab = tab()
    with gr.Blocks():
        form_tab.build()
    link = read_link({"tab": "video", "prompt": "a dog", "seed": "7", "steps": "4"})
    values = dict(
        zip([c.elem_id for c in form_tab.link_targets], form_tab.link_values(link), strict=True)
    )
    assert values["video-prompt"] == "a dog"
    assert (values["video-seed"], values["video-steps"]) == ("7", 4)
    assert values["video-keep-seed"] is True
    assert values["video-prompt-notice"] == ""
    unchanged = form_tab.link_values(None)
    assert len(unchanged) == len(form_tab.link_targets)
    assert values["video-guidance"] in unchanged
