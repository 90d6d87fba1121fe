"""The promises of every sampler, whatever it does inside. New samplers join `arms.SAMPLERS`."""

import threading
from collections.abc import Callable
from contextlib import closing
from itertools import pairwise

import pytest
import torch
from torch import Tensor

from flow.sequence import OmniSequence, Segment
from samplers.counter_rng import CounterRNG
from samplers.denoiser import Denoiser
from samplers.source import random_source
from samplers.step import Step
from tests.fakes import CountingDenoiser, OracleDenoiser, RandomDenoiser, UniformDenoiser
from tests.samplers.arms import (
    ANSWER,
    LENGTHS,
    MIXED,
    PICTURE,
    SAMPLERS,
    SPACES,
    Sampler,
    mixed_sequence,
)


@pytest.fixture(params=SAMPLERS, ids=lambda name: name.replace(" ", "-"))
def make_sampler(request: pytest.FixtureRequest) -> Callable[[int], Sampler]:
    return SAMPLERS[request.param]


def _run(sampler: Sampler, draws: CounterRNG, denoiser: Denoiser | None = None) -> list[Step]:
    chosen = RandomDenoiser(SPACES) if denoiser is None else denoiser
    return list(sampler.sample(chosen, mixed_sequence(sampler.source, draws), draws=draws))


def _mask(segment: Segment) -> Tensor:
    return (segment.editable & segment.valid).unsqueeze(-1).expand_as(segment.tokens)


@pytest.mark.parametrize("steps", [1, 2, 33])
def test_there_are_num_steps_steps_up_to_time_one(
    make_sampler: Callable[[int], Sampler], steps: int
) -> None:
    run = _run(make_sampler(steps), CounterRNG.for_seed(0))
    assert [step.index for step in run] == list(range(steps))
    assert {step.num_steps for step in run} == {steps}
    assert [step.last for step in run] == [*[False] * (steps - 1), True]
    times = [0.0, *(step.t for step in run)]
    assert all(before < after for before, after in pairwise(times))
    assert run[-1].t == 1.0


def test_frozen_positions_never_change(make_sampler: Callable[[int], Sampler]) -> None:
    draws = CounterRNG.for_seed(1, 3)
    sampler = make_sampler(6)
    x_0 = mixed_sequence(sampler.source, draws, padding=2)
    run = list(sampler.sample(RandomDenoiser(SPACES), x_0, draws=draws))
    moved = [torch.zeros_like(s.tokens, dtype=torch.bool) for s in x_0.segments]
    for step in run:
        assert set(step.x_1) == set(step.changed) == set(step.confidence) == {1, 2, 3}
        for i, (source, state) in enumerate(zip(x_0.segments, step.x_t.segments, strict=True)):
            frozen = ~_mask(source)
            assert torch.equal(state.tokens[frozen], source.tokens[frozen])
            assert torch.equal(state.editable, source.editable)
            assert torch.equal(state.valid, source.valid)
            moved[i] |= state.tokens != source.tokens
            if i in step.x_1:
                assert torch.equal(step.x_1[i][frozen], source.tokens[frozen])
                assert not step.changed[i][frozen].any()
                assert bool((step.confidence[i][frozen] == 1).all())
    for i in (PICTURE, MIXED, ANSWER):
        assert moved[i].any(), "nothing moved: the test cannot fail"


def test_changed_is_what_differs_from_the_state_before(
    make_sampler: Callable[[int], Sampler],
) -> None:
    draws = CounterRNG.for_seed(2, 2)
    sampler = make_sampler(5)
    before = mixed_sequence(sampler.source, draws)
    for step in sampler.sample(RandomDenoiser(SPACES), before, draws=draws):
        for i, changed in step.changed.items():
            assert torch.equal(changed, step.x_t.segments[i].tokens != before.segments[i].tokens)
        before = step.x_t


