"""The preview of a path agrees with the exact sums and with what jumps really do."""

import numpy as np
import pytest
import torch

from engine.api.sampling import Sampling
from engine.engine import Engine
from engine.inspection.path_preview import LARGEST, code_table, preview_of
from flow.metric import CodebookMetric, Metric
from flow.modality import Modality
from flow.path import exact_hit, information, jump_rate, path_probabilities
from flow.schedule import Schedule, uniform_grid


@pytest.fixture(scope="module")
def metric() -> CodebookMetric:
    codes = torch.nn.functional.normalize(
        torch.randn(2, 24, 5, generator=torch.Generator().manual_seed(0)), dim=-1
    )
    return CodebookMetric.of(codes, Metric.COSINE)


@pytest.mark.parametrize("beta", [0.0, 0.7, 4.0, 60.0])
def test_the_jump_rate_is_the_mean_exit_rate(metric: CodebookMetric, beta: float) -> None:
    expected = 0.0
    for target in range(24):
        d = metric.distances(1, torch.tensor([target]))[0].double()
        p = path_probabilities(d[None], beta)[0]
        nearer = (d[:, None] - d[None]).clamp(min=0)
        expected += float((p[:, None] * p[None] * nearer).sum()) / 24
    assert jump_rate(metric, 1, beta) == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("clock", [Schedule(), Schedule(c=1.0, a=2.0)])
def test_it_reads_the_exact_sums(metric: CodebookMetric, clock: Schedule) -> None:
    found = preview_of(code_table(metric), clock, uniform_grid(8))
    for k in (5, 30, 55):
        beta = clock.beta(float(found.times[k]))
        for q in range(2):
            assert found.bits[q, k] == pytest.approx(information(metric, q, beta), abs=0.05)
            assert found.exact_hit[q, k] == pytest.approx(exact_hit(metric, q, beta), abs=0.02)


def test_the_steps_share_all_jumps_whatever_the_clock(metric: CodebookMetric) -> None:
    table = code_table(metric)
    for clock in (Schedule(), Schedule(c=8.0, a=0.5)):
        for steps in (1, 7, 40):
            changes = preview_of(table, clock, uniform_grid(steps)).changes
            assert changes.shape == (2, steps)
            assert (changes >= 0).all()
            assert changes.sum(1) == pytest.approx(table.jumps[:, -1])
    fine = np.linspace(0, 40, 4001)
    rates = [jump_rate(metric, 0, float(b)) for b in fine]
    whole = np.trapezoid(rates, fine)
    assert np.interp(40, table.betas, table.jumps[0]) == pytest.approx(whole, rel=0.01)
    assert table.betas[-1] == pytest.approx(LARGEST)


def test_the_engine_previews_what_it_would_run(tiny_engine: Engine) -> None:
    sampling = Sampling(steps=5, grid="uniform", c=2.0, a=1.5)
    found = tiny_engine.inspector.path_preview(sampling, Modality.IMAGE)
    assert found.steps == pytest.approx(uniform_grid(5))
    assert found.changes.shape == (4, 5)
    other = tiny_engine.inspector.path_preview(Sampling(steps=5, grid="uniform"), Modality.IMAGE)
    assert not np.allclose(found.bits, other.bits)
