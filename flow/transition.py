"""Transitions x_t -> x_{t+h}: jumps of the kinetic-optimal process towards a drawn x_1.

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
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, partial
from types import MappingProxyType
from typing import Protocol, runtime_checkable

import torch
from jaxtyping import Float, Int
from torch import Tensor

from flow.cuda.fused import fused_jumps, has_kernels
from flow.inverse_cdf import inverse_cdf, row_chunks
from flow.metric import CodebookMetric
from flow.path import path_probabilities, path_weights
from flow.schedule import Clock


@dataclass(frozen=True)
class Interval:
    """One step [t_0, t_1] of the clock: b_0 = beta(t_0) <= b_1 = beta(t_1), infinite at t_1 = 1.

    printed_exposure: h dbeta/dt at t_0, the paper's Euler step; defined as 0 where dbeta/dt is
    infinite (t_0 = 0 and a < 1), because its limit would make every code jump at once. arrives:
    True where t_1 = 1. The values are those of Python, or scalar tensors where one recorded step
    serves every interval; b_1 is then b_0 where it arrives. Tensors "N" are one interval a row, in
    float64, so that sums and means of them round as those of Python do.
    """

    b_0: float | Tensor
    b_1: float | Tensor
    printed_exposure: float | Tensor
    arrives: bool | Tensor

    @classmethod
    def of(cls, schedule: Clock, t_0: float, t_1: float) -> "Interval":
        """Return the interval between two times.

        Raises: ValueError unless 0 <= t_0 < t_1 <= 1.
        """
        if not 0 <= t_0 < t_1 <= 1:
            raise ValueError(f"a step goes forward inside [0, 1], not from {t_0} to {t_1}")
        slope = schedule.dbeta(t_0)
        return cls(
            b_0=schedule.beta(t_0),
            b_1=math.inf if t_1 == 1 else schedule.beta(t_1),
            printed_exposure=0.0 if math.isinf(slope) else (t_1 - t_0) * slope,
            arrives=t_1 == 1,
        )

    @classmethod
    def of_rows(cls, intervals: Sequence["Interval"]) -> "Interval":
        """Return one interval a row, of intervals whose values are Python's."""
        ends = [i.b_0 if i.arrives else i.b_1 for i in intervals]
        return cls(
            torch.tensor([i.b_0 for i in intervals], dtype=torch.float64),
            torch.tensor(ends, dtype=torch.float64),
            torch.tensor([i.printed_exposure for i in intervals], dtype=torch.float64),
            torch.tensor([bool(i.arrives) for i in intervals]),
        )

    @property
    def has_rows(self) -> bool:
        """Return whether each row has its own."""
        return isinstance(self.arrives, Tensor) and self.arrives.ndim == 1

    def at(self, rows: Tensor) -> "Interval":
        """Return the interval of each of these rows; itself where all rows have the same."""
        if not self.has_rows:
            return self
        own = (self.b_0, self.b_1, self.printed_exposure, self.arrives)
        return Interval(*(torch.as_tensor(value)[rows] for value in own))


Uniforms = Callable[[int], Tensor]
"""Random numbers in (0, 1): number k of every row or code, equal in every call."""


@runtime_checkable
class Transition(Protocol):
    """Moves codes over one interval that ends before t = 1, each row independently."""

    def __call__(
        self,
        distances: Float[Tensor, "N V"],
        x_t: Int[Tensor, " N"],
        interval: Interval,
        uniforms: Uniforms,
    ) -> Int[Tensor, " N"]:
        """Return new ids. distances: row n is d(x, x_1[n]), infinite where x is no state.
        uniforms(k): float32 "N"."""
        ...


Law = Callable[[Tensor, Tensor, Interval], tuple[Tensor, Tensor]]
"""(distances "N V", x_t "N", interval) -> P(leave) "N", and the weights "N V", not normalised, of
the code that is then drawn."""


