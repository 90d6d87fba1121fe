"""Laws of one refinement step. Reference values: the measured table of docs/maths.md."""

import math
from itertools import pairwise

import pytest
import torch
from scipy.stats import chisquare
from torch import Tensor

import flow.inverse_cdf
from flow.metric import CodebookMetric
from flow.path import path_probabilities
from flow.schedule import PAPER, Schedule, uniform_grid
from flow.transition import (
    TRANSITIONS,
    Interval,
    Law,
    SingleJump,
    Transition,
    Uniforms,
    advance,
    thinning,
)
from samplers.counter_rng import CounterRNG

NAMES = tuple(TRANSITIONS)
FROZEN = ("euler", "euler_beta", "midpoint")
ONE_JUMP = (*FROZEN, "coupling")
STEP_COUNTS = (8, 16, 32)
TARGETS = (0, 17, 40, 63)


def _random_metric(num_codes: int, dim: int, *, seed: int = 0) -> CodebookMetric:
    generator = torch.Generator().manual_seed(seed)
    return CodebookMetric.of(torch.randn(1, num_codes, dim, generator=generator))


@pytest.fixture(scope="module")
def metric() -> CodebookMetric:
    return _random_metric(64, 8)


def _intervals(num_steps: int) -> list[Interval]:
    """Every interval of a run but the last, which lands on x_1."""
    grid = uniform_grid(num_steps)[:-1]
    return [Interval.of(PAPER, t_0, t_1) for t_0, t_1 in pairwise(grid)]


def _from_everywhere(metric: CodebookMetric, target: int) -> tuple[Tensor, Tensor]:
    """Distances "K K" to the same x_1 in every row, and one state a row; float64."""
    states = torch.arange(metric.cardinality)
    return metric.distances(0, torch.full_like(states, target)).double(), states


def _law(name: str) -> Law:
    transition = TRANSITIONS[name]
    assert isinstance(transition, SingleJump)
    return transition.law


def _numbers(seed: int, num: int) -> Uniforms:
    """Number k of `num` rows."""
    draws = CounterRNG.for_seed(seed)
    return lambda k: draws.uniform(0, k, (num, 1)).flatten()


def _matrix(transition: Transition, distances: Tensor, interval: Interval) -> Tensor:
    """The exact transition matrix "K K", from row z to column x, that `law` describes."""
    assert isinstance(transition, SingleJump)
    leave, destination = transition.law(distances, torch.arange(len(distances)), interval)
    total = destination.sum(dim=-1, keepdim=True)
    jump = torch.where(total > 0, destination / total, torch.zeros_like(destination))
    return torch.diag(1 - leave) + leave[:, None] * jump


def _marginal_error(name: str, metric: CodebookMetric, num_steps: int) -> float:
    """Worst total variation over grid points t < 1 between the chain and p_t; mean over x_1."""
    worst: list[float] = []
    for target in TARGETS:
        distances, _ = _from_everywhere(metric, target)
        p = torch.full((metric.cardinality,), 1 / metric.cardinality, dtype=torch.float64)
        errors: list[float] = []
        for interval in _intervals(num_steps):
            p = p @ _matrix(TRANSITIONS[name], distances, interval)
            exact = path_probabilities(distances[:1], interval.b_1)[0]
            errors.append(float((p - exact).abs().sum()) / 2)
        worst.append(max(errors))
    return sum(worst) / len(worst)


@pytest.fixture(scope="module")
def errors(metric: CodebookMetric) -> dict[str, list[float]]:
    return {name: [_marginal_error(name, metric, n) for n in STEP_COUNTS] for name in ONE_JUMP}


def test_marginals_have_the_measured_errors(errors: dict[str, list[float]]) -> None:
    ranges = {
        "euler": ((0.20, 0.25), (0.095, 0.125), (0.045, 0.062)),
        "euler_beta": ((0.13, 0.18), (0.055, 0.085), (0.028, 0.042)),
        "midpoint": ((0.021, 0.027), (0.009, 0.012), (0.0044, 0.006)),
    }
    for name in FROZEN:
        for error, (low, high) in zip(errors[name], ranges[name], strict=True):
            assert low < error < high, (name, errors[name])


