"""The Image tab, clicked in a real browser."""

import io
import json
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path

import pytest
from PIL import Image
from playwright.sync_api import Page, expect

from engine.api.events import Refined
from tests.browser.looking import (
    NANO,
    another_run,
    drawn,
    formed,
    frames_until,
    generate,
    phase,
    picture,
)
from tests.fake_engine import FakeEngine
from tests.page_server import Served, until

pytestmark = pytest.mark.browser
Visit = Callable[..., Page]
CANVAS = "#image-live .omni-live[data-phase='running'] .omni-large .omni-canvas"


@pytest.fixture(scope="module", params=["fake", "nano"] if NANO.exists() else ["fake"])
def any_site(request: pytest.FixtureRequest) -> Served:
    """The page with a scripted engine, and with the embedded checkpoint where there is one."""
    return request.getfixturevalue("site" if request.param == "fake" else "nano_site")


@pytest.fixture
def image(site: Served, borrow: Callable[..., Page]) -> Page:
    """The Image tab of the scripted engine, with whatever picture was made last."""
    return borrow(f"{site.url}?tab=image", lambda page: phase(page, "completed"), settings_as_first)


@pytest.fixture
def any_image(any_site: Served, fake: FakeEngine, borrow: Callable[..., Page]) -> Page:
    """The Image tab of either engine; a recorded picture is there for the scripted one alone."""
    opened = "completed" if any_site.session.engine is fake else "idle"
    address = f"{any_site.url}?tab=image"
    return borrow(address, lambda page: phase(page, opened), settings_as_first)


def settings_as_first(page: Page) -> None:
    """Every setting that a test here may have changed is as it was at first, with few steps."""
    steps(page, 8)
    page.uncheck("#image-keep-seed input")
    if page.locator("#image-drafts").count():
        number(page, "drafts", 1)


def number(page: Page, setting: str, wanted: int) -> None:
    control = page.locator(f"#image-{setting} input[type=number]")
    control.fill(str(wanted))
    control.press("Tab")


def steps(page: Page, wanted: int) -> None:
    number(page, "steps", wanted)


def test_the_page_opens_with_a_recorded_picture_to_scrub_and_run(
    site: Served, visit: Visit
) -> None:
    page = visit(site.url)
    phase(page, "completed")
    assert "recorded" in page.inner_text("#image-live .omni-recipe")
    assert page.input_value("#image-seed input") == "7"
    drawn(page)
    final = picture(page)
    slider = page.locator("#image-live .omni-slider")
    slider.focus()
    slider.press("Home")
    expect(page.locator("#image-live .omni-meta")).to_contain_text("1 / 8")
    page.wait_for_function(
        "final => document.querySelector('#image-live .omni-large .omni-canvas')"
        ".toDataURL() !== final",
        arg=final,
    )
    slider.press("End")
    expect(page.locator("#image-live .omni-meta")).to_contain_text("8 / 8")
    with another_run(page):
        page.get_by_role("button", name="Run it live").click()
    phase(page, "completed")
    assert "recorded" not in page.inner_text("#image-live .omni-recipe")


def test_the_download_and_the_link_make_the_picture_again(image: Page, visit: Visit) -> None:
    page = image
    page.check("#image-keep-seed input")
    page.fill("#image-seed input", "1234")
    with another_run(page):
        generate(page, "a big whale by the sea")
    phase(page, "completed")
    with page.expect_download() as started:
        page.get_by_role("button", name="Download PNG").click()
    download = started.value
    assert download.suggested_filename == "a-big-whale-by-the-sea-seed-1234.png"
    with Image.open(io.BytesIO(Path(download.path()).read_bytes())) as file:
        assert file.info["prompt"] == "a big whale by the sea"
        assert json.loads(file.info["settings"])["seed"] == 1234
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    button = page.get_by_role("button", name="Copy link")
    button.click()
    link = page.locator("[data-link]").get_attribute("data-link")
    assert link is not None
    again = visit(link)
    expect(again.locator("#image-seed input")).to_have_value("1234")
    expect(again.locator("#image-prompt textarea")).to_have_value("a big whale by the sea")
    again.wait_for_selector("#image-live .omni-live[data-run]", state="attached")
    phase(again, "completed")
    expect(again.locator("#image-live .omni-recipe")).to_contain_text("seed 1234")
    for one in (again, page):
        drawn(one)
    assert picture(again) == picture(page)


