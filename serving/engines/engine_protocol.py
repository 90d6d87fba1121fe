"""The methods of an engine that a worker calls, as a protocol: a scripted one serves as well."""

from collections.abc import Generator, Iterator, Sequence
from typing import Any, Protocol

import numpy as np

from engine.api.conversation import Part
from engine.api.events import Event, PreviewRate
from engine.api.request import Request


class Engine(Protocol):
    """The methods of an engine that a worker calls."""

    @property
    def digest(self) -> str: ...

    def generate(
        self, request: Request, *, preview_hz: PreviewRate = ...
    ) -> Generator[Event] | Iterator[Event]: ...

    def embed(self, items: Sequence[tuple[Part, ...]]) -> np.ndarray: ...

    def info(self) -> dict[str, Any]: ...
