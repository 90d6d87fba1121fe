"""The real page on a free port of 127.0.0.1, with any engine behind it."""

import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from gradio_client import Client

from app.engine_protocol import Engine
from app.page import build_page, serve
from app.session import Session
from app.stream.run import Run

PATIENCE_S = 120.0
"""A busy machine is slow, not wrong: so long a state is waited for."""


@dataclass(frozen=True)
class Served:
    url: str
    session: Session

    def client(self) -> Client:
        """One more visitor, who waits as long for an answer as `until` for a state."""
        return Client(self.url, verbose=False, httpx_kwargs={"timeout": PATIENCE_S})

    @property
    def last_run(self) -> Run:
        """The run that was opened last."""
        return list(self.session.bus._runs.values())[-1]


def until(state: Callable[[], object]) -> None:
    """Wait until the state is there."""
    begun_s = time.monotonic()
    while not state():
        assert time.monotonic() - begun_s < PATIENCE_S, "that state was never reached"
        time.sleep(0.01)


@contextmanager
def served(
    engine: Engine, first_run: Path | None = None, *, port: int | None = None, **folders: Path
) -> Iterator[Served]:
    """port: a free one by default. folders: `pack`, `gallery` and `own` of the host."""
    session = Session(engine, **folders)
    page = build_page(session, first_run)
    serve(page, session, "127.0.0.1", port or free_port())
    try:
        yield Served(page.local_url, session)
    finally:
        page.close(verbose=False)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
