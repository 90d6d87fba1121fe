"""The exact toy agrees with the real sampler, and with what theory says of it."""

from collections.abc import Mapping

import pytest
import torch
from torch import Tensor

from benchmarks.steps import paired_interval
from benchmarks.toy import Toy
from flow.modality import Modality, TokenSpace
from flow.path import path_probabilities
from flow.schedule import PAPER, uniform_grid
from flow.sequence import OmniSequence, response
from flow.transition import TRANSITIONS
from samplers.counter_rng import CounterRNG
from samplers.denoiser import Posterior
from samplers.kinetic import KineticSampler
from samplers.source import random_source
from tests.fakes import FakePosterior

SPACE = TokenSpace(Modality.IMAGE, num_codebooks=1, cardinality=12)


def test_one_step_draws_the_positions_independently() -> None:
    toy = Toy.of_seed(0)
    independent = toy.joint.sum(1)[:, None] * toy.joint.sum(0)
    expected = float((independent - toy.joint).abs().sum()) / 2
    for name in TRANSITIONS:
        assert toy.error(name, (0.0, 1.0)) == pytest.approx(expected)


def test_many_steps_find_the_law() -> None:
    toy = Toy.of_seed(1)
    errors = [toy.error("midpoint", uniform_grid(n)) for n in (2, 8, 32, 128)]
    assert errors == sorted(errors, reverse=True)
    assert errors[-1] < 0.02 < errors[0]


def test_the_sampler_itself_ends_where_the_toy_says() -> None:
    """100,000 runs of the real sampler with the same denoiser."""
    toy, times, batch = Toy.of_seed(2), uniform_grid(4), 100_000
    rows = toy.metric.distances(0, torch.arange(12)).double()

    def denoiser(x_t: OmniSequence, t: float) -> Mapping[int, Posterior]:
        z = x_t.segments[0].tokens[..., 0]
        path = path_probabilities(rows, PAPER.beta(t))
        both = torch.einsum("uv,un,vn->nuv", toy.joint, path[:, z[:, 0]], path[:, z[:, 1]])
        logits = torch.stack([both.sum(-1), both.sum(-2)], 1).log().float()

        def given(chosen: Tensor) -> Tensor:
            return logits

        return {0: FakePosterior(1, given)}

    draws = CounterRNG.for_seed(0, batch)
    x_0 = OmniSequence((response(Modality.IMAGE, random_source(SPACE, batch, 2, draws)),))
    sampler = KineticSampler({Modality.IMAGE: toy.metric}, times=times, transition="coupling")
    *_, last = sampler.sample(denoiser, x_0, draws=draws)
    pairs = last.x_t.segments[0].tokens[..., 0]
    seen = torch.bincount(pairs[:, 0] * 12 + pairs[:, 1], minlength=144) / batch
    error = float((seen.view(12, 12) - toy.joint).abs().sum()) / 2
    assert error == pytest.approx(toy.error("coupling", times), abs=0.02)


def test_a_paired_interval_covers_the_difference() -> None:
    one, other = [True] * 30 + [False] * 30, [True] * 20 + [False] * 40
    low, high = paired_interval(one, other, 0)
    assert 0.05 < low < 1 / 6 < high < 0.3
    assert paired_interval(one, one, 0) == (0.0, 0.0)
