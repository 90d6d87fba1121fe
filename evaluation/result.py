"""The result format of all suites, and the statistics that they share."""

import json
import math
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field

import numpy as np

RESAMPLED = 1000
AUTO = "auto"
"""The storage format of weights that are not quantised."""


@dataclass(frozen=True)
class Result:
    """The result of a run. date: ISO 8601, UTC. seconds: wall clock. metrics: flat names -> figures
    of the checkpoint; judge: the same of its judge, if any. left_out: figure -> reason. weights:
    their storage format, see `model.loading.placement`."""

    name: str
    date: str
    checkpoint: str
    device: str
    seed: int
    num: int
    seconds: float
    metrics: dict[str, float]
    judge: dict[str, float] = field(default_factory=dict)
    left_out: dict[str, str] = field(default_factory=dict)
    weights: str = AUTO

    def to_json(self) -> str:
        """Return one line of JSON, numbers rounded to four decimals; an empty left_out and default
        weights are omitted.

        Raises ValueError where a number is not finite.

        """
        values = asdict(self)
        values["seconds"] = round(self.seconds, 1)
        for name in ("metrics", "judge"):
            values[name] = {k: round(float(v), 4) for k, v in values[name].items()}
        if not self.left_out:
            del values["left_out"]
        if self.weights == AUTO:
            del values["weights"]
        return json.dumps(values, allow_nan=False)


@dataclass(frozen=True)
class Measurement:
    """The return value of a suite: flat names -> figures of the checkpoint, and of its judge; names
    -> reasons of missing figures."""

    metrics: dict[str, float]
    judge: dict[str, float] = field(default_factory=dict)
    left_out: dict[str, str] = field(default_factory=dict)


def share(outcomes: Iterable[bool]) -> float:
    """Return the share of true outcomes, in [0, 1]. Raises ValueError without outcomes."""
    counted = [bool(o) for o in outcomes]
    if not counted:
        raise ValueError("there is nothing to take a share of")
    return sum(counted) / len(counted)


def wilson(proportion: float, num: int, z: float = 1.96) -> tuple[float, float]:
    """Return Wilson's score interval of a proportion in num trials; z = 1.96 covers 95 percent.

    centre = (p + z^2/2n) / (1 + z^2/n), half = z sqrt(p(1-p)/n + z^2/4n^2) / (1 + z^2/n).
    Raises ValueError where num is below 1 or the proportion outside [0, 1].

    """
    if num < 1 or not 0 <= proportion <= 1:
        raise ValueError(f"no interval for a proportion of {proportion} in {num} trials")
    scale = 1 + z * z / num
    centre = (proportion + z * z / (2 * num)) / scale
    spread = proportion * (1 - proportion) / num + z * z / (4 * num * num)
    half = z * math.sqrt(spread) / scale
    return max(centre - half, 0.0), min(centre + half, 1.0)


def share_metrics(name: str, outcomes: Iterable[bool]) -> dict[str, float]:
    """Return the share under its name, `_low` and `_high`: its 95 percent Wilson interval."""
    counted = list(outcomes)
    found = share(counted)
    low, high = wilson(found, len(counted))
    return {name: found, f"{name}_low": low, f"{name}_high": high}


def ratio_metrics(name: str, counts: np.ndarray) -> dict[str, float]:
    """Return sum(counts[:, 0]) / sum(counts[:, 1]) under its name, 0 for a zero denominator; `_low`
    and `_high`: its 95 percent interval by the percentile bootstrap over rows. counts: int "N
    2"."""
    drawn = np.random.default_rng(0).integers(len(counts), size=(RESAMPLED, len(counts)))
    part, whole = np.moveaxis(counts[drawn].sum(1), 1, 0)
    low, high = np.percentile(part / np.maximum(whole, 1), (2.5, 97.5))
    part, whole = counts.sum(0)
    return {
        name: float(part / max(whole, 1)),
        f"{name}_low": float(low),
        f"{name}_high": float(high),
    }
