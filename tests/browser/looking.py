"""What the browser tests look at."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Page, expect

from tests.fake_engine import Gate

NANO = Path(__file__).resolve().parents[2] / "assets/nano"
"""The embedded checkpoint."""


FOLLOWS_ANOTHER = """([view, before]) => {
  const run = document.querySelector(view)?.dataset.run;
  return run && run !== before;
}"""


def phase(page: Page, wanted: str, within: str = "#image-live") -> None:
    """Wait until the live view is in that phase."""
    page.wait_for_selector(f"{within} .omni-live[data-phase='{wanted}']", state="attached")


@contextmanager
def another_run(page: Page, within: str = "#image-live") -> Iterator[None]:
    """Wait until the view follows another run than before: `running` may be over before one
    looks."""
    view = page.locator(f"{within} .omni-live")
    before = view.get_attribute("data-run")
    yield
    page.wait_for_function(FOLLOWS_ANOTHER, arg=[f"{within} .omni-live", before])


def formed(page: Page, gate: Gate, canvas: str, count: int) -> list[str]:
    """The pixels of the first predictions of a run: each is painted before the next is made."""
    found: list[str] = []
    for step in range(1, count + 1):
        expect(page.locator(canvas)).to_have_attribute("data-painted", str(step))
        found.append(page.eval_on_selector(canvas, "canvas => canvas.toDataURL()"))
        gate.step()
    return found


def drawn(page: Page) -> None:
    """Wait until every picture that has come is painted."""
    page.wait_for_function("window.decoding === 0")


def picture(page: Page, within: str = "#image-live") -> str:
    """The pixels of the prediction, as text."""
    return page.eval_on_selector(
        f"{within} .omni-large .omni-canvas", "canvas => canvas.toDataURL()"
    )


def generate(page: Page, prompt: str) -> None:
    """Ask the Image tab for a picture."""
    page.fill("#image-prompt textarea", prompt)
    page.click("#image-generate")


FRAMES = """(wanted) => new Promise((resolve, reject) => {
  const found = new Set(), begun = performance.now();
  const look = () => {
    const over = document.querySelector(`#image-live .omni-live[data-phase='${wanted}']`);
    const canvas = document.querySelector('#image-live .omni-large .omni-canvas');
    if (canvas) found.add(canvas.toDataURL());
    if (over) resolve([...found]);
    else if (performance.now() - begun > 60000) reject(new Error(`not ${wanted} in a minute`));
    else requestAnimationFrame(look);
  };
  look();
})"""


def frames_until(page: Page, wanted: str) -> list[str]:
    """Every different picture of the large panel shown until the live view reaches that phase:
    looked at in the page with every frame it draws, so that a busy machine misses none."""
    return list(page.evaluate(FRAMES, wanted))