@dataclass(frozen=True)
class SingleJump:
    """At most one jump an interval, by a law: random number 0 decides whether a code leaves, number
    1 selects its destination."""

    law: Law

    def __call__(
        self,
        distances: Float[Tensor, "N V"],
        x_t: Int[Tensor, " N"],
        interval: Interval,
        uniforms: Uniforms,
    ) -> Int[Tensor, " N"]:
        """Return new ids, see `Transition`."""
        leave, destination = self.law(distances, x_t, interval)
        leaves = (uniforms(0) < leave).nonzero().squeeze(1)
        moved = x_t.clone()
        moved[leaves] = inverse_cdf(destination[leaves], uniforms(1)[leaves])
        return moved

    def dense_step(
        self,
        metric: CodebookMetric,
        codebook: int,
        x_t: Int[Tensor, " N"],
        target: Int[Tensor, " N"],
        interval: Interval,
        uniforms: Uniforms,
    ) -> Int[Tensor, " N"]:
        """Return new ids for all rows, including those at their target x_1.

        A destination is drawn for every row, so that no result is read back from a GPU. On CUDA it
        uses `flow.cuda.fused` where the law has a kernel.
        """
        if isinstance(self.law, FrozenRates) and has_kernels(x_t.device):
            both = (self.law.rate_beta(interval), self.law.exposure(interval))
            numbers = torch.stack([torch.as_tensor(n, device=x_t.device) for n in both]).float()
            drawn = torch.stack([uniforms(0), uniforms(1)])
            return fused_jumps(metric, codebook, x_t, target, numbers, drawn)
        leave, destination = self.law(metric.distances(codebook, target), x_t, interval)
        return torch.where(uniforms(0) < leave, inverse_cdf(destination, uniforms(1)), x_t)


@dataclass(frozen=True)
class FrozenRates:
    """The kinetic-optimal rates, frozen at one beta of the interval for a given exposure: P(leave)
    = 1 - exp(-exposure L), to x with weight w(x) [D(z) - D(x)]_+ ."""

    rate_beta: Callable[[Interval], float | Tensor]
    exposure: Callable[[Interval], float | Tensor]

    def __call__(self, distances: Tensor, x_t: Tensor, interval: Interval) -> tuple[Tensor, Tensor]:
        """Return P(leave) and destination weights, see `Law`."""
        weights = path_weights(distances, self.rate_beta(interval))
        total = weights.sum(dim=-1)
        gain = (_at(distances, x_t).unsqueeze(1) - distances).clamp_(min=0)
        destination = weights.mul_(gain)
        exit_rate = destination.sum(dim=-1) / total
        exposure = self.exposure(interval)
        if isinstance(exposure, Tensor):
            exposure = exposure.to(exit_rate.dtype)
        return -torch.expm1(-exposure * exit_rate), destination


def coupled_marginals(distances: Tensor, x_t: Tensor, interval: Interval) -> tuple[Tensor, Tensor]:
    """The maximal coupling of p_b0 and p_b1: a code stays with min(1, p_b1(z) / p_b0(z)), else it
    is drawn from [p_b1 - p_b0]_+ . Exact marginals with the fewest changes; not the kinetic
    process."""
    p_0 = path_probabilities(distances, interval.b_0)
    p_1 = path_probabilities(distances, interval.b_1)
    stay = _at(p_1, x_t) / _at(p_0, x_t).clamp(min=torch.finfo(p_0.dtype).tiny)
    risen = p_1.sub_(p_0).clamp_(min=0)
    return (1 - stay).clamp(min=0).where(risen.sum(dim=-1) > 0, 0.0), risen


def thinning(
    distances: Float[Tensor, "N V"],
    x_t: Int[Tensor, " N"],
    interval: Interval,
    uniforms: Uniforms,
) -> Int[Tensor, " N"]:
    """The kinetic-optimal process itself, at any step size, by thinning (Lewis and Shedler 1979).

    D(z) bounds the exit rate: wait Exp(1) / D(z); past b_1 stop; propose x ~ p_b; accept with
    (1 - D(x) / D(z))_+ ; go on from there. Round r uses the numbers 3r, 3r + 1 and 3r + 2.
    """
    state, clock = x_t.clone(), torch.zeros_like(distances[:, 0]) + interval.b_0
    rows = torch.arange(len(state), device=state.device)
    number = 0
    while True:
        height = _at(distances[rows], state[rows])
        clock[rows] -= uniforms(number)[rows].log() / height
        going = clock[rows] <= interval.b_1
        rows, height = rows[going], height[going]
        if len(rows) == 0:
            return state
        near = distances[rows]
        proposed = inverse_cdf(path_weights(near, clock[rows]), uniforms(number + 1)[rows])
        accepted = uniforms(number + 2)[rows] * height < height - _at(near, proposed)
        state[rows] = torch.where(accepted, proposed, state[rows])
        number += 3


