"""A film from its wish to the page: what a form asks for, how it looks, what is kept of it."""

import io
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from app.chat import history as chat_history
from app.stream import encode
from app.stream.run_bus import StepBus
from app.stream.run_driver import Outcome, RunDriver
from engine.api.conversation import Conversation, Part
from engine.api.events import Answer, Refined
from engine.api.request import Modality, Request
from engine.api.sampling import Sampling
from engine.media.images import note_in
from engine.media.video import FRAME_MS, read_film
from tests.fake_engine import FakeEngine
from tests.fake_scenes import draw, film

WORDS = "a red car moving to the left"
FILM = film(WORDS, 0)
REQUEST = Request(Conversation.ask(WORDS), Modality.VIDEO, Sampling(steps=4, seed=5))
ANSWER = Answer(Modality.VIDEO, np.zeros((512, 4), np.int64), video=FILM)
FORM = {"prompt": WORDS, "steps": 8, "guidance": 1.0, "method": "midpoint", "seed": "5"}


def alike(found: np.ndarray, wanted: np.ndarray, within: float) -> bool:
    """Whether the pixels differ by no more than so much on average, and lie at the same places."""
    return float(np.abs(found.astype(int) - wanted).mean()) < within


def driven(request: Request, **engine: bool) -> RunDriver:
    bus = StepBus()
    return RunDriver(FakeEngine(step_s=0.0, **engine).generate, request, bus.open("visitor"), bus)


def last_step() -> Refined:
    events = FakeEngine(step_s=0.0).generate(REQUEST)
    return [event for event in events if isinstance(event, Refined)][-1]


# ---- on its way to the page --------------------------------------------------------------------


def test_a_step_is_a_strip_of_frames_below_one_another() -> None:
    message = encode.message(last_step())
    assert len(message.header["changed"]) == 8 * 64  # type: ignore[arg-type]
    for name in ("x_t", "x_1"):
        assert message.media[name].content_type == "image/jpeg"
        with Image.open(io.BytesIO(message.media[name].content)) as strip:
            assert strip.size == (128, 8 * 128)
            assert alike(np.asarray(strip).reshape(FILM.shape), FILM, 2)


def test_the_files_carry_what_made_them_and_can_be_read_back(tmp_path: Path) -> None:
    media = encode.ended("completed", REQUEST, (ANSWER,), 1.5, 8).media
    kinds = {"answer_0": "video/mp4", "answer_0_gif": "image/gif"}
    assert {name: one.content_type for name, one in media.items()} == kinds
    for name, kind in kinds.items():
        file = tmp_path / f"film.{kind.partition('/')[2]}"
        file.write_bytes(media[name].content)
        assert json.loads(note_in(file) or "") == encode.recipe_of(REQUEST)
        assert alike(read_film(file), FILM, 4)


def test_a_recipe_says_what_went_with_the_words() -> None:
    assert encode.recipe_of(REQUEST)["given"] == []
    begun = Request(Conversation.ask(WORDS, image=draw("a car", 0)), Modality.VIDEO)
    assert encode.recipe_of(begun)["given"] == ["image"]
    asked = Request(Conversation.ask("what happens?", video=FILM))
    assert encode.recipe_of(asked)["given"] == ["video"]


@pytest.mark.parametrize("size", [(128, 128), (301, 511), (512, 90)])
def test_in_a_conversation_a_film_is_small_and_moves(size: tuple[int, int]) -> None:
    shades = np.linspace(0, 200, 8).astype(np.uint8)[:, None, None, None]
    shown = encode.webp(np.broadcast_to(shades, (8, *size, 3)).copy())
    with Image.open(io.BytesIO(shown.content)) as moving:
        assert moving.n_frames == 8  # type: ignore[attr-defined]
        assert max(moving.size) == min(max(size), 256)
        assert moving.width / moving.height == pytest.approx(size[1] / size[0], rel=0.03)
        moving.seek(7)
        moving.load()
        assert moving.info["duration"] == FRAME_MS
        assert np.asarray(moving.convert("RGB")).mean() == pytest.approx(200, abs=3)


# ---- driven ------------------------------------------------------------------------------------


def test_a_stopped_film_keeps_its_last_prediction() -> None:
    driver = driven(REQUEST)
    seen: list[Refined] = []

    def stop_after_three(event: object) -> None:
        if isinstance(event, Refined):
            seen.append(event)
        if len(seen) == 3:
            driver.run.stop()

    driver.see = stop_after_three
    list(driver)
    assert driver.outcome is not None and driver.outcome.stopped
    (answer,) = driver.outcome.answers
    assert answer.modality is Modality.VIDEO
    assert answer.video is not None
    assert np.array_equal(answer.video, seen[-1].image_1)  # type: ignore[arg-type]
    (last,) = [m for _, m in driver.run.pending(0, 0)[0] if m.header["kind"] == "stopped"]
    assert list(last.media) == ["answer_0", "answer_0_gif"]


def test_a_checkpoint_without_films_refuses_in_a_sentence() -> None:
    driver = driven(REQUEST, films=False)
    list(driver)
    assert "cannot answer with video" in (driver.run.failure or "")


# ---- in a conversation -------------------------------------------------------------------------


def exchange() -> chat_history.History:
    """A film is shown, and a film is the answer."""
    asked = chat_history.with_message((), "now a car", Part(video=FILM))
    words = Answer(Modality.TEXT, ANSWER.tokens[:, :1], text="here is your film")
    outcome = Outcome(REQUEST, (words, ANSWER))
    return chat_history.with_answer(chat_history.with_open_answer(asked, "run-1"), "run-1", outcome)


def test_a_film_is_shown_in_a_message_and_in_an_answer() -> None:
    question, answer = exchange()
    assert [next(iter(shown)) for shown in question.shown] == ["film", "text"]
    assert [next(iter(shown)) for shown in answer.shown] == ["text", "film"]
    for said, place in ((question, 0), (answer, 1)):
        assert str(said.shown[place]["film"]).startswith("data:image/webp;base64,")


def test_a_follow_up_carries_both_films() -> None:
    turns = chat_history.conversation(
        chat_history.with_message(exchange(), "which way does it go?")
    ).turns
    assert turns[0].parts[0].video is FILM
    assert [part.modality for part in turns[1].parts] == [Modality.TEXT, Modality.VIDEO]
    assert turns[1].parts[1].video is FILM
