"""A joint distribution small enough to follow exactly: the sampler's total variation error.

Two positions of one codebook, a random joint law p(x_1), and a denoiser that knows it: the
posterior of each position given the noisy pair is Bayes' rule. The sampler draws the positions
independently, as it always does, so with few steps the pair comes out wrong. The distribution of
the pair is carried through every step; nothing is simulated.
"""

from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor

from flow.calibration import CalibratedSchedule, information_knots
from flow.metric import CodebookMetric
from flow.path import path_probabilities
from flow.schedule import PAPER, TUNED, times_as_even, uniform_grid
from flow.transition import TRANSITIONS, Interval, SingleJump

FINE = 128
"""Midpoint steps whose product stands for one step of thinning, up to an error of 1e-4."""


@dataclass(frozen=True)
class Toy:
    """metric: of the one codebook. joint: float64 "K K", the law of the pair."""

    metric: CodebookMetric
    joint: Tensor

    @classmethod
    def of_seed(cls, seed: int, num_codes: int = 12, dim: int = 4) -> "Toy":
        """Return random codes, and a law in which each first code goes with a few second ones."""
        generator = torch.Generator().manual_seed(seed)
        metric = CodebookMetric.of(torch.randn(1, num_codes, dim, generator=generator))
        weights = torch.rand(num_codes, num_codes, generator=generator).double() ** 8
        return cls(metric, weights / weights.sum())

    def error(self, transition: str, times: tuple[float, ...]) -> float:
        """Return the total variation between the sampler's distribution and the law."""
        num = len(self.joint)
        state = torch.full((num, num), 1 / num**2, dtype=torch.float64)
        for t_0, t_1 in pairwise(times):
            first, second = self._posteriors(PAPER.beta(t_0))
            if t_1 == 1:
                moves = torch.eye(num, dtype=torch.float64)[:, None].expand(num, num, num)
            else:
                moves = self._moves(transition, t_0, t_1)
            one = torch.einsum("abk,kax->abx", first, moves)
            two = torch.einsum("abk,kby->aby", second, moves)
            state = torch.einsum("ab,abx,aby->xy", state, one, two)
        return float((state - self.joint).abs().sum()) / 2

    def _rows(self) -> Tensor:
        """float64 "K K": row x_1 holds d(., x_1)."""
        return self.metric.distances(0, torch.arange(len(self.joint))).double()

    def _posteriors(self, beta: float) -> tuple[Tensor, Tensor]:
        """p(x_1 of a position | the noisy pair) of both positions, each "K K K": pair, then
        x_1."""
        path = path_probabilities(self._rows(), beta)  # [x_1, z]
        both = torch.einsum("uv,ua,vb->abuv", self.joint, path, path)
        both = both / both.sum(dim=(-2, -1), keepdim=True)
        return both.sum(-1), both.sum(-2)

    def _moves(self, transition: str, t_0: float, t_1: float) -> Tensor:
        """Return the transition matrices "K K K": x_1, from z, to x."""
        if transition != "thinning":
            return self._matrices(transition, Interval.of(PAPER, t_0, t_1))
        fine = uniform_grid(FINE)
        moves = torch.eye(len(self.joint), dtype=torch.float64).expand(len(self.joint), -1, -1)
        for low, high in pairwise(fine):
            ends = (t_0 + (t_1 - t_0) * low, t_0 + (t_1 - t_0) * high)
            moves = moves @ self._matrices("midpoint", Interval.of(PAPER, *ends))
        return moves

    def _matrices(self, transition: str, interval: Interval) -> Tensor:
        chosen = TRANSITIONS[transition]
        assert isinstance(chosen, SingleJump)
        rows, num = self._rows(), len(self.joint)
        distances = rows.repeat_interleave(num, 0)
        leave, to = chosen.law(distances, torch.arange(num).repeat(num), interval)
        total = to.sum(-1, keepdim=True)
        jump = torch.where(total > 0, to / total, torch.zeros_like(to)) * leave[:, None]
        stay = torch.eye(num, dtype=torch.float64).repeat(num, 1) * (1 - leave)[:, None]
        return (jump + stay).view(num, num, num)


def toy_errors(num_seeds: int, steps: tuple[int, ...]) -> dict[str, float]:
    """Return the mean error over the seeds, for each transition, grid and number of steps."""
    found: dict[str, list[float]] = {}
    for seed in range(num_seeds):
        toy = Toy.of_seed(seed)
        even = CalibratedSchedule(information_knots(toy.metric, 12))
        for n in steps:
            grids = {
                "uniform": uniform_grid(n),
                "information": times_as_even(PAPER, even, n),
                "tuned": times_as_even(PAPER, TUNED, n),
            }
            for grid, times in grids.items():
                for name in TRANSITIONS:
                    key = f"toy_{name}_{grid}_{n}"
                    found.setdefault(key, []).append(toy.error(name, times))
    return {name: sum(values) / len(values) for name, values in found.items()}
