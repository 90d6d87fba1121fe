"""ZeroGPU: where a Space lends a GPU per call, whatever touches it runs on its worker; elsewhere
nothing changes.

Imported before anything touches CUDA, as `spaces` asks. Owns: `on_worker`, `lends_gpu`.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, TypeVar, cast

import numpy as np

try:
    import spaces
    from spaces.config import Config
except ImportError:
    spaces = Config = None

from app.engine_protocol import Engine
from engine.api.conversation import Part
from engine.api.events import PREVIEW_HZ, Event, PreviewRate
from engine.api.request import Modality, Request
from engine.api.sampling import Sampling
from engine.inspection.path_preview import PathPreview
from engine.inspection.probes import ProbeReadout
from engine.inspection.trace import Trace, TraceRecorder
from engine.media.token_text import TokenText

SECONDS_PER_STEP = 0.25
SECONDS_TO_BEGIN = 10
USUAL_STEPS = 128
"""The steps that are charged where the checkpoint decides."""
Call = TypeVar("Call", bound=Callable[..., Any])


def on_worker(engine: Engine) -> Engine:
    """Return the engine, each use of its GPU on a ZeroGPU worker where there are such; elsewhere
    the engine itself."""
    return cast(Engine, _WorkerEngine(engine)) if lends_gpu() else engine


def lends_gpu() -> bool:
    """Return whether this is a Space that lends a GPU per call."""
    return Config is not None and bool(Config.zero_gpu)


def seconds_needed(request: Request, *, preview_hz: float = PREVIEW_HZ, watch: int = 0) -> int:
    """Return the time limit of a run; ZeroGPU charges it in advance, so it is not generous."""
    steps = request.sampling.steps or USUAL_STEPS
    return round(SECONDS_TO_BEGIN + SECONDS_PER_STEP * steps * (1.2 if watch else 1))


def _short(call: Call) -> Call:
    """A call on a worker that is over at once."""
    assert spaces is not None
    return cast(Call, spaces.GPU(duration=SECONDS_TO_BEGIN)(call))


class _WorkerEngine:
    """An engine as the page needs it; a worker is asked for by each call that touches the GPU."""

    def __init__(self, engine: Engine) -> None:
        assert spaces is not None
        self._engine = engine
        self.info: Callable[[], dict[str, object]] = cache(_short(lambda: engine.info()))
        self._embed = _short(lambda items: engine.embed(items))
        self.code_inspector = _WorkerCodes(
            engine.code_inspector.words,
            _short(lambda codes: engine.code_inspector.pictures(codes)),
            _short(lambda codes: engine.code_inspector.films(codes)),
            _short(lambda modality, x, y: engine.code_inspector.distances(modality, x, y)),
            _short(lambda *place: engine.code_inspector.neighbours(*place)),
        )
        self.inspector = _WorkerInspector(
            _short(lambda *asked: engine.inspector.bits_per_code(*asked)),
            _short(lambda trace, index: engine.inspector.read_probes(trace, index)),
            _short(lambda *asked: engine.inspector.path_preview(*asked)),
        )

        def generate(
            request: Request, *, preview_hz: float = PREVIEW_HZ, watch: int = 0
        ) -> Iterator[Event]:
            yield from engine.generate(request, preview_hz=preview_hz, watch=watch)

        self._generate = spaces.GPU(duration=seconds_needed)(generate)

    @property
    def digest(self) -> str:
        return self._engine.digest

    def embed(self, items: Sequence[tuple[Part, ...]]) -> np.ndarray:
        return self._embed(items)

    def generate(
        self, request: Request, *, preview_hz: PreviewRate = PREVIEW_HZ, watch: int = 0
    ) -> Iterator[Event]:
        """The worker is another process: it is told the rate once."""
        rate_hz = preview_hz() if callable(preview_hz) else preview_hz
        yield from self._generate(request, preview_hz=rate_hz, watch=watch)

    def recorder(self) -> TraceRecorder:
        return self._engine.recorder()


@dataclass(frozen=True)
class _WorkerCodes:
    """The code inspector of an engine, see `app.engine_protocol.CodeInspector`."""

    words: TokenText
    pictures: Callable[[np.ndarray], np.ndarray]
    films: Callable[[np.ndarray], np.ndarray]
    distances: Callable[[Modality, np.ndarray, np.ndarray], np.ndarray]
    neighbours: Callable[[Modality, int, int, int], tuple[np.ndarray, np.ndarray]]


@dataclass(frozen=True)
class _WorkerInspector:
    """The inspector of an engine, see `app.engine_protocol.Inspector`."""

    bits_per_code: Callable[[Request, np.ndarray, Modality], float]
    read_probes: Callable[[Trace, int], ProbeReadout | None]
    path_preview: Callable[[Sampling, Modality], PathPreview]
