"""The clock of the path, beta(t) = c (t / (1-t))^a, and the times of a sampler's steps.

Owns: `Clock`, `Schedule`, `uniform_grid`, `times_as_even`, `check_times`. Plain float arithmetic;
beta is never evaluated at t = 1, where it is infinite. Does not own: the path itself (`flow.path`),
or the choice of (c, a) for a codebook.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Protocol, runtime_checkable


@runtime_checkable
class Clock(Protocol):
    """A monotone beta(t) from 0 at t = 0 to infinity at t = 1, never evaluated at t = 1."""

    def beta(self, t: float) -> float:
        """Return the value at t in [0, 1); ValueError elsewhere."""
        ...

    def dbeta(self, t: float) -> float:
        """Return the slope at t in [0, 1), may be infinite at t = 0; ValueError elsewhere."""
        ...

    def t_of_beta(self, beta: float) -> float:
        """Return the t of a beta; ValueError where beta is negative or not finite."""
        ...


@dataclass(frozen=True)
class Schedule:
    """beta(t) = c (t / (1-t))^a for t in [0, 1), with c > 0 and a > 0.

    The defaults are the paper's, made for the cosine distance.

    Raises: ValueError where c or a is not a positive finite number.
    Source: Luo et al. 2025 (arXiv:2510.13721), App. A; Shaul et al. 2024 (arXiv:2412.03487).
    """

    c: float = 3.0
    a: float = 0.9

    def __post_init__(self) -> None:
        if not (0 < self.c < math.inf and 0 < self.a < math.inf):
            raise ValueError(
                f"a schedule needs positive finite c and a, not c={self.c}, a={self.a}"
            )

    def beta(self, t: float) -> float:
        """Return the value of the clock: from 0 at t = 0, increasing without bound.

        Raises: ValueError where t is outside [0, 1).
        """
        return self.c * _odds(t) ** self.a

    def dbeta(self, t: float) -> float:
        """Return dbeta/dt = c a t^(a-1) / (1-t)^(a+1); infinite at t = 0 where a < 1.

        Raises: ValueError where t is outside [0, 1).
        """
        odds = _odds(t)
        if odds == 0.0 and self.a < 1:
            return math.inf
        return self.c * self.a * odds ** (self.a - 1) / (1 - t) ** 2

    def t_of_beta(self, beta: float) -> float:
        """Return the time t in [0, 1) at which beta(t) = beta.

        Raises: ValueError where beta is negative or not finite.
        """
        if not 0 <= beta < math.inf:
            raise ValueError(f"beta must be finite and at least 0, not {beta}")
        odds = (beta / self.c) ** (1 / self.a)
        return odds / (1 + odds)


PAPER = Schedule()
"""c = 3, a = 0.9."""
TUNED = Schedule(c=5.0, a=0.6)
"""A clock for the times of steps: whatever the path's clock is, fewer steps are needed, since they
leave the nearly uniform start and the nearly finished end sooner (docs/log.md)."""


def uniform_grid(num_steps: int, start: float = 0.0) -> tuple[float, ...]:
    """Return num_steps + 1 evenly spaced times from `start` in [0, 1) to 1; both ends are exact.

    Raises: ValueError where num_steps < 1 or start is outside [0, 1).
    """
    if num_steps < 1:
        raise ValueError(f"at least 1 step is needed, not {num_steps}")
    if not 0 <= start < 1:
        raise ValueError(f"a run starts at a time in [0, 1), not at {start}")
    rise = 1 - start
    return (*(start + rise * (i / num_steps) for i in range(num_steps)), 1.0)


def times_as_even(clock: Clock, even: Clock, num_steps: int) -> tuple[float, ...]:
    """Return num_steps + 1 times from 0 to 1 at which `clock` has the values of `even` at k /
    num_steps.

    Raises: ValueError where num_steps < 1.
    """
    if num_steps < 1:
        raise ValueError(f"at least 1 step is needed, not {num_steps}")
    between = (clock.t_of_beta(even.beta(k / num_steps)) for k in range(1, num_steps))
    return (0.0, *between, 1.0)


def check_times(times: Sequence[float]) -> None:
    """Check the times of a sampler. Raises: ValueError unless they increase from [0, 1) to exactly
    1."""
    if len(times) < 2:
        raise ValueError(f"at least 1 step is needed: two times, not {len(times)}")
    if not 0 <= times[0] < 1 or times[-1] != 1:
        raise ValueError(f"times run from one in [0, 1) to 1, not from {times[0]} to {times[-1]}")
    for before, after in pairwise(times):
        if not before < after:
            raise ValueError(f"times must increase, but {after} follows {before}")


def _odds(t: float) -> float:
    if not 0 <= t < 1:
        raise ValueError(f"t must be in [0, 1), not {t}")
    return t / (1 - t)
