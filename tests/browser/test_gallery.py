"""The Gallery tab in a real browser: search, the card, the map, what is kept, and the way out."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.looking import phase
from tests.browser.test_look import overflow
from tests.fake_engine import FakeEngine
from tests.gallery_pack import write_pack
from tests.page_server import Served, served
from tests.retrieval.making import media_folder

pytestmark = pytest.mark.browser
Visit = Callable[..., Page]
ITEMS = 10
"""Items in the folder that is found."""


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    pack = write_pack(tmp_path_factory.mktemp("gallery") / "pack")
    with served(FakeEngine(step_s=0.01, finds=True), pack=pack) as running:
        running.session.library.shipped.embed()
        yield running


@pytest.fixture
def tab(found: Served, borrow: Callable[..., Page]) -> Page:
    """The Gallery tab as it is at first: a little of everything, as a wall."""
    return borrow(f"{found.url}?tab=gallery", opened, as_first)


def as_first(page: Page) -> None:
    """Nothing is asked for, nothing is open, and the window is wide."""
    page.set_viewport_size({"width": 1280, "height": 900})
    if card(page).count():
        page.keyboard.press("Escape")
        expect(card(page)).to_have_count(0)
    page.get_by_role("tab", name="Gallery").click()
    page.get_by_role("button", name="Wall", exact=True).click()
    with page.expect_response(lambda answer: "/search" in answer.url):
        page.get_by_role("button", name="Shuffle").click()
    expect(page.locator("#gallery .omni-found")).to_have_text("A little of everything.")
    expect(page.locator("#gallery .omni-item")).to_have_count(ITEMS)


def opened(page: Page) -> Page:
    page.wait_for_selector("#gallery .omni-item")
    return page


def looked_for(page: Page, words: str) -> Locator:
    """Types, and waits for what is found: the tiles, best first."""
    page.fill("#gallery .omni-query", "")
    expect(page.locator("#gallery .omni-found")).to_have_text("A little of everything.")
    page.locator("#gallery .omni-query").press_sequentially(words)
    expect(page.locator("#gallery .omni-found")).to_contain_text("results in")
    return page.locator("#gallery .omni-item")


def card(page: Page) -> Locator:
    return page.locator("#gallery .omni-card[open]")


def do(page: Page, name: str) -> None:
    card(page).get_by_role("button", name=name, exact=True).click()


def test_what_is_typed_is_found_and_explained(tab: Page) -> None:
    tiles = looked_for(tab, "blue whale")
    expect(tiles.first.locator(".omni-score")).to_contain_text("0.")
    expect(tiles.first).to_contain_text("a blue whale")
    shown = tiles.filter(has=tab.locator("img")).first
    shown.locator(".omni-open").click()
    do(tab, "Why?")
    expect(card(tab).locator(".omni-tinted .omni-word")).to_have_text(["blue", "whale"])
    expect(card(tab).locator(".omni-veil i")).to_have_count(16)


def test_more_like_this_and_then_in_words(tab: Page) -> None:
    tab.get_by_role("button", name="picture: a red heart").click()
    do(tab, "More like this")
    expect(card(tab)).to_have_count(0)
    expect(tab.locator(".omni-given img")).to_have_count(1)
    expect(tab.locator("#gallery .omni-found")).to_contain_text("results in")
    expect(tab.get_by_role("button", name="picture: a red heart")).to_have_count(0)
    alone = tab.locator("#gallery .omni-item").first.inner_text()
    tab.fill(".omni-query", "green")
    expect(tab.locator("#gallery .omni-item").first).not_to_have_text(alone)
    tab.get_by_role("button", name="take away what is given").click()
    expect(tab.get_by_role("button", name="picture: a red heart")).to_have_count(1)


def test_filters_leave_one_kind(tab: Page) -> None:
    tab.locator(".omni-filter[data-value=audio]").click()
    expect(tab.locator("#gallery .omni-item")).to_have_count(1)
    tab.get_by_role("button", name="play: the sound of rain").click()
    expect(tab.locator(".omni-sounds.playing")).to_have_count(1)
    tab.locator(".omni-filter[data-value=audio]").click()
    expect(tab.locator("#gallery .omni-item")).to_have_count(ITEMS)


def test_a_file_is_looked_for_and_a_broken_one_is_a_sentence(tab: Page, found: Served) -> None:
    folder = found.session.library.shipped.folder
    tab.set_input_files("#gallery input[type=file]", folder / "2.png")
    expect(tab.locator(".omni-given img")).to_have_count(1)
    expect(tab.locator("#gallery .omni-item").first).to_contain_text("a blue whale")
    broken = {"name": "cat.png", "mimeType": "image/png", "buffer": b"no picture"}
    tab.set_input_files("#gallery input[type=file]", broken)
    expect(tab.locator(".omni-found.bad")).to_contain_text("Cat.png is not a picture")
    expect(tab.locator(".omni-given img")).to_have_count(1)


def test_the_map_is_walked_with_the_keyboard(tab: Page) -> None:
    tab.get_by_role("button", name="Map", exact=True).click()
    expect(tab.locator(".omni-below")).to_contain_text("Drag and zoom")
    tab.focus(".omni-chart")
    tab.keyboard.press("ArrowLeft")
    first = tab.locator(".omni-hover").inner_text()
    for key in ("ArrowLeft", "ArrowRight", "ArrowUp", "ArrowDown", "+"):
        tab.keyboard.press(key)
    expect(tab.locator(".omni-hover p")).not_to_be_empty()
    assert first
    tab.keyboard.press("Enter")
    expect(card(tab)).to_have_count(1)
    tab.keyboard.press("Escape")
    expect(card(tab)).to_have_count(0)


def test_what_was_made_is_kept_for_its_visitor_alone(found: Served, visit: Visit) -> None:
    page = visit(found.url)
    page.fill("#image-prompt textarea", "three yellow stars")
    page.click("#image-generate")
    phase(page, "completed")
    page.get_by_role("button", name="Save to gallery").click()
    expect(page.locator("#image-live")).to_contain_text("Saved")
    page.get_by_role("tab", name="Gallery").click()
    expect(opened(page).locator(".omni-mine")).to_have_count(1)
    mine = page.locator("#gallery .omni-item").first
    expect(mine).to_contain_text("three yellow stars")
    other = opened(visit(f"{found.url}?tab=gallery"))
    assert other.locator(".omni-mine").count() == 0
    mine.locator(".omni-open").click()
    expect(card(page)).to_contain_text("kept by you")
    do(page, "Take it out")
    expect(page.locator(".omni-mine")).to_have_count(0)


def test_from_a_card_into_the_chat_and_into_a_prompt(tab: Page) -> None:
    tab.get_by_role("button", name="picture: a red heart").click()
    do(tab, "Make a picture like this")
    expect(tab.locator("#image-prompt textarea")).to_have_value("a red heart")
    tab.get_by_role("tab", name="Gallery").click()
    tab.get_by_role("button", name="picture: a blue whale").click()
    do(tab, "Send to chat")
    tab.wait_for_selector("#chat-message .thumbnail-item, #chat-message .thumbnail-image")
    expect(tab.locator("#chat-talk")).to_be_visible()


def test_a_checkpoint_that_does_not_find_says_so(site: Served, visit: Visit) -> None:
    page = opened(visit(f"{site.url}?tab=gallery"))
    expect(page.locator("#gallery .omni-notes")).to_contain_text("was not trained to find")
    tiles = looked_for(page, "car night")
    expect(tiles.first.locator(".omni-score")).to_have_text("100 %")
    assert page.get_by_role("button", name="Map", exact=True).is_disabled()


def test_390_pixels_are_enough_for_the_gallery(tab: Page) -> None:
    page = tab
    page.set_viewport_size({"width": 390, "height": 844})
    assert overflow(page) <= 0
    page.locator("#gallery .omni-item .omni-open").first.click()
    expect(card(page)).to_have_count(1)
    assert overflow(page) <= 0


def test_a_folder_of_ones_own_is_added_while_the_page_runs(visit: Visit, tmp_path: Path) -> None:
    pack, mine = write_pack(tmp_path / "pack"), media_folder(tmp_path / "mine")
    engine = FakeEngine(step_s=0.01, finds=True)
    with served(engine, pack=pack, own=tmp_path / "own") as running:
        running.session.library.shipped.embed()
        page = opened(visit(f"{running.url}?tab=gallery"))
        before = page.locator("#gallery .omni-item").count()
        page.get_by_role("button", name="Your own folder").click()
        for path, says in (
            (tmp_path / "nowhere", "check the path"),
            (mine, "5 added, 0 known already, 1 left out"),
        ):
            page.fill("#gallery-own-path input, #gallery-own-path textarea", str(path))
            page.click("#gallery-own-add")
            expect(page.locator("#gallery-own-report")).to_contain_text(says)
        expect(page.locator("#gallery-own-report li")).to_contain_text("broken.png")
        expect(page.locator("#gallery .omni-item")).to_have_count(before + 5)
        page.close()
