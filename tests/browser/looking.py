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
