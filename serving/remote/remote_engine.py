"""An engine on another machine, with the methods that a page calls: `python app.py --engine URL`.

A request holds everything that its run depends on, so nothing is kept on the worker: after a break
the same request is sent again, to whoever answers there, and its events go on behind those that
have come. Owns: `RemoteEngine`. Does not own: the connection (`serving.remote.link`).
"""

import json
import time
from collections.abc import Callable, Generator, Sequence
from typing import Any

import numpy as np

from engine.api.conversation import Part
from engine.api.errors import DeviceError
from engine.api.events import PREVIEW_HZ, Completed, Event, PreviewRate, Waiting
from engine.api.request import Modality, Request
from engine.api.sampling import Sampling
from engine.inspection.path_preview import PathPreview
from engine.inspection.probes import ProbeReadout
from engine.inspection.trace import Trace, TraceRecorder
from engine.inspection.trace_file import trace_bytes
from serving.remote.link import AwayError, Link, refusal
from serving.remote.packing import arrays_of, pack, unpack
from serving.remote.questions import (
    About,
    DecodeCodes,
    Embed,
    FindNeighbours,
    Generate,
    MeasureBits,
    MeasureDistances,
    PreviewPath,
    Question,
    ReadProbes,
)

BEAT_S = 0.5
"""The time after which a run without news says so."""
PATIENCE_S = 300.0
"""The time that a run waits for its worker to come back."""
ROUNDS, MOST_AT_ONCE = 4, 32
"""So many rounds of the worker are under way at once: each visitor sees a first step soon, since
the worker serves new runs first. A page has few more threads."""
AWAY = "The model is away. Your words are kept, and this goes on when it is back."
GAVE_UP = "The model is away. Nothing you wrote is lost: please try again in a few minutes."


class RemoteEngine:
    """The engine of a worker. at_once: runs that are worth having under way at once. patience_s:
    how long a run waits for a worker that went away."""

    def __init__(self, link: Link, about: About, *, patience_s: float = PATIENCE_S) -> None:
        self._link, self._about, self._patience_s = link, about, patience_s
        self._info: dict[str, Any] = json.loads(about.info)
        self.at_once = min(ROUNDS * about.rows, MOST_AT_ONCE)
        self.code_inspector = RemoteCodes(self._ask, about)
        self.inspector = RemoteInspector(self._ask)

    @classmethod
    def connect(
        cls, link: Link, *, patience_s: float = PATIENCE_S, told: Callable[[str], None] = print
    ) -> "RemoteEngine":
        """Return the engine of a worker, which may still be starting. told: is given a sentence
        where that takes time. Raises: ValueError where none comes, or it refuses."""
        until_s = time.monotonic() + patience_s
        waits = False
        while True:
            try:
                return cls(link, link.about(), patience_s=patience_s)
            except AwayError as away:
                if time.monotonic() >= until_s:
                    raise ValueError(
                        f"no engine answers at {link.address}: start python -m serving there, or "
                        "check the address"
                    ) from away
                if not waits:
                    told(f"waiting for the engine at {link.address}")
                waits = True
                time.sleep(BEAT_S)
            except DeviceError as refused:
                raise ValueError(str(refused)) from refused

    @property
    def digest(self) -> str:
        """The digest of the worker's checkpoint."""
        return self._about.digest

    def info(self) -> dict[str, Any]:
        """Return the facts of the worker's checkpoint."""
        return self._info

    def recorder(self) -> TraceRecorder:
        """Return a recorder of the events of one generation."""
        name = {"name": str(self._info.get("name", "")), "digest": self.digest}
        return TraceRecorder(name, self._about.words)

    def embed(self, items: Sequence[tuple[Part, ...]]) -> np.ndarray:
        """Return a vector of each message, see `engine.engine.Engine.embed`."""
        return self._ask(Embed(tuple(tuple(item) for item in items)))

    def generate(
        self, request: Request, *, preview_hz: PreviewRate = PREVIEW_HZ, watch: int = 0
    ) -> Generator[Event]:
        """Yield the events of one answer, see `engine.engine.Engine.generate`, and `Waiting` while
        there are none. Raises: what the engine raises; DeviceError where it stays away."""
        come, until_s = 0, time.monotonic() + self._patience_s
        while True:
            try:
                for event in self._run(request, preview_hz, watch, come):
                    if not isinstance(event, Waiting):
                        come, until_s = come + 1, time.monotonic() + self._patience_s
                    yield event
                    if isinstance(event, Completed):
                        return
                raise AwayError("the run ended without an answer")
            except AwayError as away:
                if time.monotonic() >= until_s:
                    raise DeviceError(GAVE_UP) from away
            yield Waiting(AWAY)
            time.sleep(BEAT_S)

    def _run(
        self, request: Request, preview_hz: PreviewRate, watch: int, skip: int
    ) -> Generator[Event]:
        """Yield the events behind the first `skip`, on one connection. Raises: AwayError."""
        rate = preview_hz if callable(preview_hz) else lambda: preview_hz
        said = rate()
        known = arrays_of(request)
        with self._link.run() as socket:
            socket.send(pack(Generate(request, self.digest, said, watch, skip)))
            while True:
                try:
                    content = socket.recv(BEAT_S)
                except TimeoutError:
                    yield Waiting()
                    continue
                if isinstance(content, str):
                    raise refusal(json.loads(content)["error"])
                yield unpack(Event, content, known)
                if (now := rate()) != said:
                    said = now
                    socket.send(str(said))

    def _ask(self, question: Question) -> Any:
        try:
            return self._link.ask(question)
        except AwayError as away:
            raise DeviceError(GAVE_UP) from away


class RemoteCodes:
    """The code inspector of a worker, see `engine.inspection.protocols.CodeInspector`."""

    def __init__(self, ask: Callable[[Question], Any], about: About) -> None:
        self._ask, self.words = ask, about.words

    def pictures(self, codes: np.ndarray) -> np.ndarray:
        return self._ask(DecodeCodes(codes, films=False))

    def films(self, codes: np.ndarray) -> np.ndarray:
        return self._ask(DecodeCodes(codes, films=True))

    def distances(self, modality: Modality, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        return self._ask(MeasureDistances(modality, x, y))

    def neighbours(
        self, modality: Modality, codebook: int, code: int, num: int
    ) -> tuple[np.ndarray, np.ndarray]:
        return self._ask(FindNeighbours(modality, codebook, code, num))


class RemoteInspector:
    """The inspector of a worker, see `engine.inspection.protocols.Inspector`."""

    def __init__(self, ask: Callable[[Question], Any]) -> None:
        self._ask = ask

    def bits_per_code(self, request: Request, tokens: np.ndarray, modality: Modality) -> float:
        return self._ask(MeasureBits(request, tokens, modality))

    def read_probes(self, trace: Trace, index: int) -> ProbeReadout | None:
        return self._ask(ReadProbes(trace_bytes(trace), index))

    def path_preview(self, sampling: Sampling, modality: Modality) -> PathPreview:
        return self._ask(PreviewPath(sampling, modality))
