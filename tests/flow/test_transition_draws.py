"""Draws of a refinement step follow its law, and end where they may."""

import math
from itertools import pairwise

import pytest
import torch
from scipy.stats import chisquare

import flow.inverse_cdf
from flow.metric import CodebookMetric
from flow.schedule import PAPER, uniform_grid
from flow.transition import (
    TRANSITIONS,
    Interval,
    advance,
    thinning,
)
from samplers.counter_rng import CounterRNG
from tests.flow.transition_cases import (
    ONE_JUMP,
    code_numbers,
    from_everywhere,
    intervals,
    law_of,
    matrix_of,
    numbers,
    random_metric,
    random_states,
)

NAMES = tuple(TRANSITIONS)


@pytest.fixture(scope="module")
def metric() -> CodebookMetric:
    return random_metric(64, 8)


@pytest.mark.parametrize("name", ONE_JUMP)
def test_draws_leave_and_land_as_the_law_says(name: str, metric: CodebookMetric) -> None:
    num, target, state = 20_000, 5, 12
    interval = Interval.of(PAPER, 0.4, 0.5)
    distances = metric.distances(0, torch.full((num,), target))
    new = TRANSITIONS[name](distances, torch.full((num,), state), interval, numbers(7, num))
    leave, destination = law_of(name)(distances[:1].double(), torch.tensor([state]), interval)
    p = leave * destination[0] / destination.sum()
    p[state] = 1 - float(leave)
    counts = new.bincount(minlength=64).double()
    assert bool((counts[p == 0] == 0).all())
    frequent = num * p > 5
    observed = torch.cat([counts[frequent], counts[~frequent].sum()[None]])
    expected = torch.cat([num * p[frequent], num * p[~frequent].sum()[None]])
    assert chisquare(observed.numpy(), (expected * num / expected.sum()).numpy()).pvalue > 1e-3


@pytest.mark.parametrize("name", ONE_JUMP)
def test_a_simulated_chain_has_the_exact_chains_marginal(name: str) -> None:
    metric = random_metric(16, 4)
    batch, length, target = 50, 200, 3
    draws = CounterRNG.for_seed(1, batch)
    x_1 = torch.full((batch, length, 1), target)
    x_t = (draws.uniform(0, 0, (length, 1)) * 16).long()
    distances, _ = from_everywhere(metric, target)
    p = torch.full((16,), 1 / 16, dtype=torch.float64)
    for step, interval in enumerate(intervals(8)[:5]):
        x_t = advance(
            TRANSITIONS[name],
            metric,
            x_t,
            x_1,
            interval,
            code_numbers(draws, step, (length, 1)),
        )
        p = p @ matrix_of(TRANSITIONS[name], distances, interval)
        counts = x_t.flatten().bincount(minlength=16).double()
        assert chisquare(counts.numpy(), (batch * length * p).numpy()).pvalue > 1e-3


def test_thinning_is_the_process_that_fine_steps_approach() -> None:
    """One step of thinning over [.3, .7] against 512 midpoint steps: the whole law, from every
    state."""
    metric = random_metric(12, 4, seed=3)
    target, num = 3, 8000
    distances, states = from_everywhere(metric, target)
    exact = torch.eye(12, dtype=torch.float64)
    for low, high in pairwise(uniform_grid(512)):
        interval = Interval.of(PAPER, 0.3 + 0.4 * low, 0.3 + 0.4 * high)
        exact = exact @ matrix_of(TRANSITIONS["midpoint"], distances, interval)
    whole = Interval.of(PAPER, 0.3, 0.7)
    for state in states.tolist():
        rows = metric.distances(0, torch.full((num,), target))
        new = thinning(rows, torch.full((num,), state), whole, numbers(state, num))
        counts, expected = new.bincount(minlength=12).double(), exact[state] * num
        assert bool((counts[expected < 1e-9] == 0).all())
        kept = expected > 5
        seen = torch.cat([counts[kept], counts[~kept].sum()[None]])
        due = torch.cat([expected[kept], expected[~kept].sum()[None]])
        if float(due[-1]) < 1e-6:
            seen, due = seen[:-1], due[:-1]
        if len(due) > 1:
            assert chisquare(seen.numpy(), (due * num / due.sum()).numpy()).pvalue > 1e-4, state
    assert int((new != state).sum()) > 0