TRANSITIONS: Mapping[str, Transition] = MappingProxyType(
    {
        "euler": SingleJump(FrozenRates(lambda i: i.b_0, lambda i: i.printed_exposure)),
        "euler_beta": SingleJump(FrozenRates(lambda i: i.b_0, lambda i: i.b_1 - i.b_0)),
        "midpoint": SingleJump(FrozenRates(lambda i: (i.b_0 + i.b_1) / 2, lambda i: i.b_1 - i.b_0)),
        "thinning": thinning,
        "coupling": SingleJump(coupled_marginals),
    }
)
"""euler: as the paper prints it. euler_beta: the interval's exposure exactly. midpoint: still first
order, about nine times smaller an error than euler. thinning: the paper's process without an error
of its own. coupling: exact marginals, fewest changes."""


def _at(rows: Tensor, ids: Tensor) -> Tensor:
    """Return rows[n, ids[n]]."""
    return rows.gather(1, ids.unsqueeze(1)).squeeze(1)


@torch.no_grad()
def advance(
    transition: Transition,
    metric: CodebookMetric,
    x_t: Int[Tensor, "B L Q"],
    x_1: Int[Tensor, "B L Q"],
    interval: Interval,
    uniforms: Uniforms,
    *,
    dense_step: bool = False,
) -> Int[Tensor, "B L Q"]:
    """Return x_{t+h}: codes moved towards their x_1, or x_1 where the step ends at 1.

    Rows with x_t = x_1 cannot leave and are skipped, so x_1 = x_t freezes a position. Elsewhere
    both are states of the metric. uniforms(k): float32 "B L Q". Positions are processed in chunks.
    dense_step: skip no row, see `SingleJump.dense_step`; the ids are equal, and other kinds of
    transition ignore it. An interval with rows has one for each of "B", and no dense step. The
    result is a new tensor.
    """
    dense = transition if dense_step and isinstance(transition, SingleJump) else None
    arrives = interval.arrives if dense and isinstance(interval.arrives, Tensor) else None
    if arrives is None and not interval.has_rows and bool(interval.arrives):
        return x_1.clone()
    state, target = x_t.flatten(0, 1), x_1.flatten(0, 1)
    number = cache(lambda k: uniforms(k).flatten(0, 1))
    moved = state.clone()
    if dense is not None:
        for q in range(metric.num_codebooks):
            for rows in row_chunks(len(state), metric.cardinality):
                numbers = partial(_numbers_of, number, rows, q)
                moved[rows, q] = dense.dense_step(
                    metric, q, state[rows, q], target[rows, q], interval, numbers
                )
        moved = moved.view_as(x_t)
        return moved if arrives is None else torch.where(arrives, x_1, moved)
    each = interval.at(torch.arange(len(x_t)).repeat_interleave(x_t.shape[1]))
    for q in range(metric.num_codebooks):
        away = (state[:, q] != target[:, q]).nonzero().squeeze(1)
        for rows in row_chunks(len(away), metric.cardinality):
            chosen = away[rows]
            distances = metric.distances(q, target[chosen, q])
            numbers = partial(_numbers_of, number, chosen, q)
            moved[chosen, q] = transition(distances, state[chosen, q], each.at(chosen), numbers)
    moved = moved.view_as(x_t)
    if not isinstance(interval.arrives, Tensor) or not interval.has_rows:
        return moved
    return torch.where(interval.arrives[:, None, None], x_1, moved)


def _numbers_of(number: Uniforms, chosen: Tensor | slice, q: int, k: int) -> Tensor:
    """Return random number k of the chosen rows in sub-codebook q."""
    return number(k)[chosen, q]
