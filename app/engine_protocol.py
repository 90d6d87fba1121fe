"""The methods of an engine that the page calls, as a protocol.

The page needs nothing else of an engine, so a scripted or a remote one serves it as well.
"""

from collections.abc import Iterator, Sequence
from typing import Protocol

import numpy as np

from engine.api.conversation import Part
from engine.api.events import Event, PreviewRate
from engine.api.request import Request
from engine.inspection.protocols import CodeInspector, Inspector
from engine.inspection.trace import TraceRecorder


class Engine(Protocol):
    """The methods of an engine that the page calls."""

    @property
    def code_inspector(self) -> CodeInspector: ...

    @property
    def digest(self) -> str: ...

    def embed(self, items: Sequence[tuple[Part, ...]]) -> np.ndarray: ...

    def generate(
        self, request: Request, *, preview_hz: PreviewRate = ..., watch: int = 0
    ) -> Iterator[Event]: ...

    def recorder(self) -> TraceRecorder: ...

    @property
    def inspector(self) -> Inspector: ...

    def info(self) -> dict[str, object]: ...
