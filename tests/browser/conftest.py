"""A real headless Chromium, and the page behind it. A missing browser fails; it never skips."""

import json
import shutil
from collections.abc import Callable, Iterator
from typing import Literal

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

from app.record import record
from engine.api.conversation import Conversation
from engine.api.request import Modality, Request
from engine.api.sampling import Sampling
from engine.engine import Engine
from tests.browser.looking import NANO
from tests.fake_engine import FakeEngine
from tests.page_server import PATIENCE_S, Served, served

ARGUMENTS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--disable-background-networking",
    "--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream",
]  # fmt: skip
CHROMIUM = ("chromium-headless-shell", "chromium", "chromium-browser")
"""Programs that will do; the first has no windows and needs a third less of a processor."""
PATIENCE_MS = round(1000 * PATIENCE_S)
expect.set_options(timeout=PATIENCE_MS)
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


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    path = next(filter(None, map(shutil.which, CHROMIUM)), None)
    if path is None:
        pytest.fail("there is no chromium on PATH: install it (apt-get install chromium)")
    with sync_playwright() as playwright:
        found = playwright.chromium.launch(executable_path=path, args=ARGUMENTS)
        yield found
        found.close()


@pytest.fixture(scope="package")
def fake() -> FakeEngine:
    return FakeEngine(step_s=0.06)


@pytest.fixture(scope="package")
def site(fake: FakeEngine, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    request = Request(
        Conversation.ask("a red heart above a dog"),
        Modality.IMAGE,
        Sampling(steps=8, guidance_scale=3.0, transition="midpoint", seed=7),
    )
    trace = tmp_path_factory.mktemp("trace") / "first.json"
    trace.write_text(json.dumps(record(FakeEngine(step_s=0.03).generate, request)))
    with served(fake, trace) as running:
        yield running


@pytest.fixture(scope="package")
def nano_site() -> Iterator[Served]:
    """The page with the embedded checkpoint."""
    with served(Engine.load(NANO, "cpu")) as running:
        yield running


@pytest.fixture(scope="package")
def context(browser: Browser) -> Iterator[BrowserContext]:
    """One for all tests: Gradio's scripts are fetched once. The page stores the theme and the
    pace alone."""
    found = browser.new_context()
    yield found
    stored = found.storage_state()
    assert stored["cookies"] == []
    names = {item["name"] for origin in stored["origins"] for item in origin["localStorage"]}
    assert names <= {"omni-theme", "omni-pace"}
    found.close()


@pytest.fixture
def visit(context: BrowserContext) -> Iterator[Callable[..., Page]]:
    """Open an address as a visitor; every page must stay on 127.0.0.1 and without errors."""
    pages: list[Page] = []
    requested: list[str] = []
    errors: list[str] = []

    def open_page(
        address: str,
        *,
        width: int = 1280,
        height: int = 900,
        color_scheme: Literal["dark", "light"] = "light",
        reduced_motion: Literal["reduce", "no-preference"] = "no-preference",
    ) -> Page:
        page = context.new_page()
        page.add_init_script(f"({COUNT_DECODING})()")
        pages.append(page)
        page.set_viewport_size({"width": width, "height": height})
        page.emulate_media(color_scheme=color_scheme, reduced_motion=reduced_motion)
        page.set_default_timeout(PATIENCE_MS)
        page.on("request", lambda request: requested.append(request.url))
        page.on("websocket", lambda socket: requested.append(socket.url))
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.goto(address)
        page.wait_for_selector("#header h1")
        return page

    yield open_page
    for page in pages:
        page.close()
    local = ("http://127.0.0.1:", "ws://127.0.0.1:", "data:", "blob:")
    assert requested
    assert [url for url in requested if not url.startswith(local)] == []
    assert errors == []


@pytest.fixture
def chat(site: Served, visit: Callable[..., Page]) -> Page:
    page = visit(site.url + "?tab=chat")
    page.wait_for_selector(".omni-welcome")
    return page