@pytest.mark.parametrize("name", FROZEN)
def test_the_error_halves_as_the_steps_double(name: str, errors: dict[str, list[float]]) -> None:
    for coarse, fine in pairwise(errors[name]):
        assert 1.7 < coarse / fine < 2.6, errors[name]


def test_midpoint_is_six_times_closer_than_euler(errors: dict[str, list[float]]) -> None:
    for euler, midpoint in zip(errors["euler"], errors["midpoint"], strict=True):
        assert midpoint < euler / 6


def test_the_exact_exposure_is_closer_than_the_printed_one(errors: dict[str, list[float]]) -> None:
    for euler, exact in zip(errors["euler"], errors["euler_beta"], strict=True):
        assert exact < 0.75 * euler


def test_coupling_has_exact_marginals(errors: dict[str, list[float]]) -> None:
    assert max(errors["coupling"]) < 1e-12


def test_coupling_changes_as_few_codes_as_any_process_can(metric: CodebookMetric) -> None:
    """The mass that moves is the total variation between the two marginals."""
    distances, states = _from_everywhere(metric, 5)
    law = _law("coupling")
    for interval in _intervals(8):
        p_0, p_1 = (path_probabilities(distances[:1], b)[0] for b in (interval.b_0, interval.b_1))
        leave, _ = law(distances, states, interval)
        assert float((p_0 * leave).sum()) == pytest.approx(float((p_1 - p_0).abs().sum()) / 2)


@pytest.mark.parametrize("name", FROZEN)
def test_the_continuity_equation_holds_on_five_tokens(name: str) -> None:
    """d p_t / dt = inflow - outflow under the rates of the path, in the clock t."""
    distances, _ = _from_everywhere(_random_metric(5, 3, seed=1), 2)
    h = 1e-6
    for t in (0.05, 0.2, 0.4, 0.6):
        before, after = (path_probabilities(distances[:1], PAPER.beta(s))[0] for s in (t, t + h))
        moved = before @ _matrix(TRANSITIONS[name], distances, Interval.of(PAPER, t, t + h))
        flow_rate, path_rate = (moved - before) / h, (after - before) / h
        assert float(path_rate.abs().max()) > 1e-3
        torch.testing.assert_close(flow_rate, path_rate, atol=1e-4, rtol=0)


@pytest.mark.parametrize("name", FROZEN)
def test_jumps_go_nearer_only_and_x_1_never_leaves(name: str, metric: CodebookMetric) -> None:
    law = _law(name)
    distances, states = _from_everywhere(metric, 5)
    for interval in _intervals(8)[1:]:
        leave, destination = law(distances, states, interval)
        assert bool((destination >= 0).all())
        nearer = distances < distances.gather(1, states[:, None])
        assert bool((destination[~nearer] == 0).all())
        assert bool((destination[nearer] > 0).all())
        assert leave[5] == 0
        assert bool(((leave >= 0) & (leave <= 1)).all())


def test_the_paper_starts_with_a_step_that_moves_nothing(metric: CodebookMetric) -> None:
    first = Interval.of(PAPER, 0.0, 0.125)
    assert first.printed_exposure == 0.0
    assert Interval.of(Schedule(c=3.0, a=1.0), 0.0, 0.125).printed_exposure == pytest.approx(0.375)
    distances, _ = _from_everywhere(metric, 5)
    eye = torch.eye(64, dtype=torch.float64)
    assert torch.equal(_matrix(TRANSITIONS["euler"], distances, first), eye)
    assert not torch.equal(_matrix(TRANSITIONS["midpoint"], distances, first), eye)


CLOSE = {"euler": 5e-3, "euler_beta": 5e-3, "midpoint": 1e-5, "coupling": 1e-12}
"""How near to the closed forms each transition comes in 256 steps."""


