"""Changing a picture in the Image tab, in a real browser: take it, paint over a part, draw."""

from base64 import b64encode
from collections.abc import Callable
from pathlib import Path

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
    page.get_by_role("button", name="Use the current picture").click()
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
    page.get_by_role("button", name="Clear mask").click()
    expect(hint).to_contain_text("Say above what to change")
    page.get_by_role("button", name="Remove").click()
    with another_run(page):
        page.click("#image-generate")
    phase(page, "completed")
    assert fake.requests[-1].inpainting is None
    assert all(part.image is None for part in fake.requests[-1].conversation.turns[-1].parts)


def test_a_picture_that_was_made_is_changed_with_one_click(
    site: Served, visit: Visit, fake: FakeEngine
) -> None:
    page = visit(f"{site.url}?tab=image")
    phase(page, "completed")
    page.locator("#image-live").get_by_role("button", name="Change it").click()
    expect(page.locator("#image-painter .omni-hint")).to_contain_text("Say above what to change")
    expect(page.locator("#image-prompt textarea")).to_be_focused()
    page.fill("#image-prompt textarea", "make it blue")
    with another_run(page):
        page.keyboard.press("Enter")
    phase(page, "completed")
    assert fake.requests[-1].conversation.turns[-1].parts[0].image is not None


def test_a_picture_that_is_dropped_anywhere_is_made_again(
    site: Served, visit: Visit, tmp_path: Path
) -> None:
    page = visit(f"{site.url}?tab=image")
    phase(page, "completed")
    with page.expect_download() as download:
        page.get_by_role("button", name="Download PNG").first.click()
    file = tmp_path / "ours.png"
    download.value.save_as(file)
    page.fill("#image-prompt textarea", "something else")
    page.get_by_role("tab", name="About").click()
    page.evaluate(
        """(content) => {
          const bytes = Uint8Array.from(atob(content), (c) => c.charCodeAt(0));
          const dataTransfer = new DataTransfer();
          dataTransfer.items.add(new File([bytes], "ours.png", { type: "image/png" }));
          document.body.dispatchEvent(
            new DragEvent("drop", { dataTransfer, bubbles: true, cancelable: true }),
          );
        }""",
        b64encode(file.read_bytes()).decode(),
    )
    dialog = page.locator("dialog.omni-dropped")
    expect(dialog).to_contain_text("a red heart above a dog")
    dialog.get_by_role("button", name="Make it again").click()
    page.wait_for_selector("#image-live .omni-live[data-run]", state="attached")
    phase(page, "completed")
    assert page.input_value("#image-prompt textarea") == "a red heart above a dog"
    expect(page.locator("#image-live .omni-recipe")).to_contain_text("seed 7")
