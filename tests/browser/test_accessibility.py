"""No tab, by day or by night, breaks a rule of axe (WCAG and best practices)."""

from collections.abc import Callable

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page

from tests.browser.looking import phase
from tests.page_server import Served

Visit = Callable[..., Page]
TABS = ("Image", "Chat", "Speech", "Video", "Gallery", "Lab", "About")


def broken(page: Page) -> list[str]:
    """Return the rules that the page breaks, each with the elements that do."""
    found = Axe().run(page).response["violations"]
    return [f"{one['id']}: {[node['target'] for node in one['nodes']]}" for one in found]


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_every_tab_can_be_read_by_everybody(site: Served, visit: Visit, dark: bool) -> None:
    page = visit(site.url, color_scheme="dark" if dark else "light")
    phase(page, "completed")
    failed = {}
    for tab in TABS:
        page.get_by_role("tab", name=tab, exact=True).click()
        page.wait_for_selector(f"[role=tab][aria-selected=true]:text-is('{tab}')")
        if rules := broken(page):
            failed[tab] = rules
    assert not failed
    page.evaluate("document.querySelector('.omni-about').append(new Image())")
    assert any(rule.startswith("image-alt") for rule in broken(page)), "axe looks"
