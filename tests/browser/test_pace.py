"""The steps of a picture are seen, at the pace that the visitor chose; what was never learned is
said before anything is drawn."""

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from app.page import FIRST_RUN
from tests.browser.looking import NANO, frames_until, generate, phase
from tests.fake_engine import FakeEngine
from tests.page_server import Served, served

pytestmark = pytest.mark.browser
Visit = Callable[..., Page]


def test_the_recorded_picture_is_seen_to_form(fake: FakeEngine, visit: Visit) -> None:
    """The states of nearly all steps are painted; the prediction stays as it is towards the end."""
    with served(fake, FIRST_RUN) as running:
        page = visit(running.url)
        frames = frames_until(page, "completed")
    assert len(frames) >= 14


@pytest.mark.skipif(not NANO.exists(), reason="there is no embedded checkpoint")
def test_every_step_of_a_live_picture_is_seen(nano_site: Served, visit: Visit) -> None:
    """At the slow pace, which a page has at first: the state at 14 of 16 steps or more."""
    page = visit(nano_site.url)
    phase(page, "idle")
    generate(page, "a red heart above a dog")
    frames = frames_until(page, "completed")
    assert len(frames) >= 14
    assert page.locator("#image-live .omni-bar.seen").count() == 16


def test_steps_are_shown_by_hand(site: Served, visit: Visit) -> None:
    """The pace is remembered; what is not shown yet can be shown at once."""
    page = visit(site.url)
    phase(page, "completed")
    view = page.locator("#image-live")
    view.get_by_role("button", name="step", exact=True).click()
    page.reload()
    phase(page, "completed")
    generate(page, "a red heart above a dog")
    phase(page, "showing")
    expect(view.locator(".omni-meta")).to_contain_text("1 / ")
    view.get_by_role("button", name="Next step").click()
    expect(view.locator(".omni-meta")).to_contain_text("2 / ")
    view.get_by_role("button", name="Show the end").click()
    phase(page, "completed")
    view.get_by_role("button", name="slow", exact=True).click()


@pytest.mark.skipif(not NANO.exists(), reason="there is no embedded checkpoint")
@pytest.mark.parametrize("tab", ["image", "video"])
def test_what_it_never_learned_is_said_before_it_is_drawn(
    nano_site: Served, visit: Visit, tab: str
) -> None:
    page = visit(f"{nano_site.url}?tab={tab}")
    phase(page, "idle", f"#{tab}-live")
    page.fill(f"#{tab}-prompt textarea", "a wolf in the sky")
    page.click(f"#{tab}-generate")
    expect(page.locator(f"#{tab}-prompt-notice")).to_contain_text(
        "I never learned “wolf”. Nearest: dog, fox. Ask again to have it drawn anyway."
    )
    phase(page, "idle", f"#{tab}-live")
    page.locator(f"#{tab}-prompt textarea").press("Enter")
    page.wait_for_selector(f"#{tab}-live .omni-live[data-run]")
    expect(page.locator(f"#{tab}-prompt-notice")).to_have_text("")
    page.click(f"#{tab}-stop")
