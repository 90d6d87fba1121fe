"""The Lab, used in a real browser: record, scrub, look at a token, save, open somebody's trace."""

import re

import pytest
from playwright.sync_api import Page, expect

from tests.browser.looking import phase
from tests.browser.recording import STEPS, Visit, lab, opened, record
from tests.page_server import Served

pytestmark = pytest.mark.browser


def test_a_recorded_picture_is_stepped_through_and_looked_into(nano_lab: Page) -> None:
    page = nano_lab
    record(page, "a red heart")
    opened(page)
    stage = page.locator("#lab-view .omni-plate")
    stage.focus()
    stage.press("Home")
    expect(page.locator("#lab-view .omni-look > .omni-meta")).to_contain_text(f"1 / {STEPS}")
    page.get_by_label("heat map").select_option("entropy")
    expect(page.locator("#lab-view .omni-legend")).to_contain_text("bits of doubt")
    plate = page.locator("#lab-view .omni-plate-picture")
    expect(plate).to_have_attribute("data-painted", "0.0.entropy")
    plate.click(position={"x": 10, "y": 10})
    near = page.locator("#lab-view .omni-near")
    expect(near).to_contain_text("row 1, column 1, step 1")
    assert near.locator(".omni-code").count() == 4
    assert near.locator(".omni-sample img").count() >= 8
    stage.press("Shift+ArrowRight")
    expect(near).to_contain_text("row 1, column 2, step 1")
    stage.press("ArrowRight")
    expect(near).to_contain_text("row 1, column 2, step 2")
    page.get_by_role("button", name="Play").click()
    expect(page.locator("#lab-view .omni-look > .omni-meta")).to_contain_text(f"{STEPS} / {STEPS}")
    expect(plate).to_have_attribute("data-painted", f"0.{STEPS - 1}.entropy")
    with page.expect_download() as started:
        page.get_by_role("button", name="Save this picture").click()
    assert started.value.suggested_filename == f"a-red-heart-seed-0-step-{STEPS}.png"


def test_words_show_their_way_through_the_vocabulary(nano_lab: Page) -> None:
    page = nano_lab
    record(page, "what can you do?", "write")
    page.wait_for_selector("#lab-view .omni-desk:visible")
    page.locator("#lab-view .omni-token").first.click()
    near = page.locator("#lab-view .omni-near")
    expect(near).to_contain_text("place 1")
    expect(near.locator("h4").first).to_have_text("What else was likely")
    assert near.locator(".omni-way polyline").count() == 1


def test_a_run_is_edited_and_goes_on_beside_the_first(nano_lab: Page, nano_site: Served) -> None:
    page = nano_lab
    record(page, "a cat")
    opened(page)
    cards = page.locator("#lab-view .omni-run-card")
    before = cards.count()
    stage = page.locator("#lab-view .omni-plate")
    stage.focus()
    for _ in range(4):
        stage.press("ArrowLeft")
    page.locator("#lab-view .omni-plate-picture").click(position={"x": 10, "y": 10})
    near = page.locator("#lab-view .omni-near")
    expect(near.locator("h3")).to_contain_text(f"step {STEPS - 4}")
    near.locator(".omni-code").first.locator(".omni-sample").nth(2).click()
    expect(near.locator(".omni-said")).to_contain_text("Held")
    expect(page.locator("#lab-view .omni-look > .omni-said")).to_contain_text("1 place changed")
    page.get_by_role("button", name="Run on from here").click()
    expect(cards).to_have_count(before + 1)
    expect(page.locator("#lab-view .omni-plate-picture")).to_have_count(2)
    expect(page.locator("#lab-view .omni-look > .omni-meta")).to_contain_text("4 / 4")
    expect(page.locator("#lab-view .omni-table tbody tr")).to_have_count(2)
    *_, trace = nano_site.session.traces.values()
    assert trace.request.start is not None
    assert trace.request.start.pinned.tolist() == [True] + [False] * 63
    states = trace.segments[0].arrays["x_t"]
    assert (states[:, 0] == trace.request.start.tokens[0]).all()


def test_the_path_is_drawn_before_it_is_run(nano_site: Served, visit: Visit) -> None:
    page = lab(visit, nano_site)
    page.get_by_text("Path and schedule").click()
    charts = page.locator("#lab-path-chart svg")
    expect(charts).to_have_count(3)
    before = page.inner_html("#lab-path-chart")
    page.locator("#lab-c input[type=number]").fill("8")
    page.locator("#lab-c input[type=number]").press("Tab")
    page.wait_for_function(
        "old => document.querySelector('#lab-path-chart').innerHTML !== old", arg=before
    )


