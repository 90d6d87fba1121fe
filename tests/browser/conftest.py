"""A real headless Chromium, and the page behind it. A missing browser fails; it never skips."""

import json
import shutil
from collections.abc import Callable, Generator, Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

from app.record import record
from engine.api.conversation import Conversation
from engine.api.request import Modality, Request
from engine.api.sampling import Sampling
from engine.engine import Engine
from tests.browser import recording
from tests.browser.brief_engine import BriefEngine
from tests.browser.looking import NANO
from tests.browser.talking import new_conversation, welcomed
from tests.browser.visitors import PATIENCE_MS, Visitor, Visitors
from tests.fake_engine import FakeEngine
from tests.page_server import Served, served

ARGUMENTS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--disable-background-networking",
    "--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream",
]  # fmt: skip
CHROMIUM = ("chromium-headless-shell", "chromium", "chromium-browser")
"""Programs that will do; the first has no windows and needs a third less of a processor."""
expect.set_options(timeout=PATIENCE_MS)
FAILED = pytest.StashKey[bool]()
"""Says whether a phase of the test failed."""


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
    return BriefEngine(step_s=0.06)


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
def modest_site() -> Iterator[Served]:
    """The page with an engine of words and pictures alone, which does not think first."""
    with served(FakeEngine(step_s=0, hears=None, films=False, thinks=False)) as running:
        yield running


@pytest.fixture(scope="package")
def context(browser: Browser) -> Iterator[BrowserContext]:
    """One for all tests: Gradio's scripts are fetched once. The page stores the theme and the
    pace alone; it keeps no conversation, or a test would begin with that of another."""
    found = browser.new_context()
    found.add_init_script("Object.defineProperty(window, 'indexedDB', { value: undefined })")
    yield found
    stored = found.storage_state()
    assert stored["cookies"] == []
    names = {item["name"] for origin in stored["origins"] for item in origin["localStorage"]}
    assert names <= {"omni-theme", "omni-pace"}
    found.close()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    item.stash[FAILED] = item.stash.get(FAILED, False) or report.failed
    return report


@pytest.fixture(scope="package")
def visitors(context: BrowserContext) -> Iterator[Visitors]:
    found = Visitors(context)
    yield found
    found.drop()


@pytest.fixture
def visit(visitors: Visitors) -> Iterator[Callable[..., Page]]:
    """Open an address as a new visitor; every page must stay on 127.0.0.1 and without errors."""
    mine: list[Visitor] = []

    def open_page(address: str, **how: Any) -> Page:
        mine.append(visitors.open(address, **how))
        return mine[-1].page

    yield open_page
    for visitor in mine:
        visitor.page.close()
    for visitor in mine:
        visitor.check()


@pytest.fixture
def borrow(visitors: Visitors, request: pytest.FixtureRequest) -> Iterator[Callable[..., Page]]:
    """A page that an earlier test may have used, made new by the page's own means: opening one
    costs more than most tests. A test that fails leaves no page to the next."""
    mine: list[Visitor] = []

    def open_page(
        address: str, begin: Callable[[Page], object], renew: Callable[[Page], object]
    ) -> Page:
        mine.append(visitors.borrow(address, begin, renew))
        return mine[-1].page

    yield open_page
    if request.node.stash.get(FAILED, False) or any(visitor.errors for visitor in mine):
        visitors.drop()
    for visitor in mine:
        visitor.check()


@pytest.fixture
def chat(site: Served, borrow: Callable[..., Page]) -> Page:
    """The Chat tab with nothing said and the settings as they are at first."""
    return borrow(f"{site.url}?tab=chat", welcomed, new_conversation)


@pytest.fixture
def modest_chat(modest_site: Served, borrow: Callable[..., Page]) -> Page:
    """The Chat tab of that engine."""
    return borrow(f"{modest_site.url}?tab=chat", welcomed, new_conversation)


@pytest.fixture
def lab_page(site: Served, borrow: Callable[..., Page]) -> Page:
    """The Lab of the scripted engine."""
    return borrow(f"{site.url}?tab=lab", recording.begin, recording.renew)


@pytest.fixture
def nano_lab(nano_site: Served, borrow: Callable[..., Page]) -> Page:
    """The Lab of the embedded checkpoint."""
    return borrow(f"{nano_site.url}?tab=lab", recording.begin, recording.renew)
