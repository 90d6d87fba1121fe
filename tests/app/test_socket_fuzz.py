"""Random messages to the page's websockets, and lines that break in the middle of one: nobody else
notices, and the server's log has no traceback."""

import logging
import random
import socket
from collections.abc import Iterator
from contextlib import suppress

import pytest
from websockets.exceptions import ConnectionClosed, InvalidHandshake
from websockets.sync.client import ClientConnection, connect

from engine.api.conversation import Conversation
from engine.api.events import Refined
from engine.api.request import Modality, Request
from tests.fake_engine import FakeEngine
from tests.page_server import Served, served, until

SOCKETS, MESSAGES = 40, 8
LOGGERS = ("uvicorn.error", "websockets.server", "asyncio")
"""Those of the server: the test's own client may complain about a line that it broke itself."""


class Kept(logging.Handler):
    """Keeps the records of the loggers that it is added to, and no others."""

    def __init__(self) -> None:
        super().__init__()
        self.records: list[logging.LogRecord] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.records.append(record)


@pytest.fixture(scope="module")
def engine() -> FakeEngine:
    return FakeEngine(0.0)


@pytest.fixture(scope="module")
def page(engine: FakeEngine) -> Iterator[Served]:
    with served(engine) as running:
        yield running


@pytest.mark.parametrize(
    "route", ["live/{run}", "live/{run}?every=true&labels=true", "live/nobody", "listen", "x/%00"]
)
def test_no_message_ends_in_a_traceback(route: str, page: Served, engine: FakeEngine) -> None:
    rng = random.Random(0)
    kept = Kept()
    for name in LOGGERS:
        logging.getLogger(name).addHandler(kept)
    with engine.gated(Refined):
        run = page.session.open(Request(Conversation.ask("a car"), Modality.IMAGE), "one")
        address = page.url.replace("http", "ws") + route.format(run=run.id)
        for _ in range(SOCKETS):
            broken = suppress(ConnectionClosed, InvalidHandshake, OSError)
            with broken, connect(address, close_timeout=1) as opened:
                _pester(opened, rng)
        page.session.stop(run.control_id)
    until(lambda: run.ended and not run.watched)
    for name in LOGGERS:
        logging.getLogger(name).removeHandler(kept)
    assert not [record for record in kept.records if record.exc_info]
    assert page.client().predict("", api_name="/draw_stop") is not None


def _pester(opened: ClientConnection, rng: random.Random) -> None:
    """Send what no page sends, and perhaps break off in the middle of it."""
    for _ in range(rng.randrange(MESSAGES)):
        length = rng.choice((0, 1, 2, 125, 126, 4000, 70_000))
        match rng.randrange(5):
            case 0:
                opened.send(rng.randbytes(length))
            case 1:
                opened.send("\x00é{" * length)
            case 2:
                opened.ping()
            case 3:
                opened.send([rng.randbytes(length), b"", rng.randbytes(2)])
            case _:
                opened.socket.sendall(rng.randbytes(1 + length))  # no frame at all
    if rng.random() < 0.3:
        opened.socket.shutdown(socket.SHUT_RDWR)
