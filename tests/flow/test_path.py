import math

import pytest
import torch
from scipy.stats import chisquare
from torch import Tensor

from flow.metric import CodebookMetric, Metric
from flow.path import exact_hit, information, path_probabilities, path_weights, sample_path
from flow.schedule import PAPER, Schedule
from samplers.counter_rng import CounterRNG

BETAS = (0.0, 0.1, 3.0, 50.0, 1e7)
FORBIDDEN = (0, 5)
DUPLICATE, ORIGINAL = 7, 2


def _codes(*shape: int) -> Tensor:
    codes = torch.randn(*shape, generator=torch.Generator().manual_seed(3))
    codes[:, DUPLICATE] = codes[:, ORIGINAL]
    return codes


@pytest.fixture(scope="module")
def metric() -> CodebookMetric:
    return CodebookMetric.of(_codes(2, 12, 4), forbidden=FORBIDDEN)


def _states(metric: CodebookMetric) -> Tensor:
    return metric.states[0].nonzero().squeeze(1)


@pytest.mark.parametrize("beta", BETAS)
def test_probabilities_are_a_distribution_over_states(metric: CodebookMetric, beta: float) -> None:
    p = path_probabilities(metric.distances(0, _states(metric)), beta)
    torch.testing.assert_close(p.sum(dim=-1), torch.ones(len(p)))
    assert bool((p >= 0).all())
    assert bool((p[:, [*FORBIDDEN, DUPLICATE]] == 0).all())


def test_the_ends_are_uniform_and_x_1(metric: CodebookMetric) -> None:
    states = _states(metric)
    start = path_probabilities(metric.distances(0, states), PAPER.beta(0.0))
    torch.testing.assert_close(start[:, states], torch.full((9, 9), 1 / 9))
    end = path_probabilities(metric.distances(0, states), PAPER.beta(1 - 2**-24))
    torch.testing.assert_close(end[:, states], torch.eye(9))


def test_probabilities_are_the_softmax_and_weights_peak_at_x_1(metric: CodebookMetric) -> None:
    distances = metric.distances(1, _states(metric))
    p = path_probabilities(distances, 2.5)
    torch.testing.assert_close(p, torch.softmax(-2.5 * distances, dim=-1))
    weights = path_weights(distances, 2.5)
    assert float(weights.max()) == 1.0
    assert bool((weights.gather(1, _states(metric)[:, None]) == 1).all())


def test_one_beta_a_row_equals_row_by_row(metric: CodebookMetric) -> None:
    distances = metric.distances(0, _states(metric)[:3])
    together = path_weights(distances, torch.tensor([0.0, 1.0, 40.0]))
    for row, beta in enumerate((0.0, 1.0, 40.0)):
        torch.testing.assert_close(
            together[row : row + 1], path_weights(distances[row : row + 1], beta)
        )


def test_sample_path_follows_p_t_with_one_time_a_row(metric: CodebookMetric) -> None:
    length, times = 20_000, (0.0, 0.35, 0.8)
    x_1 = torch.tensor([3, 9]).expand(len(times), length, 2)
    uniforms = CounterRNG.for_seed(11, len(times)).uniform(0, 0, (length, 2))
    x_t = sample_path(metric, x_1, torch.tensor(times), uniforms)
    for row, t in enumerate(times):
        for q, target in enumerate((3, 9)):
            p = path_probabilities(
                metric.distances(q, torch.tensor([target])).double(), PAPER.beta(t)
            )[0]
            counts = x_t[row, :, q].bincount(minlength=12)
            assert bool((counts[p == 0] == 0).all())
            assert chisquare(counts[p > 0].numpy(), (length * p[p > 0]).numpy()).pvalue > 1e-3


def test_sample_path_ends(metric: CodebookMetric) -> None:
    x_1 = _states(metric).view(1, -1, 1).expand(2, -1, 2)
    uniforms = CounterRNG.for_seed(0, 2).uniform(0, 0, (9, 2))
    x_t = sample_path(metric, x_1, torch.tensor([0.0, 0.99999]), uniforms)
    assert not bool((x_t[0] == x_1[0]).all())
    assert bool((x_t[1] == x_1[1]).all())
    with pytest.raises(ValueError, match="t must be in"):
        sample_path(metric, x_1, torch.tensor([0.5, 1.0]), uniforms)


