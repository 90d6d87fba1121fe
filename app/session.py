"""The state that the tabs share: the engine, the bus, and how one run is driven and stopped.

A run lives in two Gradio events. The first, outside the queue, checks the input and opens the run,
so a bad value is answered at once and the page shows the visitor's place in line; the second, in
the queue with one slot for the model, drives it.
"""

import time
from collections import OrderedDict
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from app.admission.origins import Origins
from app.capabilities import Capabilities
from app.engine_protocol import Engine
from app.forms.parse import InputError
from app.forms.unlearned import Unlearned
from app.gallery.library import PACK, Library
from app.stream import encode
from app.stream.patch_labels import StepLabels
from app.stream.presence import Presence
from app.stream.run import Run
from app.stream.run_bus import FULL, NOBODY, FullError, StepBus
from app.stream.run_driver import PULSE_S, Generate, Outcome, RunDriver
from app.stream.zerogpu import on_worker
from engine.api.events import Completed, Event
from engine.api.request import Modality, Request
from engine.inspection.trace import Trace, TraceRecorder
from engine.media.marking.marker import Marker
from engine.prompt.unknown_things import KnownThings

MAX_TRACES = 64
PICTURED = (Modality.IMAGE, Modality.VIDEO)
STOPPED_IN_LINE = "Stopped before it began."
RESTARTING = "The page is being started anew. Your words are still here: try again in a minute."
STOPPING_S = 6.0
"""The time in which runs under way end when the page does."""
Clocked = Callable[[Generate], Generate]
BUSY = "One answer at a time: press Stop first, or wait for this one."


@dataclass(frozen=True)
class QueuedRun:
    """The request of a run in the queue. watch: how many alternatives of each code are recorded."""

    request: Request
    watch: int = 0

    @property
    def is_recorded(self) -> bool:
        """Return whether its steps are kept: for the Lab, or because it makes something to see."""
        return self.watch > 0 or self.request.to in PICTURED


@dataclass
class Session:
    """A page served by one engine. A visitor's ticket is the control id of a run, or those of
    several with spaces between. tickets: requests of runs that wait for their turn, by the run's
    watch id. traces: of runs that were recorded for the Lab, the last ones, by the same. pictured:
    the same of other pictures and films, without alternatives. pack: the collection that ships.
    gallery: one of the owner's, see `python -m retrieval add`. own: the one that takes in their
    folders while the page runs; None where it is served to others. origins: who may use the
    page."""

    engine: Engine
    bus: StepBus = field(default_factory=lambda: StepBus(presence=Presence()))
    tickets: dict[str, QueuedRun] = field(default_factory=dict)
    traces: OrderedDict[str, Trace] = field(default_factory=OrderedDict)
    pictured: OrderedDict[str, Trace] = field(default_factory=OrderedDict)
    pack: Path = PACK
    gallery: Path | None = None
    own: Path | None = None
    origins: Origins = field(default_factory=lambda: Origins(local=True))
    marker: Marker = field(default_factory=Marker)
    """Marks the files that leave the page."""
    pulse_s: float = PULSE_S
    """The time between two pulses of a run, see `app.stream.run_driver.RunDriver`."""

    def __post_init__(self) -> None:
        self.engine = on_worker(self.engine)
        self.bus.at_once = getattr(self.engine, "at_once", 1)
        self.capabilities = Capabilities.of(self.engine.info())
        self.unlearned = Unlearned(KnownThings.of(self.capabilities.facts))
        self.marker = self.marker.of_checkpoint(str(self.engine.info().get("digest", "")))
        self.library = Library(self.engine, self.pack, self.gallery, self.own)

    @property
    def driving(self) -> dict[str, Any]:
        """Gradio's arguments for the event of a ticket, which drives its run: as many at once as
        the engine has turns for."""
        slot = {"concurrency_limit": self.bus.at_once, "concurrency_id": "model"}
        return {**slot, "trigger_mode": "multiple", "show_progress": "hidden"}

    def open(self, request: Request, owner: str, watch: int = 0, address: str = "") -> Run:
        """A run in line, found again by its ticket when its turn comes. Raises: InputError where
        there is no room for it."""
        try:
            run = self.bus.open(owner, address)
        except FullError as full:
            raise InputError(str(full), "prompt") from full
        self.tickets[run.id] = QueuedRun(request, watch)
        for stale in [i for i in self.tickets if self.bus.find(i) is None]:
            self.tickets.pop(stale, None)
        return run

    def open_all(
        self, requests: Sequence[Request], owner: str, watch: int = 0, address: str = ""
    ) -> list[Run]:
        """Several runs in line, all of them or none. Raises: InputError, as `open`."""
        runs: list[Run] = []
        try:
            for request in requests:
                runs.append(self.open(request, owner, watch, address))
        except InputError:
            for run in runs:
                self._stop(run, STOPPED_IN_LINE)
            raise
        return runs

    def drive(
        self,
        ticket: str,
        driver: str | None = None,
        *,
        clocked: Clocked = lambda generate: generate,
        pulse_s: float | None = None,
    ) -> "RunHandle":
        """The run whose turn has come; iterate to drive it. driver: the session that asks for it;
        the run ends where neither it nor anybody else is there. None drives it in any case.
        clocked: puts its events on another clock. pulse_s: in place of the session's."""
        pulse_s = self.pulse_s if pulse_s is None else pulse_s
        return RunHandle(self, ticket, driver, clocked, pulse_s)

    def busy(self, ticket: str) -> bool:
        """Return whether a run of this ticket waits or is under way."""
        return any(not run.ended for run in self._runs(ticket))

    def refuse_if_busy(self, ticket: str) -> None:
        """Raises: InputError while what this visitor asked for last is not over."""
        if self.busy(ticket):
            raise InputError(BUSY, "prompt")

    def stop(self, ticket: str) -> None:
        """Stop within one step; what still waits in line is over at once."""
        for run in self._runs(ticket):
            self._stop(run, STOPPED_IN_LINE)

    def stop_all(self) -> None:
        """Stop every run because the page ends: what runs keeps what it has, what waits is told."""
        for run in self.bus.unfinished():
            self._stop(run, RESTARTING)
        until_s = time.monotonic() + STOPPING_S
        while self.bus.unfinished() and time.monotonic() < until_s:
            time.sleep(0.05)
        for run in self.bus.unfinished():
            self.bus.end(run, encode.failed(RESTARTING))

    def forget(self, ticket: str) -> None:
        """Stop, and let nothing of it reach the page any more."""
        self.stop(ticket)
        for run in self._runs(ticket):
            run.forgotten = True

    def close(self, ticket: str) -> None:
        """End runs whose Gradio event failed or was never admitted."""
        for run in self._runs(ticket):
            self.bus.end(run, encode.failed(FULL))

    def keep(self, run_id: str, trace: Trace, *, watched: bool = True) -> None:
        """Keep a trace, for the Lab where it was watched; the oldest goes."""
        kept = self.traces if watched else self.pictured
        kept[run_id] = trace
        while len(kept) > MAX_TRACES:
            kept.popitem(last=False)

    def trace_of(self, run_id: str) -> Trace | None:
        """Return the trace of a run that is over, or None where none is kept."""
        return self.traces.get(run_id) or self.pictured.get(run_id)

    def failure(self, ticket: str) -> str | None:
        """Return the error sentence of a run without an answer, or None."""
        return next((run.failure for run in self._runs(ticket) if run.failure), None)

    def _runs(self, ticket: str) -> list[Run]:
        held = map(self.bus.held, ticket.split())
        return [run for run in held if run is not None]

    def _stop(self, run: Run, sentence: str) -> None:
        """sentence: what a run that still waits ends with."""
        run.stop()
        if not run.begun:
            self.bus.end(run, encode.failed(sentence))


