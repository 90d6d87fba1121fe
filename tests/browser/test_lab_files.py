"""Files and links of the Lab: traces, exports, and settings that come back."""

import re
from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import Browser, expect

from engine.inspection.trace_file import read_trace
from tests.browser.recording import STEPS, Visit, kept, lab, open_file, opened, record
from tests.page_server import Served

pytestmark = pytest.mark.browser


def test_a_trace_is_downloaded_and_opened_by_somebody_else(
    nano_site: Served, visit: Visit, tmp_path: Path
) -> None:
    page = lab(visit, nano_site)
    record(page, "a dog")
    opened(page)
    file = kept(page, "npz", tmp_path)
    trace = read_trace(file)
    assert trace.segments[0].num_steps == STEPS
    assert "entropy" in trace.segments[0].arrays

    other = lab(visit, nano_site)
    open_file(other, file)
    opened(other)
    other.locator("#lab-view .omni-plate-picture").click(position={"x": 10, "y": 10})
    expect(other.locator("#lab-view .omni-near")).to_contain_text("row 1, column 1")


def test_a_file_that_is_no_trace_is_refused_kindly(
    site: Served, visit: Visit, tmp_path: Path
) -> None:
    bad = tmp_path / "bad.npz"
    np.savez(bad, numbers=np.zeros(3))
    page = lab(visit, site)
    open_file(page, bad)
    expect(page.locator("#lab-upload-notice")).to_contain_text("trace")
    expect(page.locator("#lab-record")).to_be_visible()


def test_a_kept_run_opens_from_the_disk_and_restores_its_settings(
    nano_site: Served, visit: Visit, browser: Browser, tmp_path: Path
) -> None:
    page = lab(visit, nano_site)
    record(page, "three stars")
    opened(page)
    replay, strip = kept(page, "html", tmp_path), kept(page, "png", tmp_path)
    alone = browser.new_context(offline=True)
    errors: list[str] = []
    opened_file = alone.new_page()
    opened_file.on("pageerror", lambda error: errors.append(str(error)))
    opened_file.goto(replay.as_uri())
    expect(opened_file.locator("h1")).to_have_text("three stars")
    opened_file.get_by_role("button", name="Play").click()
    expect(opened_file.locator(".omni-look .omni-meta")).to_contain_text(re.compile("[2-5] / 6"))
    expect(opened_file.locator(".omni-look .omni-meta")).to_contain_text(f"{STEPS} / {STEPS}")
    alone.close()
    assert errors == []
    other = lab(visit, nano_site)
    open_file(other, strip)
    expect(other.locator("#lab-prompt textarea")).to_have_value("three stars")
    expect(other.locator("#lab-steps input[type=number]")).to_have_value(str(STEPS))


def test_a_file_that_is_dropped_is_opened(site: Served, visit: Visit, tmp_path: Path) -> None:
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


def test_a_link_fills_the_form_and_says_when_the_checkpoint_is_another(
    nano_site: Served, visit: Visit
) -> None:
    page = lab(visit, nano_site)
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
