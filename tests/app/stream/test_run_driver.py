"""One generation, driven: it completes, stops with what there is, refuses, or breaks."""

from collections.abc import Iterator
from dataclasses import replace

import pytest

from app.stream.run import Run
from app.stream.run_bus import StepBus
from app.stream.run_driver import BROKEN, RunDriver
from engine.api.conversation import Conversation
from engine.api.errors import OUT_OF_MEMORY
from engine.api.events import Event, Refined, Waiting
from engine.api.request import Modality, Request
from engine.api.sampling import Sampling
from engine.engine import Engine
from tests.fake_engine import FakeEngine


def driver(text: str, to: Modality | None = None, **sampling: int) -> tuple[RunDriver, FakeEngine]:
    engine, bus = FakeEngine(step_s=0.0), StepBus()
    request = Request(Conversation.ask(text), to, Sampling(**sampling))
    return RunDriver(engine.generate, request, bus.open("visitor"), bus), engine


def kinds(run: Run) -> list[object]:
    found, _ = run.pending(0, 0)
    return [message.header["kind"] for _, message in found]


def test_a_completed_run_has_its_answers_and_a_complete_request() -> None:
    driven, _ = driver("draw a big whale by the sea")
    list(driven)
    assert driven.outcome is not None
    assert [a.modality for a in driven.outcome.answers] == [Modality.TEXT, Modality.IMAGE]
    assert driven.outcome.request.sampling.steps == 16
    assert kinds(driven.run)[-1] == "completed"


def test_stop_takes_effect_within_one_step_and_keeps_the_prediction() -> None:
    driven, engine = driver("a big whale by the sea", Modality.IMAGE)
    generate = driven.generate

    def stopped_at_five(request: Request) -> Iterator[Event]:
        for number, event in enumerate(generate(request)):
            if number == 5:
                driven.run.stop()
            yield event

    driven.generate = stopped_at_five
    list(driven)
    assert driven.outcome is not None
    assert driven.outcome.stopped
    (answer,) = driven.outcome.answers
    assert answer.image is not None
    assert engine.closed_after == [5]
    assert kinds(driven.run)[-1] == "stopped"


def test_a_closed_page_closes_the_engine() -> None:
    driven, engine = driver("a big whale by the sea", Modality.IMAGE)
    pulses = iter(driven)
    next(pulses)
    pulses.close()  # pyright: ignore[reportAttributeAccessIssue]
    assert engine.closed_after == [1]
    assert driven.run.ended


def test_the_engines_refusal_is_a_sentence() -> None:
    driven, _ = driver("refuse this", Modality.IMAGE)
    list(driven)
    assert driven.outcome is not None
    assert driven.outcome.refusal == driven.run.failure
    assert "refuses the word" in (driven.run.failure or "")


def test_a_broken_engine_is_told_to_the_visitor_and_raised_for_the_log() -> None:
    driven, _ = driver("crash", Modality.IMAGE)
    with pytest.raises(RuntimeError, match="fake engine crashed"):
        list(driven)
    assert driven.run.failure == BROKEN


def test_a_device_that_fails_half_way_is_explained() -> None:
    driven, _ = driver("lose the device", Modality.IMAGE)
    list(driven)
    assert driven.outcome is not None
    assert driven.outcome.refusal == driven.run.failure == OUT_OF_MEMORY


def test_an_engine_that_is_away_is_told_once_and_can_be_stopped() -> None:
    driven, fake = driver("a big whale by the sea", Modality.IMAGE)
    generate = driven.generate

    def away(request: Request) -> Iterator[Event]:
        events = generate(request)
        yield from (next(events), Waiting(), Waiting("away"), Waiting("away"), next(events))
        while True:
            yield Waiting("away again")

    driven.generate, driven.pulse_s = away, 0.0
    told: list[object] = []
    for _ in driven:
        told = [message.header["kind"] for _, message in driven.run.steps()]
        if told[-1] == "away" and "refined" in told:
            driven.run.stop()
    assert told == ["waiting", "away", "refined", "away"]
    assert kinds(driven.run)[0] == "started" and kinds(driven.run)[-1] == "stopped"
    assert fake.closed_after == [1]


def test_a_real_engine_speaks_the_same_events(tiny_engine: Engine) -> None:
    bus = StepBus()
    sampling = Sampling(steps=3, guidance_scale=1.0, transition="euler", seed=1)
    request = Request(Conversation.ask("a red heart"), Modality.IMAGE, sampling)
    driven = RunDriver(tiny_engine.generate, request, bus.open("visitor"), bus)
    list(driven)
    assert kinds(driven.run)[0] == "started"
    assert kinds(driven.run)[-1] == "completed"
    steps = [m.header["index"] for _, m in driven.run.steps() if m.header["kind"] == "refined"]
    assert steps == [0, 1, 2]
    assert driven.outcome is not None
    flow = tiny_engine.planner.flows[Modality.IMAGE]
    assert driven.outcome.request.sampling == replace(
        sampling,
        sampler="flow",
        mask_schedule="cosine",
        temperature=flow.temperature,
        top_p=flow.top_p,
        grid=flow.grid,
        c=flow.c,
        a=flow.a,
    )


def test_a_stop_in_a_later_draft_keeps_what_that_draft_had(tiny_engine: Engine) -> None:
    bus = StepBus()
    sampling = Sampling(seed=3, steps=4, drafts=3)
    request = Request(Conversation.ask("a dog"), Modality.IMAGE, sampling)
    driven = RunDriver(tiny_engine.generate, request, bus.open("visitor"), bus)

    def stop_in_the_second(event: Event) -> None:
        if isinstance(event, Refined) and "drafted" in kinds(driven.run) and event.index == 1:
            driven.run.stop()

    driven.see = stop_in_the_second
    list(driven)
    assert driven.outcome is not None
    assert driven.outcome.stopped
    assert driven.outcome.request.sampling.seed == 4
    assert len(driven.outcome.answers) == 1
    assert kinds(driven.run).count("drafted") == 1