def test_states_and_predictions_are_allowed_ids(make_sampler: Callable[[int], Sampler]) -> None:
    draws = CounterRNG.for_seed(3, 8)
    for step in _run(make_sampler(6), draws, UniformDenoiser(SPACES)):
        for i in step.x_1:
            space = SPACES[step.x_t.segments[i].modality]
            for tokens in (step.x_t.segments[i].tokens, step.x_1[i]):
                drawn = tokens[tokens != space.mask_id] if tokens is not step.x_1[i] else tokens
                assert 0 <= int(drawn.min()) <= int(drawn.max()) < space.cardinality
                assert not torch.isin(tokens, torch.tensor(space.forbidden)).any()
            confidence = 1 / (space.cardinality - len(space.forbidden))
            active = _mask(step.x_t.segments[i])
            assert bool(((step.confidence[i][active] - confidence).abs() < 1e-6).all())


def _equal(one: list[Step], other: list[Step]) -> bool:
    return all(
        torch.equal(a.x_t.segments[i].tokens, b.x_t.segments[i].tokens)
        and torch.equal(a.x_1[i], b.x_1[i])
        and torch.equal(a.changed[i], b.changed[i])
        and torch.equal(a.confidence[i], b.confidence[i])
        for a, b in zip(one, other, strict=True)
        for i in a.x_1
    )


def test_the_seed_decides(make_sampler: Callable[[int], Sampler]) -> None:
    one, again, other = (_run(make_sampler(6), CounterRNG.for_seed(seed)) for seed in (5, 5, 6))
    assert _equal(one, again)
    assert not _equal(one, other)


def test_a_global_seed_is_neither_used_nor_moved(make_sampler: Callable[[int], Sampler]) -> None:
    torch.manual_seed(0)
    one = _run(make_sampler(4), CounterRNG.for_seed(5))
    here = torch.random.get_rng_state()
    torch.manual_seed(1)
    assert _equal(one, _run(make_sampler(4), CounterRNG.for_seed(5)))
    torch.manual_seed(0)
    assert torch.equal(here, torch.random.get_rng_state())


def test_a_row_of_a_batch_equals_the_row_alone(make_sampler: Callable[[int], Sampler]) -> None:
    together = _run(make_sampler(6), CounterRNG.for_seed(20, 4))
    for row in range(4):
        alone = _run(make_sampler(6), CounterRNG.for_seed(20 + row))
        for a, b in zip(together, alone, strict=True):
            for i in a.x_1:
                assert torch.equal(a.x_t.segments[i].tokens[row], b.x_t.segments[i].tokens[0])
                assert torch.equal(a.x_1[i][row], b.x_1[i][0])
                assert torch.equal(a.confidence[i][row], b.confidence[i][0])


def test_padding_changes_nothing(make_sampler: Callable[[int], Sampler]) -> None:
    draws = CounterRNG.for_seed(30, 2)
    sampler = make_sampler(6)
    plain = _run(sampler, draws)
    padded = list(
        sampler.sample(
            RandomDenoiser(SPACES), mixed_sequence(sampler.source, draws, padding=3), draws=draws
        )
    )
    for a, b in zip(plain, padded, strict=True):
        for i, length in LENGTHS.items():
            assert torch.equal(a.x_1[i], b.x_1[i][:, :length])
            assert torch.equal(a.x_t.segments[i].tokens, b.x_t.segments[i].tokens[:, :length])


def test_no_tensor_is_shared_between_yields(make_sampler: Callable[[int], Sampler]) -> None:
    draws = CounterRNG.for_seed(7, 2)
    sampler = make_sampler(5)
    x_0 = mixed_sequence(sampler.source, draws)
    snapshot = [s.tokens.clone() for s in x_0.segments]
    run = list(sampler.sample(RandomDenoiser(SPACES), x_0, draws=draws))
    fresh = [
        tensor
        for step in run
        for i in step.x_1
        for tensor in (
            step.x_t.segments[i].tokens,
            step.x_1[i],
            step.changed[i],
            step.confidence[i],
        )
    ]
    storages = {tensor.untyped_storage().data_ptr() for tensor in fresh}
    assert len(storages) == len(fresh)
    assert not storages & {s.tokens.untyped_storage().data_ptr() for s in x_0.segments}
    assert all(torch.equal(a, s.tokens) for a, s in zip(snapshot, x_0.segments, strict=True))


