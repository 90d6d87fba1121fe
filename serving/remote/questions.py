"""The calls that a page makes to an engine elsewhere, as values with their answers.

Each has the type of its answer, `answer`, and computes it with an engine, `of`. Owns: the calls,
and the checks of what somebody else put into them. Does not own: how they travel
(`serving.remote.packing`), the methods that they name (`serving.engines.engine_protocol`).
"""

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from engine.api.conversation import Part
from engine.api.request import Modality, Request
from engine.api.sampling import Sampling
from engine.inspection.path_preview import PathPreview
from engine.inspection.probes import ProbeReadout
from engine.inspection.trace_file import read_trace
from engine.media.token_text import TokenText
from serving.engines.engine_protocol import Engine

VERSION = 1
"""The version of these calls, and of the events of a run."""
MEDIA_TYPE = "application/x-next-omni"
MOST_MESSAGES = 256
"""Messages that are embedded at once."""


@dataclass(frozen=True)
class About:
    """The engine of a worker. info: `engine.engine.Engine.info` as JSON. words: of its text
    tokenizer. rows: runs that step in one round."""

    version: int
    digest: str
    info: str
    words: TokenText
    rows: int


@dataclass(frozen=True)
class Generate:
    """A run. skip: how many events the page has from before its connection broke: as the same
    request gives the same events, it is told those behind them."""

    request: Request
    digest: str
    preview_hz: float
    watch: int = 0
    skip: int = 0

    def __post_init__(self) -> None:
        _check_request(self.request)
        if self.skip < 0 or not self.preview_hz >= 0:
            raise ValueError("a run begins at an event and has previews at a rate")


@dataclass(frozen=True)
class Embed:
    """See `engine.engine.Engine.embed`."""

    items: tuple[tuple[Part, ...], ...]
    answer: ClassVar[Any] = np.ndarray

    def __post_init__(self) -> None:
        if len(self.items) > MOST_MESSAGES or not all(self.items):
            raise ValueError(f"1 to {MOST_MESSAGES} messages are embedded at once, none empty")
        for part in (part for item in self.items for part in item):
            _check_part(part)

    def of(self, engine: Engine) -> object:
        """Return the vectors."""
        return engine.embed(self.items)


@dataclass(frozen=True)
class DecodeCodes:
    """See `engine.inspection.code_inspector.CodeInspector.pictures` and `films`."""

    codes: np.ndarray
    films: bool
    answer: ClassVar[Any] = np.ndarray

    def of(self, engine: Engine) -> object:
        """Return the pictures or films."""
        codes, inspector = _codes(self.codes, 3), engine.code_inspector
        return inspector.films(codes) if self.films else inspector.pictures(codes)


@dataclass(frozen=True)
class MeasureDistances:
    """See `engine.inspection.code_inspector.CodeInspector.distances`."""

    modality: Modality
    x: np.ndarray
    y: np.ndarray
    answer: ClassVar[Any] = np.ndarray

    def of(self, engine: Engine) -> object:
        """Return the distances."""
        x, y = _codes(self.x, 3), _codes(self.y, 3)
        if x.shape != y.shape:
            raise ValueError("distances are between codes of one shape")
        return engine.code_inspector.distances(self.modality, x, y)


@dataclass(frozen=True)
class FindNeighbours:
    """See `engine.inspection.code_inspector.CodeInspector.neighbours`."""

    modality: Modality
    codebook: int
    code: int
    num: int
    answer: ClassVar[Any] = tuple[np.ndarray, np.ndarray]

    def of(self, engine: Engine) -> object:
        """Return the codes and their distances."""
        place = (self.modality, self.codebook, self.code, self.num)
        return engine.code_inspector.neighbours(*place)


@dataclass(frozen=True)
class MeasureBits:
    """See `engine.inspector.Inspector.bits_per_code`."""

    request: Request
    tokens: np.ndarray
    modality: Modality
    answer: ClassVar[Any] = float

    def of(self, engine: Engine) -> object:
        """Return the bits a code."""
        _check_request(self.request)
        tokens = _codes(self.tokens, 2)
        return engine.inspector.bits_per_code(self.request, tokens, self.modality)


@dataclass(frozen=True)
class ReadProbes:
    """See `engine.inspector.Inspector.read_probes`. trace: the content of its file."""

    trace: bytes
    index: int
    answer: ClassVar[Any] = ProbeReadout | None

    def of(self, engine: Engine) -> object:
        """Return the readout."""
        trace = read_trace(self.trace)
        if not 0 <= self.index < len(trace.segments):
            raise ValueError(f"this trace has {len(trace.segments)} segments")
        return engine.inspector.read_probes(trace, self.index)


@dataclass(frozen=True)
class PreviewPath:
    """See `engine.inspector.Inspector.path_preview`."""

    sampling: Sampling
    modality: Modality
    answer: ClassVar[Any] = PathPreview

    def of(self, engine: Engine) -> object:
        """Return the preview."""
        return engine.inspector.path_preview(self.sampling, self.modality)


Question = (
    Embed | DecodeCodes | MeasureDistances | FindNeighbours | MeasureBits | ReadProbes | PreviewPath
)


@dataclass(frozen=True)
class Asked:
    """One question on its way."""

    question: Question


def _check_request(request: Request) -> None:
    """Raises: ValueError where an array of a request is none of its kind."""
    for part in (part for turn in request.conversation.turns for part in turn.parts):
        _check_part(part)
    if (start := request.start) is not None:
        for codes in (start.tokens, start.predicted):
            _codes(codes, 2)
        if start.pinned.dtype != bool:
            raise ValueError("the pinned positions of a start are not marked as such")
    if (painted := request.inpainting) is not None:
        _check_seen(painted.image, 3)
        if painted.mask.dtype != bool:
            raise ValueError("the mask of a picture is none")


def _check_part(part: Part) -> None:
    if part.image is not None:
        _check_seen(part.image, 3)
    if part.video is not None:
        _check_seen(part.video, 4)
    if (sound := part.audio) is not None and (
        sound.dtype != np.float32 or sound.ndim != 1 or not np.isfinite(sound).all()
    ):
        raise ValueError("a sound of the conversation is not one")


def _check_seen(seen: np.ndarray, axes: int) -> None:
    if seen.dtype != np.uint8 or seen.ndim != axes or seen.shape[-1] != 3 or not seen.size:
        raise ValueError("a picture or film of the conversation is not one")


def _codes(codes: np.ndarray, axes: int) -> np.ndarray:
    """Return codes of so many axes. Raises: ValueError where they are none."""
    if codes.dtype.kind not in "iu" or codes.ndim != axes or not codes.size or codes.min() < 0:
        raise ValueError("these are no codes")
    return codes
