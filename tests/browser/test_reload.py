"""A reload, or a server that is started anew, loses no words, no settings and no conversation."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from tests.browser.looking import phase
from tests.browser.talking import answered, say, welcomed, words
from tests.browser.visitors import Visitors
from tests.fake_engine import FakeEngine
from tests.page_server import Served, free_port, served

pytestmark = pytest.mark.browser


@pytest.fixture
def own_context(browser: Browser) -> Iterator[BrowserContext]:
    """A browser that keeps what pages want kept."""
    found = browser.new_context()
    yield found
    found.close()


def filled(page: Page) -> tuple[str, ...]:
    fields = ("#image-prompt textarea", "#image-steps input[type=number]", "#image-seed input")
    return tuple(page.input_value(field) for field in fields)


def test_a_conversation_and_a_form_survive_a_reload(
    site: Served, own_context: BrowserContext
) -> None:
    page = Visitors(own_context).open(f"{site.url}?tab=chat").page
    say(page, "hello")
    answered(page, 1)
    say(page, "what is the weather?")
    answered(page, 2)
    said = words(page)
    page.get_by_label("Think first").check()
    page.get_by_role("tab", name="Image").click()
    page.fill("#image-prompt textarea", "a whale at night")
    page.fill("#image-steps input[type=number]", "11")
    page.press("#image-steps input[type=number]", "Tab")
    page.fill("#image-seed input", "1234")
    page.press("#image-seed input", "Tab")
    page.reload()
    expect(page.locator("#image-prompt textarea")).to_have_value("a whale at night")
    assert filled(page) == ("a whale at night", "11", "1234")
    page.get_by_role("tab", name="Chat").click()
    expect(page.locator(".omni-turns > .omni-turn.user")).to_have_count(2)
    assert words(page) == said
    expect(page.get_by_label("Think first")).to_be_checked()
    say(page, "and tomorrow?")
    answered(page, 3)
    page.click("#chat-clear")
    welcomed(page)
    page.reload()
    welcomed(page)
    expect(page.locator(".omni-turns > .omni-turn.user")).to_have_count(0)


def test_a_server_that_is_started_anew_finds_everything_as_it_was(
    own_context: BrowserContext,
) -> None:
    port = free_port()
    with served(FakeEngine(step_s=0.3), port=port) as running:
        page = Visitors(own_context).open(f"{running.url}?tab=image").page
        page.fill("#image-prompt textarea", "a whale at night")
        page.click("#image-generate")
        phase(page, "running")
        before = filled(page)
    status = page.locator("#image-live .omni-status")
    expect(status).to_contain_text("does not answer any more")
    with served(FakeEngine(step_s=0.0), port=port):
        expect(status).to_contain_text("The page was started anew while this formed")
        assert filled(page) == before
        page.click("#image-generate")
        phase(page, "completed")
        assert filled(page) == before
