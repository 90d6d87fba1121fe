"""A run leaves the page as a file, shows what the model sees where, and races other methods."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from PIL import Image
from playwright.sync_api import Page, expect

from app.forms.recipe import read_recipe
from app.page import FIRST_RUN
from engine.api.events import Refined
from engine.api.sampling import SAMPLERS
from tests.browser.looking import another_run, generate, phase
from tests.fake_engine import FakeEngine
from tests.page_server import Served, served

pytestmark = pytest.mark.browser
Visit = Callable[..., Page]
LABELS = "#image-live .omni-labels"
MARKED = "canvas => canvas.getContext('2d').getImageData(0, 0, 768, 768).data.some((v) => v > 0)"


@pytest.fixture(scope="module")
def first(fake: FakeEngine) -> Iterator[Served]:
    """The page with the run that it ships, which it opens with."""
    with served(fake, FIRST_RUN) as running:
        yield running


def shared(page: Page, kind: str, folder: Path) -> Path:
    """The file of a press on one of the buttons of Share."""
    with page.expect_download() as expected:
        page.locator("#image-live").get_by_role("button", name=f"Share as {kind}").click()
    file = folder / expected.value.suggested_filename
    expected.value.save_as(file)
    return file


@pytest.mark.parametrize("kind", ["MP4", "WebP", "GIF", "PNG"])
def test_the_run_that_was_seen_is_shared_with_one_click(
    first: Served, visit: Visit, tmp_path: Path, kind: str
) -> None:
    page = visit(first.url)
    phase(page, "completed")
    with another_run(page):
        generate(page, "a big whale")
    phase(page, "completed")
    file = shared(page, kind, tmp_path)
    assert read_recipe(file)["prompt"] == "a big whale"
    assert file.name.startswith("a-big-whale-seed-")
    if kind in ("WebP", "GIF"):
        assert getattr(Image.open(file), "n_frames", 1) > 8


def test_the_recorded_run_is_shared_too(first: Served, visit: Visit, tmp_path: Path) -> None:
    page = visit(first.url)
    phase(page, "completed")
    assert read_recipe(shared(page, "PNG", tmp_path))["prompt"] == "a panda in the sky"


def test_a_run_that_is_gone_is_told(first: Served, visit: Visit) -> None:
    page = visit(first.url)
    phase(page, "completed")
    with another_run(page):
        generate(page, "a big whale")
    phase(page, "completed")
    first.session.pictured.clear()
    page.locator("#image-live").get_by_role("button", name="Share as MP4").click()
    expect(page.locator("#image-live .omni-status")).to_contain_text("no longer kept")


def test_the_x_ray_shows_labels_when_it_is_pressed(first: Served, visit: Visit) -> None:
    """Of the recorded run, of one that is over, and of one that forms."""
    page = visit(first.url)
    phase(page, "completed")
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    xray = page.locator("#image-live").get_by_role("button", name="X-ray")
    expect(page.locator(LABELS)).to_be_hidden()
    xray.click()
    expect(page.locator(LABELS)).to_be_visible()
    assert page.eval_on_selector(LABELS, MARKED)
    xray.click()
    expect(page.locator(LABELS)).to_be_hidden()
    with another_run(page):
        generate(page, "a big whale")
    phase(page, "completed")
    assert not [url for url in asked if "labels" in url]
    xray.click()
    page.wait_for_function(f"({MARKED})(document.querySelector('{LABELS}'))")
    with first.session.engine.gated(Refined) as gate:  # pyright: ignore[reportAttributeAccessIssue]
        with another_run(page):
            generate(page, "another whale")
        gate.step(3)
        page.wait_for_selector("#image-live .omni-bar.past")
        page.wait_for_function(f"({MARKED})(document.querySelector('{LABELS}'))")
        phase(page, "running")
    phase(page, "completed")


@pytest.mark.parametrize("width", [1280, 390])
def test_methods_race_on_the_same_words(first: Served, visit: Visit, width: int) -> None:
    page = visit(first.url, width=width, height=844)
    phase(page, "completed")
    page.fill("#image-prompt textarea", "a big whale")
    page.click("#image-race")
    page.wait_for_selector(".omni-race[data-phase='completed']")
    lanes = page.locator(".omni-lane")
    expect(lanes).to_have_count(len(SAMPLERS))
    for lane, spec in zip(lanes.all(), SAMPLERS.values(), strict=True):
        expect(lane.locator("h2")).to_have_text(spec.label)
        expect(lane).to_contain_text("model calls")
    last = list(first.session.bus._runs.values())[-len(SAMPLERS) :]
    recipes = [run.ending.header["recipe"] for run in last if run.ending]
    assert {(r["prompt"], r["seed"]) for r in recipes} == {("a big whale", recipes[0]["seed"])}
    assert len({r["method"] for r in recipes}) == len(SAMPLERS)
    assert page.evaluate("document.documentElement.scrollWidth - window.innerWidth") <= 0
    page.get_by_role("button", name="Back to one picture").click()
    expect(page.locator(".omni-race")).to_be_hidden()
    expect(page.locator("#image-live .omni-live")).to_be_visible()
