"""What the tabs share: the engine, the bus, and how one run is driven and stopped.

A run lives in two Gradio events. The first, outside the queue, checks the input and opens the run, so a
bad value is answered at once and the page shows the visitor's place in line; the second, in the queue
with one slot for the model, drives it.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Protocol

from app import render
from app.forms import BadInput
from app.live import Run, StepBus
from app.pump import Generate, Outcome, Pumping
from engine.events import Event
from engine.request import MAX_STEPS, Request

MODEL_SLOT = {"concurrency_limit": 1, "concurrency_id": "model"}
"""Gradio's arguments for every event that runs the model: one at a time."""
NEVER_RAN = "Too many people are waiting right now. Your words are still here: try again in a minute."
STOPPED_IN_LINE = "Stopped before it began."
BUSY = "One answer at a time: press Stop first, or wait for this one."
SECONDS_PER_STEP = 0.25
SECONDS_TO_BEGIN = 10


class Engine(Protocol):
    """What the page needs of an engine."""

    def generate(self, request: Request) -> Iterator[Event]: ...

    def info(self) -> dict[str, object]: ...


@dataclass
class Session:
    """One page served by one engine. tickets: requests whose runs wait for their turn."""

    engine: Engine
    bus: StepBus = field(default_factory=StepBus)
    tickets: dict[str, Request] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._generate: Generate = on_gpu(self.engine.generate)

    def open(self, request: Request, owner: str) -> Run:
        """A run in line, found again by its id when its turn comes."""
        run = self.bus.open(owner)
        self.tickets[run.id] = request
        for stale in [i for i in self.tickets if self.bus.find(i) is None]:
            self.tickets.pop(stale, None)
        return run

    def drive(self, run_id: str) -> "Drive":
        """The run whose turn has come; iterate to drive it."""
        return Drive(self, run_id)

    def refuse_if_busy(self, run_id: str) -> None:
        """Raises: BadInput while this visitor's last run is still under way."""
        run = self.bus.find(run_id)
        if run is not None and not run.ended:
            raise BadInput(BUSY, "prompt")

    def stop(self, run_id: str) -> bool:
        """Stop within one step; what still waits in line is over at once. Whether it still runs."""
        run = self.bus.find(run_id)
        if run is None:
            return False
        run.stop()
        if not run.begun:
            self.bus.end(run, render.failed(STOPPED_IN_LINE))
        return not run.ended

    def close(self, run_id: str) -> None:
        """After its event, however that went: a run that never ran is told so."""
        run = self.bus.find(run_id)
        if run is not None:
            self.bus.end(run, render.failed(NEVER_RAN))


class Drive:
    """One run being driven. Each pulse is the fallback's value, or None while a websocket carries it."""

    def __init__(self, session: Session, run_id: str) -> None:
        self.session = session
        self.run = session.bus.find(run_id)
        self.request = session.tickets.pop(run_id, None)
        self.outcome: Outcome | None = None

    def __iter__(self) -> Iterator[dict[str, object] | None]:
        if self.run is None or self.request is None or self.run.ended:
            return
        pumping = Pumping(self.session._generate, self.request, self.run, self.session.bus)
        for _ in pumping:
            yield None if self.run.watched else self.run.snapshot()
        self.outcome = pumping.outcome
        yield self.run.snapshot()


def on_gpu(generate: Generate) -> Generate:
    """`generate` on a ZeroGPU worker where there is one; elsewhere `generate` itself."""
    try:
        import spaces
    except ImportError:
        return generate

    def on_worker(request: Request) -> Iterator[Event]:
        yield from generate(request)

    decorate: Callable[[Generate], Generate] = spaces.GPU(duration=seconds_needed)
    return decorate(on_worker)


def seconds_needed(request: Request) -> int:
    """What a run may take at most; ZeroGPU charges it in advance, so it is not generous."""
    steps = request.sampling.steps or MAX_STEPS
    return round(SECONDS_TO_BEGIN + SECONDS_PER_STEP * steps)
