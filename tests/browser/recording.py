"""Steps and states that the tests of the Lab share."""

from collections.abc import Callable
from pathlib import Path

from playwright.sync_api import Page, expect

from tests.page_server import Served

Visit = Callable[..., Page]
STEPS = 6


def lab(visit: Visit, served_page: Served) -> Page:
    page = visit(served_page.url)
    page.get_by_role("tab", name="Lab").click()
    return page


def begin(page: Page) -> None:
    """Wait for the Lab."""
    expect(page.locator("#lab-record")).to_be_visible()


def renew(page: Page) -> None:
    """The controls that a test may have changed are as they were when the page opened; the runs
    of before stay in the tray."""
    begin(page)
    page.fill("#lab-seed input", "0")
    page.get_by_label("draw", exact=True).check()
    heat = page.get_by_label("heat map")
    if heat.is_visible():
        heat.select_option(index=0)


def record(page: Page, prompt: str, kind: str = "draw") -> None:
    """Record a run, and wait until it is open beside those of before."""
    runs = page.locator("#lab-view .omni-run-card")
    before = runs.count()
    page.fill("#lab-prompt textarea", prompt)
    page.get_by_label(kind, exact=True).check()
    page.locator("#lab-steps input[type=number]").fill(str(STEPS))
    page.locator("#lab-steps input[type=number]").press("Tab")
    page.click("#lab-record")
    expect(runs).to_have_count(before + 1)


def open_file(page: Page, file: Path) -> None:
    with page.expect_file_chooser() as chooser:
        page.click("#lab-upload")
    chooser.value.set_files(file)


def kept(page: Page, kind: str, folder: Path) -> Path:
    """The run that is shown, downloaded as that."""
    with page.expect_download() as started:
        page.get_by_label("keep this run as").select_option(kind)
    file = folder / f"run.{kind}"
    started.value.save_as(file)
    return file


def opened(page: Page) -> None:
    page.wait_for_selector("#lab-view .omni-desk:visible")
    expect(page.locator("#lab-view .omni-look > .omni-meta")).to_contain_text(f"{STEPS} / {STEPS}")
