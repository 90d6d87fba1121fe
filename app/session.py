"""The state that the tabs share: the engine, the bus, and how one run is driven and stopped.

A run lives in two Gradio events. The first, outside the queue, checks the input and opens the run,
so a bad value is answered at once and the page shows the visitor's place in line; the second, in
the queue with one slot for the model, drives it.
"""

from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from app.capabilities import Capabilities
from app.engine_protocol import Engine
from app.forms.parse import InputError
from app.forms.unlearned import Unlearned
from app.gallery.library import PACK, Library
from app.stream import encode
from app.stream.run_bus import Run, StepBus
from app.stream.run_driver import Outcome, RunDriver
from app.stream.zerogpu import on_worker
from engine.api.request import Request
from engine.inspection.trace import Trace
from engine.prompt.unknown_things import KnownThings

MODEL_SLOT = {"concurrency_limit": 1, "concurrency_id": "model"}
"""Gradio's arguments for every event that runs the model: one at a time."""
DRIVING = {**MODEL_SLOT, "trigger_mode": "multiple", "show_progress": "hidden"}
"""The same for the event of a ticket, which drives its run."""
MAX_TRACES = 64
NEVER_RAN = "Too many people are waiting. Your words are still here: try again in a minute."
STOPPED_IN_LINE = "Stopped before it began."
BUSY = "One answer at a time: press Stop first, or wait for this one."


@dataclass(frozen=True)
class QueuedRun:
    """The request of a run in the queue. watch: how many alternatives of each code are recorded; 0
    records nothing."""

    request: Request
    watch: int = 0


@dataclass
class Session:
    """A page served by one engine. tickets: of runs that wait for their turn. traces: of recorded
    runs, the last ones, by the run's unguessable id. pack: the collection that ships. gallery: one
    of the owner's, see `python -m retrieval add`. own: the one that takes in their folders while
    the page runs; None where it is served to others."""

    engine: Engine
    bus: StepBus = field(default_factory=StepBus)
    tickets: dict[str, QueuedRun] = field(default_factory=dict)
    traces: OrderedDict[str, Trace] = field(default_factory=OrderedDict)
    pack: Path = PACK
    gallery: Path | None = None
    own: Path | None = None

    def __post_init__(self) -> None:
        self.engine = on_worker(self.engine)
        self.capabilities = Capabilities.of(self.engine.info())
        self.unlearned = Unlearned(KnownThings.of(self.capabilities.facts))
        self.library = Library(self.engine, self.pack, self.gallery, self.own)

    def open(self, request: Request, owner: str, watch: int = 0) -> Run:
        """A run in line, found again by its id when its turn comes."""
        run = self.bus.open(owner)
        self.tickets[run.id] = QueuedRun(request, watch)
        for stale in [i for i in self.tickets if self.bus.find(i) is None]:
            self.tickets.pop(stale, None)
        return run

    def drive(self, run_id: str) -> "RunHandle":
        """The run whose turn has come; iterate to drive it."""
        return RunHandle(self, run_id)

    def busy(self, run_id: str) -> bool:
        """Return whether this run waits or is under way."""
        run = self.bus.find(run_id)
        return run is not None and not run.ended

    def refuse_if_busy(self, run_id: str) -> None:
        """Raises: InputError while this visitor's last run is not over."""
        if self.busy(run_id):
            raise InputError(BUSY, "prompt")

    def stop(self, run_id: str) -> None:
        """Stop within one step; what still waits in line is over at once."""
        run = self.bus.find(run_id)
        if run is None:
            return
        run.stop()
        if not run.begun:
            self.bus.end(run, encode.failed(STOPPED_IN_LINE))

    def forget(self, run_id: str) -> None:
        """Stop, and let nothing of it reach the page any more."""
        self.stop(run_id)
        run = self.bus.find(run_id)
        if run is not None:
            run.forgotten = True

    def close(self, run_id: str) -> None:
        """End a run whose Gradio event failed or was never admitted."""
        run = self.bus.find(run_id)
        if run is not None:
            self.bus.end(run, encode.failed(NEVER_RAN))

    def keep(self, run_id: str, trace: Trace) -> None:
        """Keep a trace for the Lab; the oldest goes."""
        self.traces[run_id] = trace
        while len(self.traces) > MAX_TRACES:
            self.traces.popitem(last=False)

    def failure(self, run_id: str) -> str | None:
        """Return the error sentence of a run without an answer, or None."""
        run = self.bus.find(run_id)
        return None if run is None else run.failure


class RunHandle:
    """A run being driven. A pulse is the fallback's value; None while a websocket carries it."""

    def __init__(self, session: Session, run_id: str) -> None:
        self.session = session
        self.run = session.bus.find(run_id)
        self.ticket = session.tickets.pop(run_id, None)
        self.outcome: Outcome | None = None

    @property
    def forgotten(self) -> bool:
        return self.run is not None and self.run.forgotten

    def __iter__(self) -> Iterator[dict[str, object] | None]:
        if self.run is None or self.ticket is None or self.run.ended:
            return
        watch = self.ticket.watch
        recorder = self.session.engine.recorder() if watch else None
        generate = partial(
            self.session.engine.generate, preview_hz=self.run.preview_hz, watch=watch
        )
        see = None if recorder is None else recorder.see
        driver = RunDriver(generate, self.ticket.request, self.run, self.session.bus, see=see)
        for _ in driver:
            yield None if self.run.watched else self.run.snapshot()
        self.outcome = driver.outcome
        if recorder is not None and recorder.has_steps:
            self.session.keep(self.run.id, recorder.trace())
        yield self.run.snapshot()