def test_sample_path_obeys_the_schedule(metric: CodebookMetric) -> None:
    x_1 = torch.full((1, 4000, 2), 3)
    uniforms = CounterRNG.for_seed(0).uniform(0, 0, (4000, 2))
    t = torch.tensor([0.4])
    for schedule in (PAPER, Schedule(c=30.0, a=0.9)):
        hits = (sample_path(metric, x_1, t, uniforms, schedule) == x_1).float().mean()
        p = [
            path_probabilities(metric.distances(q, torch.tensor([3])), schedule.beta(0.4))[0, 3]
            for q in range(2)
        ]
        assert float(hits) == pytest.approx(float(sum(p)) / 2, abs=0.02)


def test_forbidden_targets_stay_and_duplicates_become_the_original(metric: CodebookMetric) -> None:
    x_1 = torch.tensor([0, 5, DUPLICATE, 3]).view(1, 4, 1).expand(64, 4, 2)
    uniforms = CounterRNG.for_seed(0, 64).uniform(0, 0, (4, 2))
    noisy = sample_path(metric, x_1, torch.full((64,), 0.2), uniforms)
    assert bool((noisy[:, :2] == x_1[:, :2]).all())
    assert not torch.isin(noisy[:, 2:], torch.tensor([*FORBIDDEN, DUPLICATE])).any()
    clean = sample_path(metric, x_1, torch.full((64,), 0.9999), uniforms)
    assert clean[0, :, 0].tolist() == [0, 5, ORIGINAL, 3]


def test_a_row_of_a_batch_equals_the_row_alone(metric: CodebookMetric) -> None:
    draws = CounterRNG.for_seed(4, 5)
    x_1 = _states(metric)[(draws.uniform(0, 1, (7, 2)) * 9).long()]
    t = torch.linspace(0, 0.9, 5)
    together = sample_path(metric, x_1, t, draws.uniform(0, 0, (7, 2)))
    for row in range(5):
        alone = CounterRNG.for_seed(4 + row).uniform(0, 0, (7, 2))
        assert torch.equal(
            together[row], sample_path(metric, x_1[row : row + 1], t[row : row + 1], alone)[0]
        )


def test_information_of_two_opposite_codes_is_the_binary_channels() -> None:
    metric = CodebookMetric.of(torch.tensor([[[1.0, 0.0], [-1.0, 0.0]]]))
    for beta in (0.1, 0.5, 2.0):
        flip = 1 / (1 + math.exp(2 * beta))  # the cosine distance of opposite codes is 2
        entropy = -(flip * math.log2(flip) + (1 - flip) * math.log2(1 - flip))
        assert information(metric, 0, beta) == pytest.approx(1 - entropy, abs=1e-6)
        assert exact_hit(metric, 0, beta) == pytest.approx(1 - flip, abs=1e-6)


@pytest.mark.parametrize("kind", Metric)
def test_information_rises_from_nothing_to_every_bit(kind: Metric) -> None:
    metric = CodebookMetric.of(_codes(2, 35, 8), kind, forbidden=(0, 1))
    bits = [information(metric, 0, beta) for beta in (0.0, 0.1, 1.0, 5.0, 20.0, 1e6)]
    assert bits == sorted(bits)
    assert bits[0] == pytest.approx(0, abs=1e-9)
    assert bits[-1] == pytest.approx(5, abs=1e-6)  # 35 - 2 forbidden - 1 duplicate = 32 states


def test_neighbours_tell_long_before_the_code_is_exact() -> None:
    """The trap of calibrating by p_t(x_1 | x_1), docs/maths.md."""
    metric = CodebookMetric.of(_codes(1, 256, 8), Metric.L2_POWER4)
    assert exact_hit(metric, 0, 1.0) < 0.06
    assert information(metric, 0, 1.0) > 1.0
