"""Laws of one refinement step. Reference values: the measured table of docs/maths.md."""

import math
from itertools import pairwise

import pytest
import torch
from torch import Tensor

from flow.metric import CodebookMetric
from flow.path import path_probabilities
from flow.schedule import PAPER, Schedule, uniform_grid
from flow.transition import (
    TRANSITIONS,
    Interval,
)
from tests.flow.transition_cases import (
    FROZEN,
    ONE_JUMP,
    from_everywhere,
    intervals,
    law_of,
    matrix_of,
    random_metric,
)

STEP_COUNTS = (8, 16, 32)
TARGETS = (0, 17, 40, 63)


@pytest.fixture(scope="module")
def metric() -> CodebookMetric:
    return random_metric(64, 8)


def _marginal_error(name: str, metric: CodebookMetric, num_steps: int) -> float:
    """Worst total variation over grid points t < 1 between the chain and p_t; mean over x_1."""
    worst: list[float] = []
    for target in TARGETS:
        distances, _ = from_everywhere(metric, target)
        p = torch.full((metric.cardinality,), 1 / metric.cardinality, dtype=torch.float64)
        errors: list[float] = []
        for interval in intervals(num_steps):
            p = p @ matrix_of(TRANSITIONS[name], distances, interval)
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
    distances, states = from_everywhere(metric, 5)
    law = law_of("coupling")
    for interval in intervals(8):
        p_0, p_1 = (path_probabilities(distances[:1], b)[0] for b in (interval.b_0, interval.b_1))
        leave, _ = law(distances, states, interval)
        assert float((p_0 * leave).sum()) == pytest.approx(float((p_1 - p_0).abs().sum()) / 2)


@pytest.mark.parametrize("name", FROZEN)
def test_the_continuity_equation_holds_on_five_tokens(name: str) -> None:
    """d p_t / dt = inflow - outflow under the rates of the path, in the clock t."""
    distances, _ = from_everywhere(random_metric(5, 3, seed=1), 2)
    h = 1e-6
    for t in (0.05, 0.2, 0.4, 0.6):
        before, after = (path_probabilities(distances[:1], PAPER.beta(s))[0] for s in (t, t + h))
        moved = before @ matrix_of(TRANSITIONS[name], distances, Interval.of(PAPER, t, t + h))
        flow_rate, path_rate = (moved - before) / h, (after - before) / h
        assert float(path_rate.abs().max()) > 1e-3
        torch.testing.assert_close(flow_rate, path_rate, atol=1e-4, rtol=0)


@pytest.mark.parametrize("name", FROZEN)
def test_jumps_go_nearer_only_and_x_1_never_leaves(name: str, metric: CodebookMetric) -> None:
    law = law_of(name)
    distances, states = from_everywhere(metric, 5)
    for interval in intervals(8)[1:]:
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
    distances, _ = from_everywhere(metric, 5)
    eye = torch.eye(64, dtype=torch.float64)
    assert torch.equal(matrix_of(TRANSITIONS["euler"], distances, first), eye)
    assert not torch.equal(matrix_of(TRANSITIONS["midpoint"], distances, first), eye)


CLOSE = {"euler": 5e-3, "euler_beta": 5e-3, "midpoint": 1e-5, "coupling": 1e-12}
"""How near to the closed forms each transition comes in 256 steps."""


def _stay(name: str, distances: Tensor, state: int, num_steps: int) -> tuple[float, Interval]:
    """Probability of no jump from t = .3 to .6 in `num_steps` steps, and the whole interval."""
    stay = 1.0
    for low, high in pairwise(uniform_grid(num_steps)):
        interval = Interval.of(PAPER, 0.3 + 0.3 * low, 0.3 + 0.3 * high)
        stay *= float(matrix_of(TRANSITIONS[name], distances, interval)[state, state])
    return stay, Interval.of(PAPER, 0.3, 0.6)


def test_the_farthest_state_stays_as_the_path_says(metric: CodebookMetric) -> None:
    """Nobody flows into the farthest state: it stays with probability p_b1(z) / p_b0(z)."""
    distances, _ = from_everywhere(metric, 5)
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
    distances, _ = from_everywhere(metric, 5)
    for name, tolerance in CLOSE.items():
        stay, whole = _stay(name, distances, 2, 256)
        weight_0, weight_1 = (math.exp(b * delta) + num_codes - 1 for b in (whole.b_0, whole.b_1))
        assert stay == pytest.approx(weight_0 / weight_1, abs=tolerance)


def test_the_probability_to_leave_lies_in_its_bracket(metric: CodebookMetric) -> None:
    """1 - e^{-(b1-b0) L(b0)} <= P(leave) <= 1 - e^{-(b1-b0) L(b1)} with L = E_p[(D(z) - D)_+]."""
    distances, states = from_everywhere(metric, 5)
    gain = (distances.gather(1, states[:, None]) - distances).clamp(min=0)
    midpoint = law_of("midpoint")
    for interval in intervals(8):
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


@pytest.mark.parametrize("ends", [(0.5, 0.5), (0.6, 0.5), (-0.1, 0.5), (0.5, 1.1)])
def test_an_interval_goes_forward(ends: tuple[float, float]) -> None:
    with pytest.raises(ValueError, match="forward"):
        Interval.of(PAPER, *ends)
