"""One engine that is served: its settings, its scheduler, its numbers, and whether it takes work.

Owns: `Worker`, `ServingSettings`. Does not own: HTTP (`serving.application`).
"""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from engine.media.marking.marker import Marker
from serving.engines.engine_protocol import Engine
from serving.errors import server_stopping, unavailable
from serving.metrics import Metrics
from serving.run_log import LOGGER, run_ended
from serving.scheduler import Run, Scheduler

MIB = 2**20
LOADING = "The model is still loading: try again in a moment, /ready says when it is there."


@dataclass(frozen=True)
class ServingSettings:
    """keys: of clients, none lets everyone in. name: of the model, None is the checkpoint's own.
    rows: runs that step in one round. most_open: runs at once, waiting ones among them.
    most_body_bytes: of a request. drain_s: how long what runs may take after SIGTERM.
    marker: of the files that leave it."""

    keys: tuple[str, ...] = ()
    name: str | None = None
    rows: int = 8
    most_open: int = 64
    most_body_bytes: int = 32 * MIB
    drain_s: float = 25.0
    marker: Marker = field(default_factory=Marker)


class Worker:
    """Requests are refused until `load` is through and once it drains."""

    def __init__(self, settings: ServingSettings) -> None:
        self.settings = settings
        self.metrics = Metrics()
        self.draining = threading.Event()
        self.loaded_at = 0
        """Seconds since 1970."""
        self._engine: Engine | None = None
        self._open = 0
        self._closed_one = threading.Condition()
        self._info: dict[str, Any] = {}
        self.scheduler = Scheduler(
            rows=settings.rows, most_open=settings.most_open, ended=self._run_ended
        )
        self.metrics.watch(self.scheduler)

    def load(self, load: Callable[[Metrics], Engine]) -> None:
        """Load the engine, and take work from then on."""
        engine = load(self.metrics)
        self._info, self.loaded_at = engine.info(), int(time.time())
        self._engine = engine
        self.metrics.ready()
        LOGGER.info("ready", extra={"fields": {"model": self.name, "digest": engine.digest}})

    def refuse_unready(self) -> None:
        """Nothing, where it takes work. Raises: `serving.errors.ApiError` where it does not."""
        if self.draining.is_set():
            raise server_stopping()
        if self._engine is None:
            raise unavailable(LOADING, "model_loading")

    @property
    def engine(self) -> Engine:
        """The engine, also while what it began is finished."""
        assert self._engine is not None, "a request is admitted before it needs the engine"
        return self._engine

    @contextmanager
    def answering(self) -> Iterator[None]:
        """Count a request as open."""
        with self._closed_one:
            self._open += 1
        try:
            yield
        finally:
            with self._closed_one:
                self._open -= 1
                self._closed_one.notify_all()

    def wait_until_answered(self, timeout_s: float) -> bool:
        """Return whether every open request was answered within that time."""
        with self._closed_one:
            return self._closed_one.wait_for(lambda: self._open == 0, timeout_s)

    @property
    def info(self) -> dict[str, Any]:
        """The facts of `engine.info`, read once."""
        return self._info

    @property
    def name(self) -> str:
        """The name by which clients ask for the model."""
        return self.settings.name or str(self._info["name"])

    @property
    def marker(self) -> Marker:
        """The marker of the files that leave it."""
        return self.settings.marker.of_checkpoint(self.engine.digest)

    def close(self) -> None:
        """End every run."""
        self.scheduler.close()

    def _run_ended(self, run: Run) -> None:
        self.metrics.ended(run)
        run_ended(run)
