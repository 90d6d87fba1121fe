"""Runs of many threads: each as if it were alone, in turn, and only as far as somebody asks."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest

from engine.api.conversation import Conversation
from engine.api.events import Completed, Event
from engine.api.request import Modality, Request
from engine.api.sampling import Sampling
from engine.engine import Engine
from serving.engines.shared_engine import SharedEngine
from tests.fake_engine import FakeEngine

NANO = Path(__file__).resolve().parents[2] / "assets/nano"
SENTENCE = "that word is not known"


class Noting:
    """A scripted engine; `order` says which prompt had each item computed, `closed` which ended."""

    def __init__(self) -> None:
        self.order: list[str] = []
        self.closed: list[str] = []

    def generate(self, request: Request, **how: object) -> Iterator[Event]:
        name = request.conversation.turns[-1].parts[-1].text or ""
        try:
            for event in FakeEngine(0.0).generate(request):
                self.order.append(name)
                yield event
                if name == "wrong":
                    raise ValueError(SENTENCE)
        finally:
            self.closed.append(name)


def asked(prompt: str, steps: int = 3, seed: int = 0) -> Request:
    sampling = Sampling(steps=steps, guidance_scale=2.0, transition="midpoint", seed=seed)
    return Request(Conversation.ask(prompt), Modality.IMAGE, sampling)


def shared(noting: Noting, at_once: int = 4) -> SharedEngine:
    return SharedEngine(cast(Engine, noting), at_once)


def codes(events: Iterator[Event]) -> np.ndarray:
    *_, last = events
    assert isinstance(last, Completed)
    return last.answers[0].tokens


def test_pictures_that_are_asked_for_at_once_are_those_of_running_alone() -> None:
    engine = Engine.load(NANO, "cpu")
    requests = [asked("a red heart", steps, seed) for seed, steps in enumerate((3, 4, 4, 6))]
    alone = [codes(engine.generate(request, preview_hz=0)) for request in requests]
    together = SharedEngine(engine, 4)
    with ThreadPoolExecutor(4) as threads:
        found = list(threads.map(lambda r: codes(together.generate(r, preview_hz=0)), requests))
    assert all(map(np.array_equal, found, alone))


def test_nothing_is_computed_before_somebody_asks() -> None:
    noting = Noting()
    events = shared(noting).generate(asked("a dog", steps=40))
    assert noting.order == []
    next(events)
    next(events)
    assert noting.order == ["a dog"] * 2
    events.close()


def test_a_short_run_is_not_held_up_by_a_long_one() -> None:
    noting = Noting()
    engine = shared(noting, at_once=1)
    long, short = engine.generate(asked("long", 60)), engine.generate(asked("short", 3))
    next(long)
    with ThreadPoolExecutor(2) as threads:
        ends = [threads.submit(codes, run) for run in (long, short)]
        assert all(end.result() is not None for end in ends)
    last_of_short = len(noting.order) - noting.order[::-1].index("short")
    assert noting.order[last_of_short:].count("long") > 20


def test_what_is_left_ends_and_what_fails_says_why() -> None:
    noting = Noting()
    engine = shared(noting)
    left = engine.generate(asked("left"))
    next(left)
    left.close()
    with pytest.raises(ValueError, match=SENTENCE):
        list(engine.generate(asked("wrong")))
    assert codes(engine.generate(asked("a dog"))) is not None
    assert set(noting.closed) == {"left", "wrong", "a dog"}


def test_everything_else_is_the_engines_own() -> None:
    engine: Any = FakeEngine(0.0)
    together = SharedEngine(engine, 2)
    assert (together.digest, together.info()) == (engine.digest, engine.info())
    assert together.at_once == 2