def test_errors_are_sentences_beside_their_control(image: Page) -> None:
    page = image
    generate(page, "   ")
    expect(page.locator("#image-prompt-notice")).to_contain_text("The prompt is empty")
    expect(page.locator("#image-prompt-notice p")).to_be_focused()
    expect(page.locator("#image-prompt-notice p")).to_be_in_viewport()
    page.fill("#image-seed input", "seven")
    generate(page, "a dog")
    expect(page.locator("#image-settings-notice")).to_contain_text("must be a whole number")
    expect(page.locator("#image-prompt-notice p")).to_have_count(0)
    assert page.input_value("#image-prompt textarea") == "a dog"
    page.click("#image-dice")
    expect(page.locator("#image-seed input")).not_to_have_value("seven")
    generate(page, "please refuse this")
    expect(page.locator("#image-live .omni-status")).to_contain_text("refuses the word")
    expect(page.locator("#image-generate")).to_be_visible()
    generate(page, "crash please")
    expect(page.locator("#image-live .omni-status")).to_contain_text("Something went wrong")
    expect(page.locator("#image-generate")).to_be_visible()
    assert "Traceback" not in page.content()
    assert page.input_value("#image-prompt textarea") == "crash please"


def test_enter_runs_and_shift_enter_makes_a_line(image: Page, fake: FakeEngine) -> None:
    page = image
    prompt = page.locator("#image-prompt textarea")
    prompt.fill("a dog")
    prompt.press("Shift+Enter")
    prompt.press_sequentially("at sea")
    expect(prompt).to_have_value("a dog\nat sea")
    with another_run(page):
        prompt.press("Enter")
    phase(page, "completed")
    assert fake.requests[-1].conversation.turns[-1].parts[-1].text == "a dog\nat sea"


def test_leaving_during_a_run_is_asked_about(image: Page, fake: FakeEngine) -> None:
    page = image
    with fake.gated(Refined) as gate:
        with another_run(page):
            generate(page, "a dog")
        gate.step()
        phase(page, "running")
        with page.expect_event("dialog") as asked:
            page.evaluate("() => { setTimeout(() => location.reload(), 0); }")
        assert asked.value.type == "beforeunload"
        asked.value.dismiss()
        phase(page, "running")
    phase(page, "completed")


def test_two_visitors_wait_in_line_and_share_nothing(
    image: Page, site: Served, fake: FakeEngine, visit: Visit
) -> None:
    one, two = image, visit(site.url)
    phase(two, "completed")
    with fake.gated(Refined):
        generate(one, "a red heart above a dog")
        one.wait_for_selector("#image-live .omni-live[data-phase='running']")
        generate(two, "two yellow stars in the sky")
        expect(two.locator("#image-live .omni-status")).to_contain_text("1 run is ahead of yours")
    phase(one, "completed")
    phase(two, "completed")
    assert "red heart" in one.inner_text("#image-live .omni-recipe")
    assert "yellow stars" in two.inner_text("#image-live .omni-recipe")
    for page in (one, two):
        drawn(page)
    assert picture(one) != picture(two)


