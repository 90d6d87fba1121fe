"""A worker in this process on a free port of 127.0.0.1, and the official client."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import openai
import pytest

from serving.engines.engine_protocol import Engine
from serving.server import DrainingServer, server_of
from serving.worker import ServingSettings, Worker
from tests.fake_engine import FakeEngine

KEY = "sk-test"


class Served:
    """A worker that listens; `client` speaks to it."""

    def __init__(self, worker: Worker, server: DrainingServer, thread: threading.Thread) -> None:
        self.worker, self.server, self.thread = worker, server, thread
        sockets = server.servers[0].sockets
        self.address = f"http://127.0.0.1:{sockets[0].getsockname()[1]}"

    def client(self, key: str = KEY) -> openai.OpenAI:
        return openai.OpenAI(base_url=f"{self.address}/v1", api_key=key, max_retries=0)


@contextmanager
def serving(engine: Engine | None, settings: ServingSettings | None = None) -> Iterator[Served]:
    """A worker with an engine; without one it is still loading."""
    worker = Worker(settings or ServingSettings())
    if engine is not None:
        worker.load(lambda metrics: engine)
    server = server_of(worker, "127.0.0.1", 0)
    listens = threading.Event()
    started: Callable[..., object] = server.startup

    async def startup(sockets: object = None) -> None:
        await started(sockets)  # type: ignore[misc]
        listens.set()

    server.startup = startup  # type: ignore[assignment]
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        assert listens.wait(30)
        yield Served(worker, server, thread)
    finally:
        server.should_exit = True
        worker.close()
        thread.join(30)
        assert not thread.is_alive()


@pytest.fixture(scope="module")
def fake() -> FakeEngine:
    return FakeEngine(0.0, finds=True)


@pytest.fixture(scope="module")
def served(fake: FakeEngine) -> Iterator[Served]:
    with serving(fake) as found:
        yield found


@pytest.fixture(scope="module")
def client(served: Served) -> openai.OpenAI:
    return served.client()
