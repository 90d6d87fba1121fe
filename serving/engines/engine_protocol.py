"""The methods of an engine that a worker calls, as a protocol: a scripted one serves as well."""

from collections.abc import Generator, Sequence
from typing import Any, Protocol

import numpy as np

from engine.api.conversation import Part
from engine.api.events import Event, PreviewRate
from engine.api.request import Request
from engine.inspection.protocols import CodeInspector, Inspector


class Engine(Protocol):
    """The methods of an engine that a worker calls."""

    @property
    def digest(self) -> str: ...

    def generate(
        self, request: Request, *, preview_hz: PreviewRate = ..., watch: int = 0
    ) -> Generator[Event]: ...

    @property
    def code_inspector(self) -> CodeInspector: ...

    @property
    def inspector(self) -> Inspector: ...

    def embed(self, items: Sequence[tuple[Part, ...]]) -> np.ndarray: ...

    def info(self) -> dict[str, Any]: ...