def _stay(name: str, distances: Tensor, state: int, num_steps: int) -> tuple[float, Interval]:
    """Probability of no jump from t = .3 to .6 in `num_steps` steps, and the whole interval."""
    stay = 1.0
    for low, high in pairwise(uniform_grid(num_steps)):
        interval = Interval.of(PAPER, 0.3 + 0.3 * low, 0.3 + 0.3 * high)
        stay *= float(_matrix(TRANSITIONS[name], distances, interval)[state, state])
    return stay, Interval.of(PAPER, 0.3, 0.6)


def test_the_farthest_state_stays_as_the_path_says(metric: CodebookMetric) -> None:
    """Nobody flows into the farthest state: it stays with probability p_b1(z) / p_b0(z)."""
    distances, _ = _from_everywhere(metric, 5)
    farthest = int(distances[0].argmax())
    for name, tolerance in CLOSE.items():
        stay, whole = _stay(name, distances, farthest, 256)
        p_0, p_1 = (
            path_probabilities(distances[:1], b)[0, farthest] for b in (whole.b_0, whole.b_1)
        )
        assert 0.02 < float(p_1 / p_0) < 0.7
        assert stay == pytest.approx(float(p_1 / p_0), abs=tolerance)


def test_equal_distances_stay_as_the_closed_form_says() -> None:
    num_codes, delta = 8, 1.0
    metric = CodebookMetric.of(torch.eye(num_codes)[None])  # orthogonal: every cosine distance is 1
    distances, _ = _from_everywhere(metric, 5)
    for name, tolerance in CLOSE.items():
        stay, whole = _stay(name, distances, 2, 256)
        weight_0, weight_1 = (math.exp(b * delta) + num_codes - 1 for b in (whole.b_0, whole.b_1))
        assert stay == pytest.approx(weight_0 / weight_1, abs=tolerance)


def test_the_probability_to_leave_lies_in_its_bracket(metric: CodebookMetric) -> None:
    """1 - e^{-(b1-b0) L(b0)} <= P(leave) <= 1 - e^{-(b1-b0) L(b1)} with L = E_p[(D(z) - D)_+]."""
    distances, states = _from_everywhere(metric, 5)
    gain = (distances.gather(1, states[:, None]) - distances).clamp(min=0)
    midpoint = _law("midpoint")
    for interval in _intervals(8):
        low, high = (
            1
            - torch.exp(
                -(interval.b_1 - interval.b_0) * (path_probabilities(distances, b) * gain).sum(-1)
            )
            for b in (interval.b_0, interval.b_1)
        )
        leave, _ = midpoint(distances, states, interval)
        away = states != 5
        assert bool((low[away] < leave[away]).all())
        assert bool((leave[away] < high[away]).all())


@pytest.mark.parametrize("name", ONE_JUMP)
def test_draws_leave_and_land_as_the_law_says(name: str, metric: CodebookMetric) -> None:
    num, target, state = 20_000, 5, 12
    interval = Interval.of(PAPER, 0.4, 0.5)
    distances = metric.distances(0, torch.full((num,), target))
    new = TRANSITIONS[name](distances, torch.full((num,), state), interval, _numbers(7, num))
    leave, destination = _law(name)(distances[:1].double(), torch.tensor([state]), interval)
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
    metric = _random_metric(16, 4)
    batch, length, target = 50, 200, 3
    draws = CounterRNG.for_seed(1, batch)
    x_1 = torch.full((batch, length, 1), target)
    x_t = (draws.uniform(0, 0, (length, 1)) * 16).long()
    distances, _ = _from_everywhere(metric, target)
    p = torch.full((16,), 1 / 16, dtype=torch.float64)
    for step, interval in enumerate(_intervals(8)[:5]):
        x_t = advance(
            TRANSITIONS[name], metric, x_t, x_1, interval, _codes(draws, step, (length, 1))
        )
        p = p @ _matrix(TRANSITIONS[name], distances, interval)
        counts = x_t.flatten().bincount(minlength=16).double()
        assert chisquare(counts.numpy(), (batch * length * p).numpy()).pvalue > 1e-3


