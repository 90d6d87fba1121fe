"""Quality against the number of steps, for every sampler.

Toy joint distributions, followed exactly, and images of held-out prompts by the embedded model.
Every setting has the same prompts and seeds, so differences are paired; their intervals are
bootstrapped. Finished parts are stored beside --json and not computed again.
"""

import argparse
import json
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np

from benchmarks.report import common_parser, publish
from benchmarks.toy import toy_errors
from engine.api.sampling import Sampling
from engine.engine import Engine
from evaluation.suites.scenes import TestCase, draw, plan
from flow.transition import TRANSITIONS

STEPS = (4, 8, 16, 32, 64)
RESAMPLES = 4000


def main() -> int:
    parser = common_parser("steps", __doc__, num=60, seed=2000)
    parser.add_argument("--quick", action="store_true", help="a few settings and wishes only")
    arguments = parser.parse_args()
    started = time.monotonic()
    try:
        engine = Engine.load(arguments.checkpoint, arguments.device)
        arguments.num = 6 if arguments.quick else arguments.num
        cases = plan(arguments.num, arguments.seed)
    except ValueError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    toy = toy_errors(1, (4, 8)) if arguments.quick else toy_errors(5, STEPS)
    parts = _pictures(engine, cases, arguments)
    publish("steps", engine, arguments, started, {**toy, **_summary(parts, arguments.seed)})
    return 0


def settings(quick: bool) -> dict[str, Sampling]:
    """Return name -> sampling settings, with the checkpoint's temperature and guidance."""
    if quick:
        return {"midpoint_4": Sampling(steps=4), "euler_4": Sampling(steps=4, transition="euler")}
    found: dict[str, Sampling] = {}
    for n in STEPS:
        for name in TRANSITIONS:
            found[f"{name}_{n}"] = Sampling(steps=n, transition=name, grid="uniform")
        even = Sampling(steps=n, transition="midpoint", grid="information")
        found[f"midpoint_information_{n}"] = even
        found[f"euler_information_{n}"] = replace(even, transition="euler")
        found[f"midpoint_tuned_{n}"] = replace(even, grid="tuned")
        found[f"masked_{n}"] = Sampling(sampler="masked", steps=n)
    base = Sampling(steps=16, transition="midpoint", grid="uniform")
    found["midpoint_16_cache"] = replace(base, cache_share=0.4)
    found["midpoint_16_guided_every_2"] = replace(base, guidance_every=2)
    found["autoregressive"] = Sampling(sampler="autoregressive")
    return found


def _pictures(
    engine: Engine, cases: list[TestCase], arguments: argparse.Namespace
) -> dict[str, list[bool]]:
    """Return the verdicts on the prompts for each setting."""
    kept_in: Path | None = None
    parts: dict[str, list[bool]] = {}
    if arguments.json is not None and not arguments.quick:
        ending = f".{engine.digest}.{arguments.seed}.parts"
        kept_in = Path(arguments.json).with_suffix(ending)
        if kept_in.exists():
            parts = json.loads(kept_in.read_text())
    for name, sampling in settings(arguments.quick).items():
        if len(parts.get(name, [])) == len(cases):
            continue
        drawn = draw(engine, cases, replace(sampling, seed=arguments.seed))
        parts[name] = [bool(d.right) for d in drawn]
        print(name, sum(parts[name]), "of", len(cases), file=sys.stderr, flush=True)
        if kept_in is not None:
            kept_in.parent.mkdir(parents=True, exist_ok=True)
            kept_in.write_text(json.dumps(parts))
    return parts


def _summary(parts: dict[str, list[bool]], seed: int) -> dict[str, float]:
    """Return the share of right images of each setting, and paired differences with their 90
    percent intervals."""
    found = {f"right_{name}": float(np.mean(values)) for name, values in parts.items()}
    pairs = {
        "midpoint_8_minus_euler_16": ("midpoint_8", "euler_16"),
        "midpoint_8_minus_euler_information_16": ("midpoint_8", "euler_information_16"),
        "midpoint_tuned_8_minus_euler_16": ("midpoint_tuned_8", "euler_16"),
        "cache_minus_none": ("midpoint_16_cache", "midpoint_16"),
        "guided_every_2_minus_1": ("midpoint_16_guided_every_2", "midpoint_16"),
    }
    for name, (a, b) in pairs.items():
        if a in parts and b in parts:
            low, high = paired_interval(parts[a], parts[b], seed)
            found[name] = found[f"right_{a}"] - found[f"right_{b}"]
            found |= {f"{name}_low": low, f"{name}_high": high}
    return found


def paired_interval(one: list[bool], other: list[bool], seed: int) -> tuple[float, float]:
    """Return the 90 percent bootstrap interval of the mean difference of paired outcomes."""
    difference = np.asarray(one, float) - np.asarray(other, float)
    rng = np.random.default_rng(seed)
    picks = rng.integers(len(difference), size=(RESAMPLES, len(difference)))
    low, high = np.quantile(difference[picks].mean(1), (0.05, 0.95))
    return float(low), float(high)


if __name__ == "__main__":
    sys.exit(main())
