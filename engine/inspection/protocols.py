"""The questions that a page may put to an engine, as protocols: one of another machine answers them
as well."""

from typing import Protocol

import numpy as np

from engine.api.request import Request
from engine.api.sampling import Sampling
from engine.inspection.path_preview import PathPreview
from engine.inspection.probes import ProbeReadout
from engine.inspection.trace import Trace
from engine.media.token_text import TokenText
from flow.modality import Modality


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
