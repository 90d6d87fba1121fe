"""What the browser tests look at."""

from pathlib import Path

from playwright.sync_api import Page

NANO = Path(__file__).resolve().parents[2] / "assets/nano"
"""The embedded checkpoint."""


def phase(page: Page, wanted: str, within: str = "#image-live") -> None:
    """Wait until the live view is in that phase."""
    page.wait_for_selector(f"{within} .omni-live[data-phase='{wanted}']", state="attached")


def drawn(page: Page) -> None:
    """Wait until every picture that has come is painted."""
    page.wait_for_function("window.decoding === 0")


def picture(page: Page, within: str = "#image-live") -> str:
    """The pixels of the prediction, as text."""
    return page.eval_on_selector(
        f"{within} .omni-large .omni-canvas", "canvas => canvas.toDataURL()"
    )
