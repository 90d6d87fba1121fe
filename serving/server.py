"""The process that serves: it listens at once, loads beside, and stops without losing an answer.

The first SIGTERM or SIGINT begins to drain: new requests are refused with a sentence while the open
ones are answered, for at most `drain_s`; then the process ends. A second signal ends it at once.
Owns: `DrainingServer`, `serve`. Does not own: the application (`serving.application`).
"""

import threading
from collections.abc import Callable
from types import FrameType

import uvicorn

from serving.application import build_application
from serving.engines.engine_protocol import Engine
from serving.metrics import Metrics
from serving.run_log import LOGGER
from serving.worker import ServingSettings, Worker

CLOSING_S = 3
"""The time for finished answers to leave, once no request is open any more."""


class DrainingServer(uvicorn.Server):
    """Answers the open requests before it stops listening."""

    def __init__(self, config: uvicorn.Config, worker: Worker) -> None:
        super().__init__(config)
        self._worker = worker

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Drain at the first signal, exit at the second."""
        if self._worker.draining.is_set():
            super().handle_exit(sig, frame)
            return
        self._worker.draining.set()
        threading.Thread(target=self._drain, args=(sig, frame), daemon=True).start()

    def _drain(self, sig: int, frame: FrameType | None) -> None:
        LOGGER.info("draining")
        scheduler = self._worker.scheduler
        if not self._worker.wait_until_answered(self._worker.settings.drain_s):
            LOGGER.warning("gave up", extra={"fields": {"runs": scheduler.running}})
            scheduler.close()
        self.should_exit = True


def server_of(worker: Worker, host: str, port: int) -> DrainingServer:
    """Return the server of a worker, not yet running."""
    config = uvicorn.Config(
        build_application(worker),
        host=host,
        port=port,
        log_config=None,
        access_log=False,
        ws_max_size=worker.settings.most_body_bytes,
        timeout_graceful_shutdown=CLOSING_S,
    )
    return DrainingServer(config, worker)


def serve(
    load: Callable[[Metrics], Engine], settings: ServingSettings, host: str, port: int
) -> str | None:
    """Serve until a signal; return why the checkpoint could not be loaded, None where it could."""
    worker = Worker(settings)
    server = server_of(worker, host, port)
    failed: list[str] = []

    def loading() -> None:
        try:
            worker.load(load)
        except (ValueError, OSError) as error:
            failed.append(str(error))
            server.should_exit = True

    threading.Thread(target=loading, name="loading", daemon=True).start()
    server.run()
    worker.close()
    return failed[0] if failed else None