def _codes(draws: CounterRNG, step: int, shape: tuple[int, int]) -> Uniforms:
    """Number k of every code of a step."""
    return lambda k: draws.uniform(step, 1 + k, shape)


def test_thinning_is_the_process_that_fine_steps_approach() -> None:
    """One step of thinning over [.3, .7] against 512 midpoint steps: the whole law, from every
    state."""
    metric = _random_metric(12, 4, seed=3)
    target, num = 3, 8000
    distances, states = _from_everywhere(metric, target)
    exact = torch.eye(12, dtype=torch.float64)
    for low, high in pairwise(uniform_grid(512)):
        interval = Interval.of(PAPER, 0.3 + 0.4 * low, 0.3 + 0.4 * high)
        exact = exact @ _matrix(TRANSITIONS["midpoint"], distances, interval)
    whole = Interval.of(PAPER, 0.3, 0.7)
    for state in states.tolist():
        rows = metric.distances(0, torch.full((num,), target))
        new = thinning(rows, torch.full((num,), state), whole, _numbers(state, num))
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
        metric.distances(0, torch.full((num,), 5)), torch.full((num,), 2), whole, _numbers(1, num)
    )
    stay = (math.exp(whole.b_0) + 7) / (math.exp(whole.b_1) + 7)
    assert float((new == 2).float().mean()) == pytest.approx(stay, abs=4 * (0.25 / num) ** 0.5)
    assert set(new.unique().tolist()) == {2, 5}


def _random_states(seed: int, shape: tuple[int, int, int], num_codes: int) -> Tensor:
    batch, length, num_codebooks = shape
    uniforms = CounterRNG.for_seed(seed, batch).uniform(0, 9, (length, num_codebooks))
    return (uniforms * num_codes).long()


@pytest.mark.parametrize("name", NAMES)
def test_the_last_step_lands_on_x_1(name: str, metric: CodebookMetric) -> None:
    x_t, x_1 = (_random_states(seed, (2, 9, 1), 64) for seed in (0, 100))
    last = Interval.of(PAPER, 0.9, 1.0)
    assert last.b_1 == math.inf
    new = advance(TRANSITIONS[name], metric, x_t, x_1, last, lambda _: torch.full((2, 9, 1), 0.5))
    assert torch.equal(new, x_1)
    assert new.data_ptr() != x_1.data_ptr()


@pytest.mark.parametrize("name", NAMES)
def test_codes_on_x_1_stay_and_the_rest_may_move(name: str, metric: CodebookMetric) -> None:
    x_t, x_1 = (_random_states(seed, (2, 50, 1), 64) for seed in (0, 100))
    x_1[:, ::2] = x_t[:, ::2]
    before = x_t.clone()
    numbers = _codes(CounterRNG.for_seed(4, 2), 0, (50, 1))
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
    for step, interval in enumerate(_intervals(8)):
        x_t = advance(TRANSITIONS[name], metric, x_t, x_1, interval, _codes(draws, step, (50, 2)))
        assert bool(torch.isin(x_t, states).all())


@pytest.mark.parametrize("name", NAMES)
def test_chunks_and_codebooks_change_nothing(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    generator = torch.Generator().manual_seed(6)
    metric = CodebookMetric.of(torch.randn(3, 16, 4, generator=generator))
    x_t, x_1 = (_random_states(seed, (4, 11, 3), 16) for seed in (0, 100))
    draws = CounterRNG.for_seed(3, 4)
    uniforms = _codes(draws, 0, (11, 3))
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


@pytest.mark.parametrize("ends", [(0.5, 0.5), (0.6, 0.5), (-0.1, 0.5), (0.5, 1.1)])
def test_an_interval_goes_forward(ends: tuple[float, float]) -> None:
    with pytest.raises(ValueError, match="forward"):
        Interval.of(PAPER, *ends)
