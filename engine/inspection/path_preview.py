"""A preview of the effect of a path and a time grid on a code, before a run.

Everything depends on the clock through beta alone: a table over beta is made once, and each choice
of c, a and grid reads it at its own times.
"""

from dataclasses import dataclass

import numpy as np

from flow.metric import CodebookMetric
from flow.path import exact_hit, information, jump_rate
from flow.schedule import Clock

SMALLEST, LARGEST, NUM_BETAS = 0.02, 400.0, 28
NUM_TIMES = 60
LAST_TIME = 0.99


@dataclass(frozen=True)
class CodeTable:
    """betas "N", from 0 upwards; for each codebook "Q N": bits I(x_1; x_t), p(x_1 | x_1), rates,
    the jumps a unit of beta, and the jumps made since beta = 0."""

    betas: np.ndarray
    bits: np.ndarray
    exact_hit: np.ndarray
    rates: np.ndarray
    jumps: np.ndarray


@dataclass(frozen=True)
class PathPreview:
    """times "T" of the curves; for each codebook "Q T": bits, exact_hit, and rate, the jumps a unit
    of t. steps "S + 1": the times of the run's steps; changes "Q S": jumps expected in each."""

    times: np.ndarray
    bits: np.ndarray
    exact_hit: np.ndarray
    rate: np.ndarray
    steps: np.ndarray
    changes: np.ndarray


def code_table(metric: CodebookMetric) -> CodeTable:
    """Exact sums at `NUM_BETAS` places; the jumps between them by Simpson's rule in log beta."""
    betas = np.geomspace(SMALLEST, LARGEST, 2 * NUM_BETAS - 1)
    places = [0.0, *betas[::2].tolist()]
    rows = range(metric.num_codebooks)
    rates = np.array([[jump_rate(metric, q, float(b)) for b in betas] for q in rows])
    area = rates * betas * np.log(betas[1] / betas[0])
    pieces = (area[:, :-2:2] + 4 * area[:, 1:-1:2] + area[:, 2::2]) / 3
    first = rates[:, :1] * betas[0]
    jumps = np.concatenate([np.zeros((len(rates), 1)), first, first + pieces.cumsum(1)], 1)
    return CodeTable(
        np.array(places),
        np.array([[information(metric, q, b) for b in places] for q in rows]),
        np.array([[exact_hit(metric, q, b) for b in places] for q in rows]),
        np.concatenate([rates[:, :1], rates[:, ::2]], 1),
        jumps,
    )


def preview_of(table: CodeTable, clock: Clock, times: tuple[float, ...]) -> PathPreview:
    """The table read along a clock, and at the times of a run."""
    curve = np.linspace(0, LAST_TIME, NUM_TIMES)
    betas = np.array([clock.beta(float(t)) for t in curve])
    ends = np.array([clock.beta(t) if t < 1 else LARGEST for t in times])
    return PathPreview(
        times=curve,
        bits=_at(table, table.bits, betas),
        exact_hit=_at(table, table.exact_hit, betas),
        rate=_at(table, table.rates, betas) * np.gradient(betas, curve),
        steps=np.array(times),
        changes=np.diff(_at(table, table.jumps, ends), axis=1),
    )


def _at(table: CodeTable, values: np.ndarray, betas: np.ndarray) -> np.ndarray:
    """ "Q N" read at betas "T", straight between the places in log(1 + beta / SMALLEST)."""
    known, asked = (np.log1p(b / SMALLEST) for b in (table.betas, betas))
    return np.array([np.interp(asked, known, row) for row in values])
