"""What did training buy? The figures of every checkpoint that was shipped, by the minutes it had.

Reads the results and the facts of each from the history of the repository, and fits a line through
a figure and the logarithm of the minutes: how much a doubling has brought, and after how many
minutes more of the same the line would reach the bar. It is an extrapolation, and the recipe
changed between the points: `doubling` says what was, `minutes_to_bar` what it would take.
"""

import argparse
import json
import subprocess
import sys
import time
from dataclasses import dataclass
from math import log2
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.report import publish

RESULTS, FACTS = "docs/results/nano.json", "assets/nano/facts.json"
BARS: dict[str, float] = {
    "scenes.overall": 0.75,
    "captions.exact": 0.90,
    "chat.in_world": 0.85,
    "chat.follow_ups": 0.75,
    "omni.omni": 0.75,
    "asr.wer": 0.06,
    "asr.wer_heldout_voices": 0.12,
    "tts.wer": 0.08,
    "spoken_qa.spoken_qa_text": 0.80,
    "spoken_qa.spoken_qa_speech": 0.65,
    "video.direction": 0.75,
    "video.object": 0.75,
    "video.understand_direction": 0.70,
    "editing.done_and_kept": 0.65,
    "retrieval.text_to_image_r5": 0.88,
    "symmetric.agreement": 0.70,
    "tokenizer.psnr": 27.0,
}
"""What each figure is to reach; of `LESS` not to exceed."""
LESS = ("asr.wer", "asr.wer_heldout_voices", "tts.wer")
FOREVER = 1e6
"""Minutes beyond which a line says nothing."""


@dataclass(frozen=True)
class Point:
    """A checkpoint that was shipped: its digest, the minutes of training, and its figures."""

    digest: str
    minutes: float
    figures: dict[str, float]


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.history", description=__doc__)
    parser.add_argument("--repository", type=Path, default=Path())
    parser.add_argument("--json", type=Path, help="also write the result here")
    arguments = parser.parse_args(argv)
    began = time.monotonic()
    try:
        points = history(arguments.repository)
    except ValueError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    arguments.seed, arguments.num = 0, len(points)
    publish("history", None, arguments, began, summary(points))
    return 0


def history(repository: Path) -> list[Point]:
    """Every checkpoint with results, by its minutes; of several results of one the latest.

    Raises: ValueError where the folder is no clone with its history, or holds none.
    """
    found: dict[str, Point] = {}
    for commit in _git(repository, "log", "--reverse", "--format=%H", "--", RESULTS).split():
        results = json.loads(_git(repository, "show", f"{commit}:{RESULTS}"))
        facts = json.loads(_git(repository, "show", f"{commit}:{FACTS}"))
        found[results["digest"]] = Point(
            results["digest"], float(facts["flow_minutes"]), _figures(results)
        )
    if not found:
        raise ValueError(f"no results in the history of {repository}: clone it whole")
    return sorted(found.values(), key=lambda p: p.minutes)


def _figures(results: dict[str, Any]) -> dict[str, float]:
    suites = results["suites"]
    named = ((name, *name.split(".")) for name in BARS)
    return {
        name: float(suites[suite]["metrics"][metric])
        for name, suite, metric in named
        if metric in suites.get(suite, {"metrics": {}})["metrics"]
    }


def summary(points: list[Point]) -> dict[str, float]:
    """Plain numbers: minutes_DIGEST and NAME_DIGEST of every point, and of every figure
    NAME_doubling, what twice the minutes bring, and NAME_minutes_to_bar where the line gets
    there."""
    found = {f"minutes_{p.digest}": p.minutes for p in points}
    for name, bar in BARS.items():
        known = [(p.digest, p.minutes, p.figures[name]) for p in points if name in p.figures]
        found |= {f"{name}_{digest}": value for digest, _, value in known}
        if len({minutes for _, minutes, _ in known}) > 1:
            doubling, reached = line([m for _, m, _ in known], [v for *_, v in known], bar)
            found[f"{name}_doubling"] = doubling
            *_, latest = known
            there = latest[2] <= bar if name in LESS else latest[2] >= bar
            if there or not latest[1] < reached < FOREVER:
                continue
            found[f"{name}_minutes_to_bar"] = reached
    return found


def line(minutes: list[float], values: list[float], bar: float) -> tuple[float, float]:
    """What a doubling of the minutes brings by least squares, and the minutes at which the line
    crosses the bar; infinity where it never does."""
    slope, offset = np.polyfit([log2(m) for m in minutes], values, 1)
    exponent = (bar - offset) / slope if slope else np.inf
    return float(slope), float(2.0 ** min(exponent, 100.0)) if exponent > 0 else np.inf


def _git(repository: Path, *command: str) -> str:
    done = subprocess.run(
        ["git", "-C", str(repository), *command], capture_output=True, text=True, check=False
    )
    if done.returncode:
        reason = done.stderr.strip().splitlines()[-1:] or ["no git"]
        raise ValueError(f"the history cannot be read: {reason[0]}")
    return done.stdout


if __name__ == "__main__":
    sys.exit(main())
