"""Rows at times of their own move as each would alone."""

import pytest
import torch

from flow.metric import CodebookMetric, Metric
from flow.schedule import PAPER
from flow.transition import TRANSITIONS, Interval, advance

SPANS = [(0.0, 0.1), (0.3, 0.55), (0.55, 0.6), (0.9, 1.0)]


@pytest.mark.parametrize("name", [name for name in TRANSITIONS if name != "thinning"])
def test_each_row_moves_over_its_own_interval(name: str) -> None:
    generator = torch.Generator().manual_seed(0)
    codes = torch.nn.functional.normalize(torch.randn(2, 24, 6, generator=generator), dim=-1)
    metric = CodebookMetric.of(codes, Metric.L2_SQUARED)
    shape = (len(SPANS), 40, 2)
    x_t, x_1 = (torch.randint(24, shape, generator=generator) for _ in range(2))
    numbers = [torch.rand(shape, generator=generator) for _ in range(2)]
    intervals = [Interval.of(PAPER, *span) for span in SPANS]
    together = advance(
        TRANSITIONS[name], metric, x_t, x_1, Interval.of_rows(intervals), lambda k: numbers[k]
    )
    for row, interval in enumerate(intervals):
        own = slice(row, row + 1)
        alone = advance(
            TRANSITIONS[name], metric, x_t[own], x_1[own], interval, lambda k, o=own: numbers[k][o]
        )
        assert torch.equal(together[own], alone)
    assert torch.equal(together[-1], x_1[-1])
    assert not torch.equal(together[1], x_1[1])