class RunHandle:
    """A run being driven. A pulse is the fallback's value; None while a websocket carries it."""

    def __init__(
        self, session: Session, ticket: str, driver: str | None, clocked: Clocked, pulse_s: float
    ) -> None:
        self.session, self.driver = session, driver
        self._clocked, self._pulse_s = clocked, pulse_s
        self.run = session.bus.held(ticket)
        self.queued = None if self.run is None else session.tickets.pop(self.run.id, None)
        self.recorder: TraceRecorder | None = None
        self.outcome: Outcome | None = None

    @property
    def forgotten(self) -> bool:
        return self.run is not None and self.run.forgotten

    def __iter__(self) -> Iterator[dict[str, object] | None]:
        return self.steps()

    def steps(self) -> Generator[dict[str, object] | None]:
        """Drive the run."""
        if self.run is None or self.queued is None or self.run.ended:
            return
        if self._unattended(self.run):
            self.session.bus.end(self.run, encode.failed(NOBODY))
            return
        engine, watch = self.session.engine, self.queued.watch
        self.recorder = engine.recorder() if self.queued.is_recorded else None
        generate = partial(engine.generate, preview_hz=self.run.preview_hz, watch=watch)
        driver = RunDriver(
            self._clocked(generate),
            self.queued.request,
            self.run,
            self.session.bus,
            see=self._record,
            label=StepLabels(engine, self.run).labels,
            marker=self.session.marker,
            pulse_s=self._pulse_s,
        )
        for _ in driver:
            if self._unattended(self.run):
                self.run.stop()
            yield None if self.run.watched else self.run.snapshot()
        self.outcome = driver.outcome
        if driver.outcome is not None and driver.outcome.stopped:
            self._keep()
        yield self.run.snapshot()

    def _record(self, event: Event) -> None:
        """Record an event; what is complete is kept before any viewer is told."""
        if self.recorder is None:
            return
        self.recorder.see(event)
        if isinstance(event, Completed):
            self._keep()

    def _keep(self) -> None:
        if self.run and self.queued and self.recorder and self.recorder.has_steps:
            watched = self.queued.watch > 0
            self.session.keep(self.run.id, self.recorder.trace(), watched=watched)

    def _unattended(self, run: Run) -> bool:
        driver = self.driver
        return driver is not None and not self.session.bus.is_attended(run, driver)
