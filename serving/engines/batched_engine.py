"""An engine whose runs share their steps where they agree in shape and settings.

Owns: `BatchedEngine`. Does not own: the batch (`engine.step_batch`), whose turn it is
(`serving.scheduler`).
"""

from collections.abc import Callable, Generator, Sequence
from typing import Any

import numpy as np

from engine.api.conversation import Part
from engine.api.events import PREVIEW_HZ, Event, PreviewRate
from engine.api.request import Request
from engine.engine import Engine
from engine.inspection.protocols import CodeInspector, Inspector
from engine.step_batch import StepBatch


class BatchedEngine:
    """Fits `serving.engines.engine_protocol.Engine`; one thread iterates its runs. rows: runs
    of one network call; seen: told of the number in each."""

    def __init__(
        self, engine: Engine, rows: int, seen: Callable[[int], None] = lambda rows: None
    ) -> None:
        self._engine = engine
        self._batch = StepBatch(rows, seen)

    @property
    def digest(self) -> str:
        """The digest of the checkpoint."""
        return self._engine.digest

    def generate(
        self, request: Request, *, preview_hz: PreviewRate = PREVIEW_HZ, watch: int = 0
    ) -> Generator[Event]:
        """Yield the events of one answer, see `engine.engine.Engine.generate`."""
        how: dict[str, Any] = {"preview_hz": preview_hz, "watch": watch}
        return self._engine.generate(request, **how, batch=self._batch)

    @property
    def code_inspector(self) -> CodeInspector:
        """See `engine.engine.Engine.code_inspector`."""
        return self._engine.code_inspector

    @property
    def inspector(self) -> Inspector:
        """See `engine.engine.Engine.inspector`."""
        return self._engine.inspector

    def embed(self, items: Sequence[tuple[Part, ...]]) -> np.ndarray:
        """Return a vector of each message."""
        return self._engine.embed(items)

    def info(self) -> dict[str, Any]:
        """Return the facts of the checkpoint."""
        return self._engine.info()
