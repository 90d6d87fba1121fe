"""The calibrated clock is a clock, and even in the logarithm of information."""

import math
from itertools import pairwise

import pytest
import torch

from flow.calibration import (
    FIRST_BITS,
    LAST_SHARE,
    CalibratedSchedule,
    information_bits,
    information_knots,
    path_table,
)
from flow.metric import CodebookMetric, Metric
from flow.path import exact_hit, information
from flow.schedule import PAPER, Clock, check_times, times_as_even

KNOTS = (0.1, 0.4, 2.0, 30.0)


@pytest.fixture(scope="module")
def metric() -> CodebookMetric:
    return CodebookMetric.of(torch.randn(2, 24, 4, generator=torch.Generator().manual_seed(0)))


def test_it_is_a_clock() -> None:
    clock = CalibratedSchedule(KNOTS)
    assert isinstance(clock, Clock)
    assert clock.beta(0.0) == 0.0
    assert [clock.beta(k / 5) for k in range(1, 5)] == pytest.approx(KNOTS)
    times = [i / 997 for i in range(997)]
    betas = [clock.beta(t) for t in times]
    assert all(a < b for a, b in pairwise(betas))
    assert clock.beta(1 - 1e-9) > 1e8
    for t, beta in zip(times, betas, strict=True):
        assert clock.t_of_beta(beta) == pytest.approx(t, abs=1e-12)
        h = 1e-9
        assert clock.dbeta(t) == pytest.approx((clock.beta(t + h) - beta) / h, rel=1e-4)
    for t in (-0.1, 1.0):
        with pytest.raises(ValueError, match="must be in"):
            clock.beta(t)
    with pytest.raises(ValueError, match="finite"):
        clock.t_of_beta(math.inf)


@pytest.mark.parametrize(
    "knots", [(), (1.0,), (0.0, 1.0), (2.0, 1.0), (1.0, 1.0), (1.0, math.inf), (math.nan, 1.0)]
)
def test_knots_that_do_not_rise_are_refused(knots: tuple[float, ...]) -> None:
    with pytest.raises(ValueError, match="rising"):
        CalibratedSchedule(knots)


@pytest.mark.parametrize("kind", list(Metric))
def test_the_knots_are_even_in_the_logarithm_of_information(kind: Metric) -> None:
    codes = torch.randn(1, 24, 4, generator=torch.Generator().manual_seed(1))
    metric = CodebookMetric.of(codes, kind)
    knots = information_knots(metric, 6)
    bits = [information_bits(metric, b) for b in knots]
    ratio = (LAST_SHARE * math.log2(24) / FIRST_BITS) ** (1 / 5)
    assert bits == pytest.approx([FIRST_BITS * ratio**k for k in range(6)], rel=0.01)


def test_the_times_of_a_clock_stop_at_the_same_noise_as_the_calibrated_one(
    metric: CodebookMetric,
) -> None:
    even = CalibratedSchedule(information_knots(metric))
    times = times_as_even(PAPER, even, 5)
    check_times(times)
    assert [PAPER.beta(t) for t in times[1:-1]] == pytest.approx(
        [even.beta(k / 5) for k in range(1, 5)]
    )
    assert times_as_even(PAPER, even, 1) == (0.0, 1.0)
    with pytest.raises(ValueError, match="at least 1 step"):
        times_as_even(PAPER, even, 0)


def test_the_table_says_what_the_functions_say(metric: CodebookMetric) -> None:
    rows = path_table(metric, PAPER, 4)
    assert [(r.codebook, r.t) for r in rows] == [(q, k / 4) for q in range(2) for k in range(4)]
    for r in rows:
        assert r.beta == PAPER.beta(r.t)
        assert r.bits == information(metric, r.codebook, r.beta)
        assert r.exact_hit == exact_hit(metric, r.codebook, r.beta)
    assert rows[0].bits == pytest.approx(0, abs=1e-9)
    assert rows[0].exact_hit == pytest.approx(1 / 24)
