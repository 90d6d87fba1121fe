"""Metrics, intervals and numbers for one refinement step, and its exact transition matrix."""

from itertools import pairwise

import torch
from torch import Tensor

from flow.metric import CodebookMetric
from flow.schedule import PAPER, uniform_grid
from flow.transition import (
    TRANSITIONS,
    Interval,
    Law,
    SingleJump,
    Transition,
    Uniforms,
)
from samplers.counter_rng import CounterRNG

FROZEN = ("euler", "euler_beta", "midpoint")
ONE_JUMP = (*FROZEN, "coupling")


def random_metric(num_codes: int, dim: int, *, seed: int = 0) -> CodebookMetric:
    generator = torch.Generator().manual_seed(seed)
    return CodebookMetric.of(torch.randn(1, num_codes, dim, generator=generator))


def intervals(num_steps: int) -> list[Interval]:
    """Every interval of a run but the last, which lands on x_1."""
    grid = uniform_grid(num_steps)[:-1]
    return [Interval.of(PAPER, t_0, t_1) for t_0, t_1 in pairwise(grid)]


def from_everywhere(metric: CodebookMetric, target: int) -> tuple[Tensor, Tensor]:
    """Distances "K K" to the same x_1 in every row, and one state a row; float64."""
    states = torch.arange(metric.cardinality)
    return metric.distances(0, torch.full_like(states, target)).double(), states


def law_of(name: str) -> Law:
    transition = TRANSITIONS[name]
    assert isinstance(transition, SingleJump)
    return transition.law


def numbers(seed: int, num: int) -> Uniforms:
    """Number k of `num` rows."""
    draws = CounterRNG.for_seed(seed)
    return lambda k: draws.uniform(0, k, (num, 1)).flatten()


def matrix_of(transition: Transition, distances: Tensor, interval: Interval) -> Tensor:
    """The exact transition matrix "K K", from row z to column x, that `law` describes."""
    assert isinstance(transition, SingleJump)
    leave, destination = transition.law(distances, torch.arange(len(distances)), interval)
    total = destination.sum(dim=-1, keepdim=True)
    jump = torch.where(total > 0, destination / total, torch.zeros_like(destination))
    return torch.diag(1 - leave) + leave[:, None] * jump


def code_numbers(draws: CounterRNG, step: int, shape: tuple[int, int]) -> Uniforms:
    """Number k of every code of a step."""
    return lambda k: draws.uniform(step, 1 + k, shape)


def random_states(seed: int, shape: tuple[int, int, int], num_codes: int) -> Tensor:
    batch, length, num_codebooks = shape
    uniforms = CounterRNG.for_seed(seed, batch).uniform(0, 9, (length, num_codebooks))
    return (uniforms * num_codes).long()
