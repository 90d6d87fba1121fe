"""Changing a picture in the Image tab, in a real browser: take it, paint over a part, draw."""

from collections.abc import Callable

from playwright.sync_api import Page, expect

from tests.browser.looking import another_run, phase
from tests.fake_engine import FakeEngine
from tests.page_server import Served

Visit = Callable[..., Page]


def test_a_part_of_the_picture_on_the_page_is_painted_and_made_anew(
    site: Served, visit: Visit, fake: FakeEngine
) -> None:
    page = visit(site.url, height=1250)
    phase(page, "completed")
    page.get_by_text("Change a picture").click()
    page.get_by_role("button", name="Take the one on the page").click()
    hint = page.locator("#image-painter .omni-hint")
    expect(hint).to_contain_text("Say above what to change")
    canvas = page.locator("#image-painter canvas")
    box = canvas.bounding_box()
    assert box is not None
    cell = box["width"] / 8
    page.mouse.move(box["x"] + cell / 2, box["y"] + cell / 2)
    page.mouse.down()
    page.mouse.move(box["x"] + 2.5 * cell, box["y"] + cell / 2, steps=8)
    page.mouse.up()
    expect(hint).to_contain_text("Only 3 patches may change")
    page.fill("#image-prompt textarea", "a cat")
    with another_run(page):
        page.click("#image-generate")
    phase(page, "completed")
    inpainting = fake.requests[-1].inpainting
    assert inpainting is not None
    assert inpainting.mask.mean() == 3 / 64
    assert bool(inpainting.mask[0, 0])
    canvas.focus()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Space")
    expect(hint).to_contain_text("Only 4 patches may change")
    page.get_by_role("button", name="Unpaint").click()
    expect(hint).to_contain_text("Say above what to change")
    page.get_by_role("button", name="Remove").click()
    with another_run(page):
        page.click("#image-generate")
    phase(page, "completed")
    assert fake.requests[-1].inpainting is None
    assert all(part.image is None for part in fake.requests[-1].conversation.turns[-1].parts)
