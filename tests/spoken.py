"""Requests for sounds and about sounds, and what comes of them: for the tests of hearing and
speaking."""

from dataclasses import replace

import numpy as np

from engine.api.conversation import Conversation, Part, Turn
from engine.api.events import Answer, Completed, Event
from engine.api.request import Request
from engine.api.sampling import Sampling
from engine.engine import Engine
from engine.inspection.trace import Trace
from engine.inspection.trace_file import read_trace, trace_bytes
from flow.modality import Modality

NOISE = np.random.default_rng(0).normal(0, 0.06, 7000).astype(np.float32)


def request_of(seed: int = 0, *, aloud: bool = False, **settings: str) -> Request:
    to = Modality.TEXT if aloud else Modality.AUDIO
    sampling = replace(Sampling(steps=2, seed=seed), **settings)
    return Request(Conversation.ask("say hello"), to, sampling, aloud=aloud)


def events_of_run(engine: Engine, request: Request, **options: float) -> list[Event]:
    return list(engine.generate(request, preview_hz=options.get("preview_hz", 0)))


def answers_of(events: list[Event]) -> tuple[Answer, ...]:
    assert isinstance(events[-1], Completed)
    return events[-1].answers


def about(*parts: Part) -> Request:
    return Request(Conversation((Turn("user", parts),)), Modality.TEXT)


def traced(events: list[Event], engine: Engine) -> Trace:
    """What is read of the run's file."""
    recorder = engine.recorder()
    for event in events:
        recorder.see(event)
    return read_trace(trace_bytes(recorder.trace()))
