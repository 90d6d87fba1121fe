import math
from itertools import pairwise

import pytest

from flow.schedule import PAPER, Schedule, check_times, uniform_grid

SCHEDULES = (PAPER, Schedule(c=6.0, a=1.0), Schedule(c=1.5, a=1.7))
TIMES = (0.01, 0.2, 0.5, 0.77, 0.99)


def test_the_default_is_the_papers() -> None:
    assert (PAPER.c, PAPER.a) == (3.0, 0.9)
    assert PAPER.beta(0.5) == pytest.approx(3.0)
    assert PAPER.beta(0.25) == pytest.approx(3 * (1 / 3) ** 0.9)


@pytest.mark.parametrize("schedule", SCHEDULES)
def test_beta_starts_at_zero_and_rises(schedule: Schedule) -> None:
    assert schedule.beta(0.0) == 0.0
    betas = [schedule.beta(i / 1000) for i in range(1000)]
    assert all(low < high for low, high in pairwise(betas))


@pytest.mark.parametrize("schedule", SCHEDULES)
@pytest.mark.parametrize("t", TIMES)
def test_dbeta_is_the_derivative_of_beta(schedule: Schedule, t: float) -> None:
    h = 1e-6
    slope = (schedule.beta(t + h) - schedule.beta(t - h)) / (2 * h)
    assert schedule.dbeta(t) == pytest.approx(slope, rel=1e-6)


def test_dbeta_at_zero_is_infinite_only_below_a_one() -> None:
    assert PAPER.dbeta(0.0) == math.inf
    assert Schedule(c=3.0, a=1.0).dbeta(0.0) == pytest.approx(3.0)
    assert Schedule(c=3.0, a=2.0).dbeta(0.0) == 0.0


@pytest.mark.parametrize("schedule", SCHEDULES)
@pytest.mark.parametrize("t", [0.0, *TIMES])
def test_t_of_beta_is_the_inverse(schedule: Schedule, t: float) -> None:
    assert schedule.t_of_beta(schedule.beta(t)) == pytest.approx(t, abs=1e-12)


@pytest.mark.parametrize("t", [1.0, -0.1, 1.5, math.nan])
def test_beta_is_refused_outside_of_its_domain(t: float) -> None:
    with pytest.raises(ValueError, match="t must be in"):
        PAPER.beta(t)
    with pytest.raises(ValueError, match="t must be in"):
        PAPER.dbeta(t)


@pytest.mark.parametrize(("c", "a"), [(0.0, 1.0), (3.0, -1.0), (math.nan, 1.0), (math.inf, 1.0)])
def test_a_schedule_needs_positive_numbers(c: float, a: float) -> None:
    with pytest.raises(ValueError, match="positive finite"):
        Schedule(c=c, a=a)


def test_the_grid_has_exactly_one_more_time_than_steps() -> None:
    for num_steps in range(1, 1025):
        grid = uniform_grid(num_steps)
        assert len(grid) == num_steps + 1
        assert (grid[0], grid[-1]) == (0.0, 1.0)
        assert all(low < high for low, high in pairwise(grid))
    with pytest.raises(ValueError, match="at least 1 step"):
        uniform_grid(0)


def test_a_late_start_keeps_the_number_of_steps() -> None:
    for start in (0.0, 0.3, 0.999):
        grid = uniform_grid(7, start)
        assert len(grid) == 8
        assert (grid[0], grid[-1]) == (start, 1.0)
        check_times(grid)
    for start in (-0.1, 1.0):
        with pytest.raises(ValueError, match=f"not at {start}"):
            uniform_grid(7, start)


@pytest.mark.parametrize(
    ("times", "message"),
    [
        ((), "at least 1 step"),
        ((0.0, 0.5), "not from 0.0 to 0.5"),
        ((-0.5, 1.0), "not from -0.5"),
        ((0.0, 0.6, 0.4, 1.0), "0.4 follows 0.6"),
        ((0.0, float("nan"), 1.0), "nan follows 0.0"),
    ],
)
def test_times_that_do_not_rise_are_refused(times: tuple[float, ...], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        check_times(times)
