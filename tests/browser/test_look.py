"""Light and dark, narrow and wide: the page fits and can be read."""

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests.browser.looking import phase
from tests.page_server import Served

pytestmark = pytest.mark.browser
Visit = Callable[..., Page]


def overflow(page: Page) -> int:
    """How many pixels the page is wider than its window."""
    return page.evaluate("document.documentElement.scrollWidth - window.innerWidth")


def luminance(page: Page) -> float:
    """Of the page's background, 0 to 255."""
    colour = page.evaluate("getComputedStyle(document.body).backgroundColor")
    red, green, blue = (float(c) for c in colour.strip("rgba()").split(",")[:3])
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


@pytest.mark.parametrize("tab", ["image", "chat", "about"])
def test_390_pixels_are_enough(site: Served, visit: Visit, tab: str) -> None:
    page = visit(f"{site.url}?tab={tab}", width=390, height=844)
    inside = {"image": "#image-generate", "chat": ".omni-welcome", "about": ".omni-about"}[tab]
    page.wait_for_selector(inside)
    if tab == "image":
        phase(page, "completed")
    assert overflow(page) <= 0
    for name in ("Image", "Chat", "Speech", "Video", "Gallery", "Lab", "About"):
        expect(page.get_by_role("tab", name=name)).to_be_visible()
    expect(page.get_by_role("tab", name=tab)).to_be_in_viewport(ratio=0.8)


def test_dark_mode_follows_the_system_and_the_switch(site: Served, visit: Visit) -> None:
    page = visit(site.url, color_scheme="dark")
    assert luminance(page) < 60
    page.click(".omni-theme")
    assert luminance(page) > 200
    page.reload()
    page.wait_for_selector(".omni-theme")
    page.wait_for_function("!document.body.classList.contains('dark')")
    page.click(".omni-theme")
    assert luminance(page) < 60
    page.evaluate("localStorage.clear()")
    assert luminance(visit(site.url, color_scheme="light")) > 200


def test_fonts_are_the_systems_own(site: Served, visit: Visit) -> None:
    page = visit(site.url)
    family = page.evaluate("getComputedStyle(document.body).fontFamily")
    assert "system-ui" in family


def test_the_open_tab_survives_a_reload(site: Served, visit: Visit) -> None:
    page = visit(f"{site.url}?tab=chat&seed=7")
    expect(page.get_by_role("tab", name="Chat")).to_have_attribute("aria-selected", "true")
    page.get_by_role("tab", name="About").click()
    page.reload()
    page.wait_for_selector(".omni-about")
    expect(page.get_by_role("tab", name="About")).to_have_attribute("aria-selected", "true")
