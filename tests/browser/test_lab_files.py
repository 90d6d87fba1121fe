"""Files and links of the Lab: traces, exports, and settings that come back."""

import re
from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import Browser, Page, expect

from engine.inspection.trace_file import read_trace
from tests.browser.recording import STEPS, Visit, kept, lab, open_file, opened, record
from tests.page_server import Served

pytestmark = pytest.mark.browser


def test_a_file_that_is_no_trace_is_refused_kindly(lab_page: Page, tmp_path: Path) -> None:
    bad = tmp_path / "bad.npz"
    np.savez(bad, numbers=np.zeros(3))
    open_file(lab_page, bad)
    expect(lab_page.locator("#lab-upload-notice")).to_contain_text("trace")
    expect(lab_page.locator("#lab-record")).to_be_visible()


def test_a_file_that_is_dropped_is_opened(site: Served, visit: Visit) -> None:
    page = lab(visit, site)
    transfer = page.evaluate_handle(
        """() => {
            const files = new DataTransfer();
            files.items.add(new File(["nothing"], "dropped.npz"));
            return files;
        }"""
    )
    page.dispatch_event("#lab-view .omni-lab", "drop", {"dataTransfer": transfer})
    expect(page.locator("#lab-upload-notice")).to_contain_text("not a whole trace")


def test_a_kept_run_opens_from_the_disk_and_in_the_page_of_somebody_else(
    nano_lab: Page, nano_site: Served, visit: Visit, browser: Browser, tmp_path: Path
) -> None:
    record(nano_lab, "three stars")
    opened(nano_lab)
    replay, strip, file = (kept(nano_lab, kind, tmp_path) for kind in ("html", "png", "npz"))
    trace = read_trace(file)
    assert trace.segments[0].num_steps == STEPS
    assert "entropy" in trace.segments[0].arrays

    alone = browser.new_context(offline=True)
    errors: list[str] = []
    page = alone.new_page()
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.goto(replay.as_uri())
    expect(page.locator("h1")).to_have_text("three stars")
    page.get_by_role("button", name="Play").click()
    expect(page.locator(".omni-look .omni-meta")).to_contain_text(re.compile("[2-5] / 6"))
    expect(page.locator(".omni-look .omni-meta")).to_contain_text(f"{STEPS} / {STEPS}")
    alone.close()
    assert errors == []

    other = lab(visit, nano_site)
    open_file(other, strip)
    expect(other.locator("#lab-prompt textarea")).to_have_value("three stars")
    expect(other.locator("#lab-steps input[type=number]")).to_have_value(str(STEPS))
    runs = other.locator("#lab-view .omni-run-card")
    before = runs.count()
    open_file(other, file)
    expect(runs).to_have_count(before + 1)
    opened(other)
    other.locator("#lab-view .omni-plate-picture").click(position={"x": 10, "y": 10})
    expect(other.locator("#lab-view .omni-near")).to_contain_text("row 1, column 1")


def test_a_link_fills_the_form_and_says_when_the_checkpoint_is_another(
    nano_lab: Page, nano_site: Served, visit: Visit
) -> None:
    page = nano_lab
    record(page, "a blue car")
    opened(page)
    page.get_by_role("button", name="Copy link").click()
    link = page.locator("[data-link]").get_attribute("data-link")
    assert link is not None
    again = visit(link)
    expect(again.locator("#lab-prompt textarea")).to_have_value("a blue car")
    expect(again.locator("#lab-settings-notice")).to_be_empty()
    opened(again)
    digest = str(nano_site.session.engine.info()["digest"])
    other = visit(link.replace(digest, "abcdef123456"))
    expect(other.locator("#lab-settings-notice")).to_contain_text("another checkpoint")
