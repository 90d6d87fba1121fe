"""Steps arrive in order and complete, and a failing device is explained."""

import math
from collections.abc import Generator, Sequence

import pytest
import torch

from engine.api.conversation import Conversation
from engine.api.errors import DeviceError, explained
from engine.api.request import Request
from engine.api.sampling import Sampling
from engine.engine import Engine
from engine.generation.host_transfer import host_steps
from engine.generation.planner import SegmentPlan
from engine.media.preview import (
    FILM_SHARE,
    LARGEST_SHARE,
    PREDICTION_EVERY,
    PicturePreview,
    PreviewClock,
)
from flow.modality import Modality
from samplers.counter_rng import CounterRNG
from samplers.step import Step

REQUEST = Request(Conversation.ask("draw a dog"), Modality.IMAGE, Sampling(steps=4, seed=3))


def _plan(engine: Engine) -> SegmentPlan:
    sampling = engine.planner.complete(REQUEST.sampling, Modality.IMAGE)
    prompt = engine.builder.prompt_of(REQUEST, Modality.IMAGE)
    return engine.planner.plan(prompt, Modality.IMAGE, sampling, CounterRNG.for_seed(3), 0)


def test_every_step_lands_with_its_own_tensors(tiny_engine: Engine) -> None:
    plan, seen = _plan(tiny_engine), []

    class Seen(SegmentPlan):
        def steps(self) -> Generator[Step]:
            for step in super().steps():
                seen.append(step)
                yield step

    watched = Seen(plan.sampler, plan.denoiser, plan.x_0, plan.draws)
    preview = PicturePreview(tiny_engine.model.vision)
    landed = list(host_steps(watched, preview, PreviewClock.at(0)))
    assert [one.step.index for one in landed] == [0, 1, 2, 3]
    for one, step in zip(landed, seen, strict=True):
        assert one.x_t.tolist() == step.x_t.segments[-1].tokens[0].tolist()
        assert one.confidence.shape == one.changed.shape == one.x_1.shape
    assert [one.shown is not None for one in landed] == [False, False, False, True]


def test_closing_it_closes_the_sampler(tiny_engine: Engine) -> None:
    plan = _plan(tiny_engine)
    steps = plan.steps()

    class Held(SegmentPlan):
        def steps(self) -> Generator[Step]:
            return steps

    held = Held(plan.sampler, plan.denoiser, plan.x_0, plan.draws)
    flight = host_steps(held, None, PreviewClock.at(0))
    next(flight)
    flight.close()
    with pytest.raises(StopIteration):
        next(steps)


@pytest.mark.parametrize(
    ("failure", "says"),
    [
        (torch.OutOfMemoryError("CUDA out of memory. Tried to allocate"), "ran out of memory"),
        (torch.AcceleratorError("CUDA error: an illegal memory access"), "started again"),
    ],
)
def test_a_failing_device_is_explained(failure: Exception, says: str) -> None:
    freed: list[bool] = []
    with pytest.raises(DeviceError, match=says), explained(lambda: freed.append(True)):
        raise failure
    assert freed == ([True] if "memory" in says else [])
    with pytest.raises(KeyError), explained(lambda: None):
        raise KeyError


def _watched(
    step_s: float, costs_s: Sequence[float], num_steps: int, share: float
) -> tuple[float, float, int]:
    """Seconds in all, seconds spent on previews, and how many there were."""
    clock, now, spent, shown = PreviewClock.at(15.0), 100.0, 0.0, 0
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("engine.media.preview.time.monotonic", lambda: now)
        for number in range(num_steps):
            now += step_s
            if clock.is_due(last=number == num_steps - 1):
                cost = costs_s[shown]
                clock.shown(now, cost, share)
                now, spent, shown = now + cost, spent + cost, shown + 1
    return now - 100, spent, shown


def test_previews_take_their_share_of_the_time_and_no_more() -> None:
    """Steps of 23 ms, previews of 6 ms with one of 60 among them."""
    costs = [0.06 if number == 7 else 0.006 for number in range(400)]
    seconds, spent, shown = _watched(0.023, costs, 400, LARGEST_SHARE)
    assert spent / seconds < LARGEST_SHARE + 0.07 / seconds
    assert shown / seconds > 0.95 * LARGEST_SHARE / 0.006


def test_a_recording_shows_every_step() -> None:
    clock = PreviewClock.at(math.inf)
    for number in range(4):
        assert clock.is_due(last=False) and clock.with_prediction(last=False), number
        clock.shown(0.0, 9.0)


def test_most_of_the_few_steps_of_a_film_are_shown() -> None:
    """Eight steps of 270 ms, decoded in 42 ms, or 84 with the prediction, on one core."""
    costs = [0.042 * (1 if number % PREDICTION_EVERY else 2) for number in range(8)]
    seconds, spent, shown = _watched(0.27, costs, 8, FILM_SHARE)
    assert shown > 4
    assert spent / seconds < FILM_SHARE