def test_a_picture_forms_and_a_second_run_is_stopped(
    any_site: Served, fake: FakeEngine, any_image: Page
) -> None:
    page = any_image
    if any_site.session.engine is not fake:
        steps(page, 16)
        with another_run(page):
            generate(page, "a red heart above a dog")
        frames = frames_until(page, "completed")
    else:
        with fake.gated(Refined) as gate:
            generate(page, "a red heart above a dog")
            frames = formed(page, gate, CANVAS, 4)
        phase(page, "completed")
        frames.append(picture(page))
    assert len(set(frames)) >= 4, "three different frames before the final one"
    expect(page.locator("#image-generate")).to_be_visible()

    steps(page, 64)
    held = fake.gated(Refined) if any_site.session.engine is fake else nullcontext()
    with held as gate:
        if gate is not None:
            gate.step(3)
        generate(page, "two yellow stars in the sky")
        page.wait_for_selector("#image-live .omni-bar.seen >> nth=2", state="attached")
        page.click("#image-stop")
        until(lambda: all(run.stopping for run in any_site.session.bus.unfinished()))
    phase(page, "stopped")
    drawn(page)
    assert "Stopped at step" in page.inner_text("#image-live .omni-status")
    assert page.locator("#image-live .omni-bar.seen").count() < 64
    assert picture(page) not in frames
    expect(page.locator("#image-generate")).to_be_visible()


def test_of_several_drafts_the_best_is_kept(any_site: Served, any_image: Page) -> None:
    """Offered where the model finds by meaning; else there is no control."""
    page = any_image
    if not any_site.session.capabilities.finds:
        expect(page.locator("#image-drafts input[type=number]")).to_have_count(0)
        return
    number(page, "drafts", 3)
    steps(page, 8)
    page.fill("#image-seed input", "20")
    with another_run(page):
        generate(page, "a red heart above a dog")
    phase(page, "completed")
    shown = page.locator("#image-live .omni-draft")
    expect(shown).to_have_count(3)
    scores = [float(shown.nth(i).inner_text()) for i in range(3)]
    kept = page.locator("#image-live .omni-draft.best")
    expect(kept).to_have_count(1)
    assert float(kept.inner_text()) == max(scores)
    expect(page.locator("#image-live .omni-bar")).to_have_count(8)
    expect(page.locator("#image-live .omni-recipe")).to_contain_text(
        f"seed {kept.get_attribute('data-seed')}"
    )


def test_closing_the_tab_stops_the_run(site: Served, fake: FakeEngine, visit: Visit) -> None:
    page = visit(site.url)
    steps(page, 64)
    before, asked = len(fake.closed_after), len(fake.requests)
    with fake.gated(Refined):
        generate(page, "three strawberries")
        until(lambda: fake.requests[asked:])
        page.close()
        until(lambda: site.last_run.stopping)
    until(lambda: fake.closed_after[before:])
    assert fake.closed_after[before] < 40


def test_without_websockets_the_picture_still_forms(
    site: Served, fake: FakeEngine, visit: Visit, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = visit(site.url)
    phase(page, "completed")
    monkeypatch.setattr(site.session, "pulse_s", 0.0)  # so that every step reaches the page
    page.evaluate("() => { window.WebSocket = class { close() {} }; }")
    with fake.gated(Refined) as gate:
        generate(page, "a big whale by the sea")
        assert len(set(formed(page, gate, CANVAS, 3))) == 3
    phase(page, "completed")
    expect(page.get_by_role("button", name="Download PNG")).to_be_visible()


def test_pressed_words_write_the_wish(image: Page) -> None:
    prompt, words = image.locator("#image-prompt textarea"), image.locator("#image-palette")
    prompt.fill("")
    image.locator("#image-words").get_by_text("Words it knows").click()
    words.get_by_role("button", name="red", exact=True).click()
    expect(prompt).to_have_value("a red")
    words.get_by_label("Find a word").fill("dog")
    expect(words.get_by_role("button", name="dog", exact=True)).to_be_disabled()
    words.get_by_label("Find a word").fill("hea")
    words.get_by_role("button", name="heart", exact=True).click()
    words.get_by_label("Find a word").fill("zebra")
    expect(words).to_contain_text("no “zebra” among 64 things")
    words.get_by_role("button", name="animals").click()
    words.get_by_role("button", name="dog", exact=True).click()
    night = words.get_by_role("button", name="at night", exact=True)
    night.click()
    expect(prompt).to_have_value("a red heart and a dog at night")
    expect(night).to_have_attribute("aria-pressed", "true")
    image.locator("#image-words").get_by_text("Words it knows").click()