def test_a_step_is_never_written_after_its_yield(make_sampler: Callable[[int], Sampler]) -> None:
    draws = CounterRNG.for_seed(8, 2)
    sampler = make_sampler(5)
    kept: list[tuple[Step, list[Tensor]]] = []
    for step in sampler.sample(
        RandomDenoiser(SPACES), mixed_sequence(sampler.source, draws), draws=draws
    ):
        kept.append((step, [t.clone() for i in step.x_1 for t in _tensors(step, i)]))
    for step, copies in kept:
        tensors = [t for i in step.x_1 for t in _tensors(step, i)]
        assert all(torch.equal(a, b) for a, b in zip(tensors, copies, strict=True))


def _tensors(step: Step, i: int) -> tuple[Tensor, ...]:
    return step.x_t.segments[i].tokens, step.x_1[i], step.changed[i], step.confidence[i]


def test_closing_half_way_is_clean(make_sampler: Callable[[int], Sampler]) -> None:
    draws = CounterRNG.for_seed(9)
    sampler = make_sampler(8)
    denoiser = CountingDenoiser(RandomDenoiser(SPACES))
    stream = sampler.sample(denoiser, mixed_sequence(sampler.source, draws), draws=draws)
    with closing(stream):  # type: ignore[type-var]
        next(stream)
        next(stream)
    assert len(denoiser.times) == 2
    assert list(stream) == []
    assert not torch.is_inference_mode_enabled()


def test_nothing_leaks_into_whoever_iterates(make_sampler: Callable[[int], Sampler]) -> None:
    """Inference mode is on in every step, off between steps, and survives a change of thread."""
    draws = CounterRNG.for_seed(10)
    sampler = make_sampler(4)
    modes: list[bool] = []

    def watching(x_t: OmniSequence, t: float) -> object:
        modes.append(torch.is_inference_mode_enabled())
        return RandomDenoiser(SPACES)(x_t, t)

    stream = sampler.sample(watching, mixed_sequence(sampler.source, draws), draws=draws)  # type: ignore[arg-type]
    for _ in range(4):
        thread = threading.Thread(target=next, args=(stream,))
        thread.start()
        thread.join()
        assert not torch.is_inference_mode_enabled()
    assert modes == [True] * 4


def test_the_oracle_recovers_x_1(make_sampler: Callable[[int], Sampler]) -> None:
    draws = CounterRNG.for_seed(11, 3)
    sampler = make_sampler(5)
    answers = mixed_sequence(random_source, CounterRNG.for_seed(99, 3))
    x_1 = {i: answers.segments[i].tokens for i in LENGTHS}
    x_0 = mixed_sequence(sampler.source, draws)
    run = list(sampler.sample(OracleDenoiser(SPACES, x_1), x_0, draws=draws))
    for step in run:
        for i, answer in x_1.items():
            active = _mask(x_0.segments[i])
            assert torch.equal(step.x_1[i][active], answer[active])
            assert bool((step.confidence[i] == 1).all())
    for i, answer in x_1.items():
        active = _mask(x_0.segments[i])
        assert torch.equal(run[-1].x_t.segments[i].tokens[active], answer[active])
        assert not torch.equal(run[0].x_t.segments[i].tokens[active], answer[active])


def test_the_last_state_is_the_last_prediction(make_sampler: Callable[[int], Sampler]) -> None:
    last = _run(make_sampler(5), CounterRNG.for_seed(12, 2))[-1]
    for i, x_1 in last.x_1.items():
        assert torch.equal(last.x_t.segments[i].tokens, x_1)


@pytest.mark.parametrize("steps", [1, 6])
def test_one_network_call_a_step(make_sampler: Callable[[int], Sampler], steps: int) -> None:
    denoiser = CountingDenoiser(UniformDenoiser(SPACES))
    draws = CounterRNG.for_seed(13)
    sampler = make_sampler(steps)
    run = list(
        sampler.sample(denoiser, mixed_sequence(sampler.source, draws, padding=4), draws=draws)
    )
    assert [step.nfe for step in run] == list(range(1, steps + 1))
    assert denoiser.times == [0.0, *(step.t for step in run[:-1])]
    assert {step.num_active for step in run} == {9 + 3 + 5}
    for state, step in zip(denoiser.states[1:], run, strict=False):
        assert state is step.x_t, "the network sees the state that was shown"
