"""A race: runs of one request by several methods, a step of each in turn.

The seconds of each are those of its own steps. Owns: the turns and the clocks. Does not own: a
single run (`app.stream.run_driver`).
"""

import time
from collections.abc import Generator, Iterator, Sequence
from contextlib import ExitStack, closing
from dataclasses import replace

from app.session import Session
from app.stream.run_driver import PULSE_S, Generate
from engine.api.events import CandidateDone, Event
from engine.api.request import Request
from engine.api.sampling import SAMPLERS, sampler_of


def racing_methods(methods: Sequence[str], chosen: str, usual: str) -> dict[str, str]:
    """Return a method of each sampler and its label: the chosen one, else the usual, else the
    first."""
    found: dict[str, str] = {}
    for sampler, spec in SAMPLERS.items():
        own = [method for method in methods if sampler_of(method) == sampler]
        preferred = [method for method in (chosen, usual) if method in own]
        if own:
            found[(preferred or own)[0]] = spec.label
    return found


def drive_in_turn(
    session: Session, tickets: Sequence[str], driver: str | None = None
) -> Iterator[dict[str, dict[str, object]]]:
    """Drive the runs, a step of each in turn. Yields now and then the state of those that nobody
    watches, by ticket. driver: see `app.session.Session.drive`."""
    with ExitStack() as stack:
        runs = {}
        for ticket in tickets:
            steps = session.drive(ticket, driver, clocked=on_own_clock, pulse_s=0.0).steps()
            runs[ticket] = stack.enter_context(closing(steps))
        seen: dict[str, dict[str, object]] = {}
        due = 0.0
        while runs:
            for ticket, steps in list(runs.items()):
                try:
                    value = next(steps)
                except StopIteration:
                    del runs[ticket]
                    continue
                if value is not None:
                    seen[ticket] = value
            if time.monotonic() >= due or not runs:
                yield {ticket: seen[ticket] for ticket in tickets if ticket in seen}
                due = time.monotonic() + PULSE_S


def on_own_clock(generate: Generate) -> Generate:
    """Return the same generation whose events count the seconds that were spent on it alone."""

    def run(request: Request) -> Generator[Event]:
        spent_s = 0.0
        with closing(_as_generator(generate(request))) as events:
            while True:
                begun_s = time.perf_counter()
                event = next(events, None)
                spent_s += time.perf_counter() - begun_s
                if event is None:
                    return
                yield (
                    event if isinstance(event, CandidateDone) else replace(event, elapsed_s=spent_s)
                )

    return run


def _as_generator(events: Iterator[Event]) -> Generator[Event]:
    yield from events
