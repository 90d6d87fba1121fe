"""The jump in two passes is the jump of the law: in distribution, and code by code."""

import json
import subprocess
import sys
from functools import partial

import pytest
import torch
from scipy.stats import chisquare

from flow.cuda.fused import has_triton
from flow.metric import Metric
from flow.transition import TRANSITIONS, SingleJump, advance
from tests.flow.fused_cases import INTERVAL, metric_of, numbers_of, rows_of
from tests.flow.two_level_jumps import two_level_jumps


@pytest.mark.parametrize("kind", list(Metric))
@pytest.mark.parametrize("table", [True, False])
def test_two_levels_are_one_inverse_cdf(kind: Metric, table: bool) -> None:
    metric = metric_of(kind, cardinality=300, dim=8, table=table)
    state, target, uniforms = rows_of(metric, 4000)
    found = two_level_jumps(metric, 0, state, target, numbers_of("midpoint"), uniforms)
    moved = advance(
        TRANSITIONS["midpoint"],
        metric,
        state[:, None, None],
        target[:, None, None],
        INTERVAL,
        lambda k: uniforms[k][:, None, None],
    )[:, 0, 0]
    assert (found != moved).float().mean() < 2e-3, "only a rounding error may choose a neighbour"
    assert torch.equal(found[:1000], target[:1000]), "x_1 never leaves"
    assert bool(metric.states[0][found].all())


@pytest.mark.parametrize("transition", ["euler", "euler_beta", "midpoint", "coupling"])
def test_no_row_is_skipped_and_nothing_changes(transition: str) -> None:
    metric = metric_of(Metric.COSINE, cardinality=60, dim=8, table=True)
    state, target, uniforms = rows_of(metric, 500)
    move = partial(
        advance,
        TRANSITIONS[transition],
        metric,
        state[:, None, None],
        target[:, None, None],
        INTERVAL,
        lambda k: uniforms[k][:, None, None],
    )
    assert torch.equal(move(), move(dense_step=True))


@pytest.mark.skipif(not has_triton(), reason="Triton is not installed")
def test_the_interpreted_kernel_is_its_twin() -> None:
    """For 1, 2 and 4 codebooks, with a table and without, for a vocabulary, and for tensors that
    are columns, slices and single rows."""
    run = [sys.executable, "-m", "tests.flow.cuda.interpreted_kernels"]
    out = subprocess.run(run, check=True, capture_output=True, text=True).stdout
    cases = json.loads(out.splitlines()[-1])
    assert len(cases) == 3 * 5 + 3 * 2 + 7
    for name, same, num, _ in cases:
        assert same == num, name
    moved, num = (sum(case[k] for case in cases) for k in (3, 2))
    assert num / 4 < moved < num * 3 / 4


def test_where_a_jump_goes_follows_the_law() -> None:
    metric = metric_of(Metric.COSINE, cardinality=20, dim=4, table=True)
    num, state, target = 40_000, torch.tensor([3]), torch.tensor([11])
    uniforms = torch.rand(2, num, generator=torch.Generator().manual_seed(5))
    numbers = numbers_of("midpoint")
    moved = two_level_jumps(metric, 0, state.expand(num), target.expand(num), numbers, uniforms)
    law = TRANSITIONS["midpoint"]
    assert isinstance(law, SingleJump)
    leave, weights = law.law(metric.distances(0, target), state, INTERVAL)
    expected = leave * weights[0] / weights.sum()
    expected[3] += 1 - leave[0]
    counts = moved.bincount(minlength=20)
    likely = expected > 1e-6
    assert int(counts[~likely].sum()) == 0
    share = expected[likely].double()
    share = share / share.sum() * num
    assert chisquare(counts[likely].numpy(), share.numpy()).pvalue > 1e-3
