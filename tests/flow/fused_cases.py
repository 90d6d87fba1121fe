"""Metrics, rows and an interval on which the fused jump is compared with others."""

import torch

from flow.metric import CodebookMetric, Metric
from flow.schedule import PAPER
from flow.transition import TRANSITIONS, FrozenRates, Interval, SingleJump

INTERVAL = Interval.of(PAPER, 0.5, 0.7)


def metric_of(
    kind: Metric, *, cardinality: int, dim: int, table: bool, num_codebooks: int = 1
) -> CodebookMetric:
    """Random codes with a duplicate and two forbidden ids, with a table of distances or without."""
    codes = torch.randn(num_codebooks, cardinality, dim, generator=torch.Generator().manual_seed(0))
    codes[:, 9] = codes[:, 4]
    metric = CodebookMetric.of(codes, kind, forbidden=(0, cardinality - 1))
    if table:
        return metric
    return CodebookMetric(metric.kind, metric.codes, metric.allowed, metric.representative, None)


def rows_of(
    metric: CodebookMetric, num: int, codebook: int = 0
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """States, targets and uniforms; the first quarter is at its target."""
    rng = torch.Generator().manual_seed(1 + codebook)
    ids = metric.states[codebook].nonzero()[:, 0]
    target = ids[torch.randint(len(ids), (num,), generator=rng)]
    state = ids[torch.randint(len(ids), (num,), generator=rng)]
    state[: num // 4] = target[: num // 4]
    return state, target, torch.rand(2, num, generator=rng).clamp(1e-6, 1 - 1e-6)


def numbers_of(transition: str) -> torch.Tensor:
    """Beta and exposure of the interval."""
    law = TRANSITIONS[transition]
    assert isinstance(law, SingleJump)
    assert isinstance(law.law, FrozenRates)
    return torch.tensor([law.law.rate_beta(INTERVAL), law.law.exposure(INTERVAL)])
