"""The methods of an engine that the page calls, as protocols.

The page needs nothing else of an engine, so a scripted or a remote one serves it as well.
"""

from collections.abc import Iterator, Sequence
from typing import Protocol

import numpy as np

from engine.api.conversation import Part
from engine.api.events import Event, PreviewRate
from engine.api.request import Modality, Request
from engine.api.sampling import Sampling
from engine.inspection.path_preview import PathPreview
from engine.inspection.probes import ProbeReadout
from engine.inspection.trace import Trace, TraceRecorder
from engine.media.token_text import TokenText


class CodeInspector(Protocol):
    """The part of an engine's code inspector that the Lab needs."""

    words: TokenText

    def pictures(self, codes: np.ndarray) -> np.ndarray: ...

    def films(self, codes: np.ndarray) -> np.ndarray: ...

    def distances(self, modality: Modality, x: np.ndarray, y: np.ndarray) -> np.ndarray: ...

    def neighbours(
        self, modality: Modality, codebook: int, code: int, num: int
    ) -> tuple[np.ndarray, np.ndarray]: ...


class Inspector(Protocol):
    """Questions about recorded runs and paths, see `engine.inspector`."""

    def bits_per_code(self, request: Request, tokens: np.ndarray, modality: Modality) -> float: ...

    def read_probes(self, trace: Trace, index: int) -> ProbeReadout | None: ...

    def path_preview(self, sampling: Sampling, modality: Modality) -> PathPreview: ...


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