def test_a_run_that_is_stopped_can_still_be_looked_into(site: Served, visit: Visit) -> None:
    page = lab(visit, site)
    page.fill("#lab-prompt textarea", "a big whale")
    page.locator("#lab-steps input[type=number]").fill("64")
    page.locator("#lab-steps input[type=number]").press("Tab")
    page.click("#lab-record")
    page.wait_for_selector("#lab-view .omni-bar.seen >> nth=2", state="attached")
    page.click("#lab-stop")
    page.wait_for_selector("#lab-view .omni-desk:visible")
    found = re.search(r"(\d+) / (\d+)", page.inner_text("#lab-view .omni-look > .omni-meta"))
    assert found is not None
    assert 2 < int(found[2]) < 64
    expect(page.locator("#lab-record")).to_be_visible()


def test_a_bad_form_is_refused_beside_its_control(site: Served, visit: Visit) -> None:
    page = lab(visit, site)
    page.fill("#lab-seed input", "minus one")
    page.click("#lab-record")
    expect(page.locator("#lab-settings-notice")).to_contain_text("eed")
    phase(page, "idle", "#lab-view")


def test_what_is_held_to_be_where_is_written_over_the_picture(lab_page: Page) -> None:
    page = lab_page
    record(page, "a red car")
    opened(page)
    page.get_by_label("heat map").select_option("belief")
    plate = page.locator("#lab-view .omni-plate-picture")
    expect(plate).to_have_attribute("data-painted", f"0.{STEPS - 1}.belief")
    page.wait_for_function(
        """() => {
            const canvas = document.querySelector('#lab-view .omni-plate-picture');
            const pen = canvas.getContext('2d');
            const white = (x) => [...pen.getImageData(x, 0, 96, 96).data]
              .filter((v, i) => i % 4 === 1 && v > 200).length;
            return white(0) > 50 && white(96) < 20;
        }"""
    )
    expect(page.locator("#lab-view .omni-legend")).to_contain_text("half-way through the network")
    plate.click(position={"x": 5, "y": 5})
    expect(page.locator("#lab-view .omni-near")).to_contain_text("red car, 75 % sure")


def test_a_recorded_film_is_looked_into_frame_by_frame(lab_page: Page) -> None:
    page = lab_page
    record(page, "a blue car moving to the left", "film")
    opened(page)
    runs = page.locator("#lab-view .omni-run-card")
    before = runs.count()
    frames = page.locator("#lab-view .omni-desk .omni-strip .omni-frame")
    expect(frames).to_have_count(8)
    frames.nth(3).click()
    expect(frames.nth(3)).to_have_class(re.compile("shown"))
    page.locator("#lab-view .omni-plate-picture").click(position={"x": 10, "y": 10})
    near = page.locator("#lab-view .omni-near")
    expect(near).to_contain_text("frame 4, row 1, column 1, step 6")
    stage = page.locator("#lab-view .omni-plate")
    stage.focus()
    stage.press("PageDown")
    expect(near).to_contain_text("frame 5, row 1, column 1, step 6")
    stage.press("ArrowLeft")
    expect(near).to_contain_text("frame 5, row 1, column 1, step 5")
    near.locator(".omni-sample").nth(1).click()
    page.get_by_role("button", name="Run on from here").click()
    expect(runs).to_have_count(before + 1)
    with page.expect_download() as started:
        page.get_by_role("button", name="Save these frames").click()
    assert started.value.suggested_filename.startswith("a-blue-car-moving-to-the-left-seed-0-step")


def test_methods_are_put_side_by_side_in_lockstep(lab_page: Page) -> None:
    page = lab_page
    page.fill("#lab-prompt textarea", "a big whale")
    page.locator("#lab-steps input[type=number]").fill(str(STEPS))
    page.locator("#lab-steps input[type=number]").press("Tab")
    page.get_by_text("Side by side").click()
    page.click("#lab-compare-run")
    expect(page.locator("#lab-view .omni-forming")).to_have_count(4)
    expect(page.locator("#lab-view .omni-plate-picture")).to_have_count(4)
    rows = page.locator("#lab-view .omni-table tbody tr")
    expect(rows).to_have_count(4)
    assert [row.split("\t")[0] for row in rows.all_inner_texts()] == [
        "euler",
        "midpoint",
        "masked",
        "autoregressive",
    ]
    stage = page.locator("#lab-view .omni-plate")
    stage.focus()
    stage.press("Home")
    captions = page.locator("#lab-view .omni-caption")
    expect(captions.first).to_contain_text(f"step 1 of {STEPS}")
    expect(captions.last).to_contain_text(f"step 1 of {STEPS}")
    stage.press("ArrowRight")
    expect(captions.last).to_contain_text(f"step 2 of {STEPS}")