def test_thinning_leaves_as_the_closed_form_says() -> None:
    """All distances equal: a state stays with (e^{b_0} + K - 1) / (e^{b_1} + K - 1)."""
    metric = CodebookMetric.of(torch.eye(8)[None])
    num, whole = 40_000, Interval.of(PAPER, 0.2, 0.6)
    new = thinning(
        metric.distances(0, torch.full((num,), 5)), torch.full((num,), 2), whole, numbers(1, num)
    )
    stay = (math.exp(whole.b_0) + 7) / (math.exp(whole.b_1) + 7)
    assert float((new == 2).float().mean()) == pytest.approx(stay, abs=4 * (0.25 / num) ** 0.5)
    assert set(new.unique().tolist()) == {2, 5}


@pytest.mark.parametrize("name", NAMES)
def test_the_last_step_lands_on_x_1(name: str, metric: CodebookMetric) -> None:
    x_t, x_1 = (random_states(seed, (2, 9, 1), 64) for seed in (0, 100))
    last = Interval.of(PAPER, 0.9, 1.0)
    assert last.b_1 == math.inf
    new = advance(TRANSITIONS[name], metric, x_t, x_1, last, lambda _: torch.full((2, 9, 1), 0.5))
    assert torch.equal(new, x_1)
    assert new.data_ptr() != x_1.data_ptr()


@pytest.mark.parametrize("name", NAMES)
def test_codes_on_x_1_stay_and_the_rest_may_move(name: str, metric: CodebookMetric) -> None:
    x_t, x_1 = (random_states(seed, (2, 50, 1), 64) for seed in (0, 100))
    x_1[:, ::2] = x_t[:, ::2]
    before = x_t.clone()
    numbers = code_numbers(CounterRNG.for_seed(4, 2), 0, (50, 1))
    new = advance(TRANSITIONS[name], metric, x_t, x_1, Interval.of(PAPER, 0.5, 0.9), numbers)
    assert torch.equal(new[:, ::2], x_t[:, ::2])
    away = x_t != x_1
    assert int((new[away] != x_t[away]).sum()) > 20
    assert torch.equal(x_t, before)


@pytest.mark.parametrize("name", NAMES)
def test_forbidden_and_duplicate_ids_never_appear(name: str) -> None:
    codes = torch.randn(2, 10, 4, generator=torch.Generator().manual_seed(5))
    codes[:, 6] = codes[:, 2]
    metric = CodebookMetric.of(codes, forbidden=(0, 9))
    states = metric.states[0].nonzero().squeeze(1)
    draws = CounterRNG.for_seed(2, 40)
    x_t, x_1 = (states[(draws.uniform(0, s, (50, 2)) * 7).long()] for s in (8, 9))
    for step, interval in enumerate(intervals(8)):
        x_t = advance(
            TRANSITIONS[name], metric, x_t, x_1, interval, code_numbers(draws, step, (50, 2))
        )
        assert bool(torch.isin(x_t, states).all())


@pytest.mark.parametrize("name", NAMES)
def test_chunks_and_codebooks_change_nothing(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    generator = torch.Generator().manual_seed(6)
    metric = CodebookMetric.of(torch.randn(3, 16, 4, generator=generator))
    x_t, x_1 = (random_states(seed, (4, 11, 3), 16) for seed in (0, 100))
    draws = CounterRNG.for_seed(3, 4)
    uniforms = code_numbers(draws, 0, (11, 3))
    interval = Interval.of(PAPER, 0.4, 0.7)
    whole = advance(TRANSITIONS[name], metric, x_t, x_1, interval, uniforms)
    assert not torch.equal(whole, x_t)
    monkeypatch.setattr(flow.inverse_cdf, "CHUNK_ELEMENTS", 40)
    assert torch.equal(advance(TRANSITIONS[name], metric, x_t, x_1, interval, uniforms), whole)
    for q in range(3):
        alone = CodebookMetric.of(metric.codes[q : q + 1])
        part = (x[..., q : q + 1] for x in (x_t, x_1))
        new = advance(
            TRANSITIONS[name], alone, *part, interval, lambda k, q=q: uniforms(k)[..., q : q + 1]
        )
        assert torch.equal(new, whole[..., q : q + 1])
