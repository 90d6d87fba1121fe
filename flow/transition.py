"""From x_t to x_{t+h}: jumps of the kinetic-optimal process towards a drawn x_1.

With b = beta(t) as the clock, dbeta/dt and its infinities disappear. With D(x) = d(x, x_1):
rate from z to x   q_b(x | z) = p_b(x) [D(z) - D(x)]_+ , only ever towards x_1
exit rate          L_z(b) = sum_x q_b(x | z) = S / Z, with w = exp(-b D), Z = sum w and
                   S = sum w [D(z) - D]_+ , so at most D(z)
destination        proportional to w(x) [D(z) - D(x)]_+
The paper prints the rate as p_t(x | x_1) dbeta/dt [d(x_t, x_1) - d(x, x_1)]_+ , which is q_b in its
own clock. Source: Luo et al. 2025 (arXiv:2510.13721), App. A; Shaul et al. 2024 (arXiv:2412.03487).

Owns: `Interval`, `Transition`, `TRANSITIONS`, `advance`. Does not own: drawing x_1, the loop.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Protocol, runtime_checkable

import torch
from jaxtyping import Float, Int
from torch import Tensor

from flow.inverse_cdf import inverse_cdf, row_chunks
from flow.metric import CodebookMetric
from flow.path import path_weights
from flow.schedule import Schedule


@dataclass(frozen=True)
class Interval:
    """One step [t_0, t_1] of the clock: b_0 = beta(t_0) <= b_1 = beta(t_1), infinite at t_1 = 1.

    printed_exposure: h dbeta/dt at t_0, the paper's Euler step; defined as 0 where dbeta/dt is
    infinite (t_0 = 0 and a < 1), because its limit would make everything jump at once.
    """

    b_0: float
    b_1: float
    printed_exposure: float

    @classmethod
    def of(cls, schedule: Schedule, t_0: float, t_1: float) -> "Interval":
        """The interval between two times.

        Raises: ValueError unless 0 <= t_0 < t_1 <= 1.
        """
        if not 0 <= t_0 < t_1 <= 1:
            raise ValueError(f"a step goes forward inside [0, 1], not from {t_0} to {t_1}")
        slope = schedule.dbeta(t_0)
        return cls(
            b_0=schedule.beta(t_0),
            b_1=math.inf if t_1 == 1 else schedule.beta(t_1),
            printed_exposure=0.0 if math.isinf(slope) else (t_1 - t_0) * slope,
        )


@runtime_checkable
class Transition(Protocol):
    """Moves codes over one interval that ends before t = 1, each row by itself."""

    def __call__(
        self,
        distances: Float[Tensor, "N V"],
        x_t: Int[Tensor, " N"],
        interval: Interval,
        uniforms: Float[Tensor, "2 N"],
    ) -> Int[Tensor, " N"]:
        """New ids. Row n of distances is d(x, x_1[n]), infinite where x is no state."""
        ...


@dataclass(frozen=True)
class FrozenRates:
    """At most one jump, with the rates frozen at one beta of the interval for a given exposure."""

    rate_beta: Callable[[Interval], float]
    exposure: Callable[[Interval], float]

    def law(
        self, distances: Float[Tensor, "N V"], x_t: Int[Tensor, " N"], interval: Interval
    ) -> tuple[Float[Tensor, " N"], Float[Tensor, "N V"]]:
        """P(leave) = 1 - exp(-exposure L), and the destination's unnormalised weights."""
        weights = path_weights(distances, self.rate_beta(interval))
        total = weights.sum(dim=-1)
        gain = (distances.gather(1, x_t.unsqueeze(1)) - distances).clamp_(min=0)
        destination = weights.mul_(gain)
        exit_rate = destination.sum(dim=-1) / total
        return -torch.expm1(-self.exposure(interval) * exit_rate), destination

    def __call__(
        self,
        distances: Float[Tensor, "N V"],
        x_t: Int[Tensor, " N"],
        interval: Interval,
        uniforms: Float[Tensor, "2 N"],
    ) -> Int[Tensor, " N"]:
        """The first uniform decides whether a code leaves, the second where to."""
        leave, destination = self.law(distances, x_t, interval)
        return torch.where(uniforms[0] < leave, inverse_cdf(destination, uniforms[1]), x_t)


TRANSITIONS: Mapping[str, Transition] = MappingProxyType(
    {
        "euler": FrozenRates(
            rate_beta=lambda interval: interval.b_0,
            exposure=lambda interval: interval.printed_exposure,
        ),
        "midpoint": FrozenRates(
            rate_beta=lambda interval: (interval.b_0 + interval.b_1) / 2,
            exposure=lambda interval: interval.b_1 - interval.b_0,
        ),
    }
)
"""euler: as the paper prints it. midpoint: still first order, about 9 times smaller an error."""


@torch.no_grad()
def advance(
    transition: Transition,
    metric: CodebookMetric,
    x_t: Int[Tensor, "B L Q"],
    x_1: Int[Tensor, "B L Q"],
    interval: Interval,
    uniforms: Float[Tensor, "2 B L Q"],
) -> Int[Tensor, "B L Q"]:
    """x_{t+h}: codes moved towards their x_1, or all of them onto x_1 where the step ends at 1.

    Where x_t = x_1 nothing can leave: those rows are skipped, so a position is frozen by x_1 = x_t.
    Elsewhere both are states of the metric. Positions are processed in chunks. A new tensor.
    """
    if math.isinf(interval.b_1):
        return x_1.clone()
    state, target = x_t.flatten(0, 1), x_1.flatten(0, 1)
    uniform = uniforms.flatten(1, 2)
    moved = state.clone()
    for q in range(metric.num_codebooks):
        away = (state[:, q] != target[:, q]).nonzero().squeeze(1)
        for rows in row_chunks(len(away), metric.cardinality):
            chosen = away[rows]
            distances = metric.distances(q, target[chosen, q])
            moved[chosen, q] = transition(
                distances, state[chosen, q], interval, uniform[:, chosen, q]
            )
    return moved.view_as(x_t)
