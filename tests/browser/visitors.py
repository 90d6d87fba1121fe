"""The pages that tests open, and the one that stays open from a test to the next."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

from playwright.sync_api import BrowserContext, Page

from tests.page_server import PATIENCE_S

PATIENCE_MS = round(1000 * PATIENCE_S)
COUNT_DECODING = """() => {
  window.decoding = 0;
  const decode = window.createImageBitmap;
  window.createImageBitmap = async (...given) => {
    window.decoding += 1;
    try {
      return await decode.call(window, ...given);
    } finally {
      window.decoding -= 1;
    }
  };
}"""
"""Counts the pictures that are being decoded, see `tests.browser.looking.drawn`."""
LOCAL = ("http://127.0.0.1:", "ws://127.0.0.1:", "data:", "blob:")


@dataclass
class Visitor:
    """One open page, and what it asked for and threw since it was last looked at."""

    page: Page
    address: str
    requested: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)

    def check(self) -> None:
        """Fail where the page left 127.0.0.1 or threw; what is said once is not said again."""
        foreign = [url for url in self.requested if not url.startswith(LOCAL)]
        errors = list(self.errors)
        self.requested.clear()
        self.errors.clear()
        assert not foreign, f"asked another host for {foreign}"
        assert not errors, f"threw {errors}"


@dataclass
class Visitors:
    """Opens pages of one browser context. At most one stays open after its test."""

    context: BrowserContext
    kept: Visitor | None = None

    def open(
        self,
        address: str,
        *,
        width: int = 1280,
        height: int = 900,
        color_scheme: Literal["dark", "light"] = "light",
        reduced_motion: Literal["reduce", "no-preference"] = "no-preference",
    ) -> Visitor:
        """A page that nobody has used."""
        page = self.context.new_page()
        visitor = Visitor(page, address)
        page.add_init_script(f"({COUNT_DECODING})()")
        page.set_viewport_size({"width": width, "height": height})
        page.emulate_media(color_scheme=color_scheme, reduced_motion=reduced_motion)
        page.set_default_timeout(PATIENCE_MS)
        page.on("request", lambda request: visitor.requested.append(request.url))
        page.on("websocket", lambda socket: visitor.requested.append(socket.url))
        page.on("pageerror", lambda error: visitor.errors.append(str(error)))
        page.goto(address)
        page.wait_for_selector("#header h1")
        assert visitor.requested
        return visitor

    def borrow(
        self, address: str, begin: Callable[[Page], None], renew: Callable[[Page], None]
    ) -> Visitor:
        """The kept page where it is of that address, as `renew` leaves it; or else a new one, which
        is kept in its place, after `begin`."""
        if self.kept and self.kept.address == address:
            renew(self.kept.page)
            return self.kept
        self.drop()
        self.kept = self.open(address)
        begin(self.kept.page)
        return self.kept

    def drop(self) -> None:
        """Keep no page."""
        if self.kept:
            self.kept.page.close()
        self.kept = None
