"""Calibrated schedule: a clock and a grid of times that are even in information.

p_t(x_1 | x_1) is a poor measure of progress, because the neighbours of x_1 carry nearly all
information long before a code is exactly right. So t is spread evenly over the logarithm of the
mutual information I(x_1; x_t), from `FIRST_BITS` to nearly all bits. Owns: `CalibratedSchedule`,
`information_knots`, `information_clock`, `PathPoint`, `path_table`.
"""

import math
from bisect import bisect_right
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, partial

from flow.metric import CodebookMetric
from flow.path import exact_hit, information
from flow.schedule import TUNED, Clock

FIRST_BITS = 0.003
"""Information of one code, in bits, at the start of the calibrated part of a path."""
LAST_SHARE = 0.99
"""Share of all bits at the end of the calibrated part."""
KNOTS = 32
LARGEST_BETA = 1e4


@dataclass(frozen=True)
class CalibratedSchedule:
    """beta(t) through knots at t = k / (K + 1), k = 1 .. K, with linear log beta between them.

    Before the first knot beta is proportional to t; after the last one to 1 / (1 - t), unbounded.

    Raises: ValueError unless the knots are positive, finite and increasing, and at least two.
    """

    knots: tuple[float, ...]

    def __post_init__(self) -> None:
        rising = all(a < b for a, b in zip(self.knots, self.knots[1:], strict=False))
        if len(self.knots) < 2 or not rising or not 0 < self.knots[0] <= self.knots[-1] < math.inf:
            raise ValueError(f"a schedule needs rising positive knots, not {self.knots}")

    def beta(self, t: float) -> float:
        """Return the value of the clock at t in [0, 1)."""
        place = self._place(t)
        if place <= 1:
            return self.knots[0] * place
        if place >= len(self.knots):
            return self.knots[-1] / (len(self.knots) + 1 - place)
        k = int(place)
        low, high = math.log(self.knots[k - 1]), math.log(self.knots[k])
        return math.exp(low + (high - low) * (place - k))

    def dbeta(self, t: float) -> float:
        """Return the slope of the clock at t in [0, 1), the right-hand one at a knot."""
        place, scale = self._place(t), len(self.knots) + 1
        if place < 1:
            return self.knots[0] * scale
        if place >= len(self.knots):
            return self.knots[-1] * scale / (scale - place) ** 2
        k = int(place)
        return self.beta(t) * scale * math.log(self.knots[k] / self.knots[k - 1])

    def t_of_beta(self, beta: float) -> float:
        """Return the time t in [0, 1) at which beta(t) = beta.

        Raises: ValueError where beta is negative or not finite.
        """
        if not 0 <= beta < math.inf:
            raise ValueError(f"beta must be finite and at least 0, not {beta}")
        scale = len(self.knots) + 1
        if beta <= self.knots[0]:
            return beta / self.knots[0] / scale
        if beta >= self.knots[-1]:
            return (scale - self.knots[-1] / beta) / scale
        k = bisect_right(self.knots, beta)
        low, high = math.log(self.knots[k - 1]), math.log(self.knots[k])
        return (k + (math.log(beta) - low) / (high - low)) / scale

    def _place(self, t: float) -> float:
        """Return t in units of the distance between knots."""
        if not 0 <= t < 1:
            raise ValueError(f"t must be in [0, 1), not {t}")
        return t * (len(self.knots) + 1)


def information_knots(metric: CodebookMetric, num: int = KNOTS) -> tuple[float, ...]:
    """Return betas at which the mean information of a code is evenly spaced in its logarithm, from
    `FIRST_BITS` to `LAST_SHARE` of all bits. About 20 exact sums a knot: seconds, once."""
    bits_at = cache(partial(information_bits, metric))
    ratio = LAST_SHARE * bits_at(LARGEST_BETA) / FIRST_BITS
    return tuple(_beta_of(bits_at, FIRST_BITS * ratio ** (k / (num - 1))) for k in range(num))


def information_bits(metric: CodebookMetric, beta: float) -> float:
    """Return the information of a code in bits, averaged over the codebooks."""
    return sum(information(metric, q, beta) for q in range(metric.num_codebooks)) / (
        metric.num_codebooks
    )


GRIDS = ("uniform", "information", "tuned")
"""Names of grids: times are even in t, in the information of a code, or in `TUNED`."""


def information_clock(grid: str, metric: CodebookMetric) -> Clock | None:
    """Return the clock of a grid's name; None is t itself.

    Raises: ValueError where the name is unknown.
    """
    match grid:
        case "uniform":
            return None
        case "information":
            return CalibratedSchedule(information_knots(metric))
        case "tuned":
            return TUNED
        case _:
            raise ValueError(f"unknown grid {grid!r}: choose one of {', '.join(GRIDS)}")


@dataclass(frozen=True)
class PathPoint:
    """A point of a codebook's path. bits: I(x_1; x_t). exact_hit: p_t(x_1 | x_1)."""

    codebook: int
    t: float
    beta: float
    bits: float
    exact_hit: float


def path_table(metric: CodebookMetric, clock: Clock, num: int = 20) -> list[PathPoint]:
    """Return the points t = k / num, below 1, of each codebook."""
    return [
        PathPoint(q, k / num, beta, information(metric, q, beta), exact_hit(metric, q, beta))
        for q in range(metric.num_codebooks)
        for k in range(num)
        for beta in (clock.beta(k / num),)
    ]


def _beta_of(bits_at: Callable[[float], float], bits: float) -> float:
    """Return the beta at which a code has that information, by bisection of log beta."""
    low, high = math.log(1e-4), math.log(LARGEST_BETA)
    for _ in range(24):
        middle = (low + high) / 2
        if bits_at(math.exp(middle)) < bits:
            low = middle
        else:
            high = middle
    return math.exp((low + high) / 2)
