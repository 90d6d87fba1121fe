"""The Video tab, and films in the Chat tab, in a real browser."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import ConsoleMessage, Page, expect

from app.forms.example_prompts import ABOUT_FILMS
from engine.api.events import Refined
from engine.media.images import mp4_bytes, note_in, png_bytes
from engine.media.video import read_film
from tests.browser.brief_engine import BRIEF_STEPS
from tests.browser.looking import another_run, drawn, formed, phase, picture
from tests.browser.test_chat import LAST, answered, say
from tests.browser.test_look import overflow
from tests.fake_engine import FakeEngine
from tests.fake_scenes import draw, film
from tests.page_server import Served

pytestmark = pytest.mark.browser
Visit = Callable[..., Page]
LIVE = "#video-live"
STRIP = f"{LIVE} .omni-strip .omni-canvas"
WORDS = "a red car moving to the left"
KEEP_STEPS = """() => {
  window.steps = [];
  const facts = document.querySelector("#video-live .omni-meta");
  const keep = () => window.steps.push(facts.querySelector("b").textContent);
  window.keeping = new MutationObserver(keep);
  window.keeping.observe(facts, { childList: true });
}"""
"""The texts of the step counter, every time that it changes, until `keeping` is disconnected."""
FRAMES_LATER = """() => new Promise((done) => {
  let left = 48;
  const next = () => (left-- ? requestAnimationFrame(next) : done());
  next();
})"""
"""Ends after 48 drawn frames of the page: a film that plays shows several pictures in them."""


@pytest.fixture
def watched(site: Served, visit: Visit) -> Iterator[Callable[..., Page]]:
    """The Video tab as a new visitor sees it; nothing is complained about in its console."""
    said: list[ConsoleMessage] = []

    def open_tab(query: str = "?tab=video", **context: object) -> Page:
        page = visit(site.url + query, **context)
        page.on("console", lambda message: said.append(message))
        page.wait_for_selector("#video-generate, .omni-welcome")
        return page

    yield open_tab
    assert [message.text for message in said if message.type == "error"] == []


@pytest.fixture
def video(site: Served, borrow: Callable[..., Page]) -> Iterator[Page]:
    """The Video tab with whatever film was made last; nothing is complained about either."""
    page = borrow(f"{site.url}?tab=video", lambda page: phase(page, "completed", LIVE), wide)
    said: list[ConsoleMessage] = []

    def listen(message: ConsoleMessage) -> None:
        said.append(message)

    page.on("console", listen)
    yield page
    page.remove_listener("console", listen)
    assert [message.text for message in said if message.type == "error"] == []


def wide(page: Page) -> None:
    """The window has the size that it had at first."""
    page.set_viewport_size({"width": 1280, "height": 900})


def generate(page: Page, words: str = WORDS, steps: int = 8) -> None:
    page.fill("#video-prompt textarea", words)
    number = page.locator("#video-steps input[type=number]")
    number.fill(str(steps))
    number.press("Tab")
    with another_run(page, LIVE):
        page.click("#video-generate")


def strip(page: Page) -> list[str]:
    """The pixels of each frame, as text."""
    return page.eval_on_selector_all(STRIP, "all => all.map((canvas) => canvas.toDataURL())")


def moves(page: Page) -> None:
    """Wait until the player shows another frame."""
    changed(page, f"{LIVE} .omni-large .omni-canvas", picture(page, LIVE))


def changed(page: Page, canvas: str, before: str) -> None:
    """Wait until the first such canvas shows something else."""
    look = "([canvas, before]) => document.querySelector(canvas).toDataURL() !== before"
    page.wait_for_function(look, arg=[canvas, before])


def test_a_film_forms_plays_and_can_be_taken_home(
    watched: Callable[..., Page], fake: FakeEngine, tmp_path: Path
) -> None:
    page = watched()
    phase(page, "completed", LIVE)
    drawn(page)
    assert "recorded" in page.inner_text(f"{LIVE} .omni-recipe")
    assert len(set(strip(page))) == 8, "the recorded film stands there"
    moves(page)
    with fake.gated(Refined) as gate:
        generate(page)
        page.wait_for_selector(f"{LIVE} .omni-large .omni-canvas[data-painted='1']")
        begun = strip(page)
        formed(page, gate, f"{LIVE} .omni-large .omni-canvas", 4)
    phase(page, "completed", LIVE)
    drawn(page)
    ended = strip(page)
    assert len(ended) == 8
    assert all(one != other for one, other in zip(begun, ended, strict=True))
    moves(page)
    for kind in ("MP4", "GIF"):
        with page.expect_download() as download:
            page.get_by_role("button", name=f"Download {kind}").click()
        assert download.value.suggested_filename.startswith("a-red-car-moving-to-the-left-seed-")
        file = tmp_path / f"film.{kind.lower()}"
        download.value.save_as(file)
        assert json.loads(note_in(file) or "")["prompt"] == WORDS
        assert np.abs(read_film(file).astype(int) - film(WORDS, 0)).mean() < 4


def test_stop_keeps_what_is_there(video: Page) -> None:
    page = video
    generate(page, steps=64)
    page.wait_for_selector(f"{LIVE} .omni-bar.seen >> nth=3", state="attached")
    page.click("#video-stop")
    phase(page, "stopped", LIVE)
    assert "Stopped at step" in page.inner_text(f"{LIVE} .omni-status")
    drawn(page)
    kept = strip(page)
    assert len(set(kept)) == 8
    moves(page)
    assert strip(page) == kept
    expect(page.get_by_role("button", name="Download MP4")).to_be_visible()
    expect(page.locator("#video-generate")).to_be_visible()


def test_steps_are_scrubbed_and_replayed_and_a_frame_is_held(video: Page) -> None:
    page = video
    generate(page)
    phase(page, "completed", LIVE)
    drawn(page)
    ended = strip(page)
    slider, facts = page.locator(f"{LIVE} .omni-slider"), page.locator(f"{LIVE} .omni-meta")
    slider.focus()
    slider.press("Home")
    expect(facts).to_contain_text("1 / 8")
    changed(page, STRIP, ended[0])
    page.evaluate(KEEP_STEPS)
    page.locator(LIVE).get_by_role("button", name="Replay").click()
    page.wait_for_function("window.steps.at(-1) === '8 / 8'")
    page.evaluate("window.keeping.disconnect()")
    assert page.evaluate("window.steps") == [f"{i + 1} / 8" for i in range(8)]
    drawn(page)
    assert strip(page) == ended

    page.locator(f"{LIVE} .omni-strip .omni-frame").nth(2).click()
    expect(page.locator(f"{LIVE} .omni-strip .shown")).to_have_count(1)
    drawn(page)
    held = picture(page, LIVE)
    page.evaluate(FRAMES_LATER)
    assert held == picture(page, LIVE) == ended[2]
    page.get_by_role("button", name="play the film").click()
    moves(page)


def test_nothing_moves_by_itself_where_motion_is_unwelcome(watched: Callable[..., Page]) -> None:
    page = watched(reduced_motion="reduce")
    generate(page)
    phase(page, "completed", LIVE)
    drawn(page)
    held = picture(page, LIVE)
    page.evaluate(FRAMES_LATER)
    assert held == picture(page, LIVE) == strip(page)[-1], "the last frame"
    page.get_by_role("button", name="play the film").click()
    moves(page)


def test_a_link_makes_the_film_again(video: Page, watched: Callable[..., Page]) -> None:
    page = video
    page.fill("#video-seed input", "1234")
    generate(page, "a ball bouncing")
    phase(page, "completed", LIVE)
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.locator(LIVE).get_by_role("button", name="Copy link").click()
    link = page.locator(f"{LIVE} [data-link]").get_attribute("data-link") or ""
    again = watched("?" + link.partition("?")[2])
    expect(again.locator("#video-seed input")).to_have_value("1234")
    expect(again.locator("#video-prompt textarea")).to_have_value("a ball bouncing")
    expect(again.locator("#video-steps input[type=number]")).to_have_value("8")
    expect(again.locator("#image-seed input")).not_to_have_value("1234")
    phase(again, "completed", LIVE)
    expect(again.locator(f"{LIVE} .omni-recipe")).to_contain_text("seed 1234")
    for one in (again, page):
        drawn(one)
    assert strip(again) == strip(page)


def test_a_film_begins_with_a_picture_and_has_no_link(
    watched: Callable[..., Page], fake: FakeEngine, tmp_path: Path
) -> None:
    broken, first = tmp_path / "holiday.png", tmp_path / "cat.png"
    broken.write_text("no picture")
    first.write_bytes(png_bytes(draw("a cat", 1)))
    page = watched()
    page.get_by_text("Begin with a picture").click()
    page.set_input_files("#video-first input[type=file]", broken)
    page.wait_for_selector("#video-first img")
    page.click("#video-generate")
    expect(page.locator("#video-prompt-notice")).to_contain_text("not a picture that can be read")
    page.get_by_role("button", name="Remove Image").click()
    page.set_input_files("#video-first input[type=file]", first)
    page.wait_for_selector("#video-first img[src]")
    generate(page)
    phase(page, "completed", LIVE)
    given, _ = fake.requests[-1].conversation.turns[-1].parts
    assert given.image is not None
    assert np.array_equal(given.image, draw("a cat", 1))
    expect(page.get_by_role("button", name="Download MP4")).to_be_visible()
    expect(page.locator(LIVE).get_by_role("button", name="Copy link")).to_be_hidden()


def test_films_in_a_conversation(
    watched: Callable[..., Page], fake: FakeEngine, tmp_path: Path
) -> None:
    file = tmp_path / "film.mp4"
    file.write_bytes(mp4_bytes(film("a ball bouncing", 1), 4, ""))
    page = watched("?tab=chat")
    with fake.gated(Refined) as gate:
        say(page, "make a video of " + WORDS)
        gate.step(BRIEF_STEPS)  # of the words
        formed(page, gate, f"{LAST} .omni-large .omni-canvas", 4)
    answered(page, 1)
    assert "here is your film" in page.inner_text(f"{LAST} .omni-words")
    assert page.locator(f"{LAST} .omni-strip .omni-canvas").count() == 8
    expect(page.locator(LAST).get_by_role("button", name="Download GIF")).to_be_visible()
    page.set_input_files("#chat-message input[type=file]", file)
    page.wait_for_selector("#chat-message .thumbnails")
    page.press("#chat-message textarea", "Enter")
    answered(page, 2)
    shown = page.locator(".omni-turns > .omni-turn.user").last
    expect(shown).to_contain_text("what happens in this video?")
    assert (shown.locator("img").get_attribute("src") or "").startswith("data:image/webp")
    expect(page.locator(f"{LAST} .omni-words")).to_contain_text("I see a film")
    expect(page.locator(f"{LAST} .omni-words")).to_be_in_viewport()


def test_390_pixels_are_enough_for_a_film(video: Page) -> None:
    page = video
    page.set_viewport_size({"width": 390, "height": 844})
    assert overflow(page) <= 0
    generate(page)
    phase(page, "completed", LIVE)
    assert overflow(page) <= 0
    boxes = [
        frame.bounding_box() for frame in page.locator(f"{LIVE} .omni-strip .omni-frame").all()
    ]
    places = [(round(box["x"]), round(box["y"])) for box in boxes if box is not None]
    columns, rows = (sorted({place[axis] for place in places}) for axis in (0, 1))
    assert (len(columns), len(rows)) == (4, 2)
    assert places == [(x, y) for y in rows for x in columns], "read like words"


def test_a_film_is_shown_to_it_and_asked_about(
    watched: Callable[..., Page], fake: FakeEngine, tmp_path: Path
) -> None:
    file = tmp_path / "film.mp4"
    file.write_bytes(mp4_bytes(film("a ball bouncing", 1), 4, ""))
    page = watched()
    page.get_by_text("Show it a film").click()
    page.set_input_files("#video-clip input[type=file]", file)
    page.wait_for_selector("#video-seen img")
    page.locator("#video-questions").get_by_role("button").first.click()
    phase(page, "completed", LIVE)
    shown, words = fake.requests[-1].conversation.turns[-1].parts
    assert shown.video is not None
    assert words.text == ABOUT_FILMS[0]
    assert page.inner_text(f"{LIVE} .omni-words").strip()
