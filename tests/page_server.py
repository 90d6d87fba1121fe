"""The real page on a free port of 127.0.0.1, with any engine behind it."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from app.page import build_page, serve
from app.session import Engine, Session


@dataclass(frozen=True)
class Served:
    url: str
    host: Session


@contextmanager
def served(engine: Engine, first_run: Path | None = None, **folders: Path) -> Iterator[Served]:
    """folders: `pack`, `gallery` and `own` of the host."""
    host = Session(engine, **folders)
    page = build_page(host, first_run)
    serve(page, host, "127.0.0.1", _free_port())
    try:
        yield Served(page.local_url, host)
    finally:
        page.close(verbose=False)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
