"""Every suite, one after the other, in one file that is complete after each of them.

A suite that the checkpoint was not trained for, or whose judge is not installed, is left out with
its reason. Owns: `AllResults`, its file, which suites are run and in what sizes. Does not own: the
suites (`evaluation.suites.catalogue`), the page about them (`evaluation.report.html_page`).
"""

import json
import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from engine.api.sampling import Sampling
from engine.engine import Engine
from evaluation import pack
from evaluation.judges.speech_judges import NotInstalledError
from evaluation.report.recording_engine import Group, RecordingEngine
from evaluation.report.result import AUTO, Result
from evaluation.requirements import NOT_JUDGED
from evaluation.suites import catalogue
from evaluation.suites.catalogue import SUITES, Run

NAME = "all"
SAME = ("digest", "seed", "weights")
"""What an earlier file must agree in to be gone on with."""


@dataclass(frozen=True)
class AllResults:
    """What all suites measured. date: ISO 8601, UTC, of the last change. digest: of the weights.
    left_out: suites -> why there is no result. weights: how they were kept."""

    date: str
    checkpoint: str
    digest: str
    device: str
    seed: int
    suites: Mapping[str, Result] = field(default_factory=dict[str, Result])
    left_out: Mapping[str, str] = field(default_factory=dict[str, str])
    weights: str = AUTO

    def to_json(self) -> str:
        """One line of JSON; every suite as `Result.to_json` writes it."""
        values = asdict(self)
        if self.weights == AUTO:
            del values["weights"]
        values["suites"] = {name: json.loads(r.to_json()) for name, r in self.suites.items()}
        return json.dumps({"name": NAME, **values}, allow_nan=False)

    def with_result(self, result: Result) -> "AllResults":
        """With one more suite, or with another result of one."""
        left_out = {k: v for k, v in self.left_out.items() if k != result.name}
        return replace(
            self, date=_now(), suites=_ordered({**self.suites, result.name: result}),
            left_out=left_out,
        )  # fmt: skip

    def without(self, name: str, reason: str) -> "AllResults":
        """With one more suite that has no result."""
        left = {k: v for k, v in self.suites.items() if k != name}
        left_out = _ordered({**self.left_out, name: reason})
        return replace(self, date=_now(), suites=left, left_out=left_out)


def _ordered(by_name: dict[str, Any]) -> dict[str, Any]:
    return {name: by_name[name] for name in SUITES if name in by_name}


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


def read(file: Path) -> AllResults | Result:
    """What a file holds: the result of all suites, or of one.

    Raises: ValueError where it cannot be read or holds something else.
    """
    try:
        values: dict[str, Any] = json.loads(file.read_text())
        if values["name"] != NAME:
            return Result(**values)
        del values["name"]
        results = {name: Result(**r) for name, r in values.pop("suites").items()}
        return AllResults(**values, suites=results)
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"{file} is no result of an evaluation ({error})") from error


@dataclass(frozen=True)
class Wanted:
    """What to run. sizes: suites -> how many of what they consist of. pack: folder of the
    recordings. weights: how the engine keeps them."""

    checkpoint: str
    seed: int
    sizes: Mapping[str, int]
    pack: Path = pack.FOLDER
    weights: str = AUTO


def sizes(names: Iterable[str], *, part: float = 1.0, num: int | None = None) -> dict[str, int]:
    """The size of each suite, see `evaluation.suites.catalogue.Suite.size`. Raises: ValueError."""
    return {name: SUITES[name].size(part=part, num=num) for name in names}


def within(sizes: Mapping[str, int], clips: pack.Pack) -> dict[str, int]:
    """The same, where there are not so many recordings so many as there are."""
    most = {"asr": len(clips.spoken), "tts": len(clips.own), "sounds": len(clips.sounds)}
    return {name: min(size, most.get(name, size)) for name, size in sizes.items()}


def begun(engine: Engine, wanted: Wanted, before: AllResults | None) -> AllResults:
    """What there is already: results of the same weights, kept alike, seed and sizes, and those of
    suites that are not wanted now; nothing of other weights or another seed."""
    empty = AllResults(
        _now(), wanted.checkpoint, engine.digest, str(engine.device), wanted.seed,
        weights=wanted.weights,
    )  # fmt: skip
    if before is None or any(getattr(before, k) != getattr(empty, k) for k in SAME):
        return empty
    kept = {n: r for n, r in before.suites.items() if r.num == wanted.sizes.get(n, r.num)}
    left_out = {n: why for n, why in before.left_out.items() if n not in wanted.sizes}
    return replace(empty, suites=kept, left_out=left_out)


Measured = Callable[[AllResults, str, tuple[Group, ...]], None]
"""Called after every suite with all that there is, its name and its examples."""


def measure(
    engine: Engine | RecordingEngine, wanted: Wanted, so_far: AllResults, after: Measured
) -> AllResults:
    """All that is wanted and not there yet; progress goes to stderr.

    A suite that cannot be run, because of the checkpoint, a judge or its clips, is left out with
    its reason.
    """
    for place, (name, num) in enumerate(wanted.sizes.items(), 1):
        head = f"[{place}/{len(wanted.sizes)}] {name}"
        if name in so_far.suites:
            print(f"{head}: is there already", file=sys.stderr)
            continue
        found = _measured(engine, wanted, name, num, head)
        groups = engine.taken() if isinstance(engine, RecordingEngine) else ()
        if isinstance(found, str):
            print(f"{head}: left out, {found}", file=sys.stderr)
            so_far, groups = so_far.without(name, found), ()
        else:
            so_far = so_far.with_result(found)
        after(so_far, name, groups)
    return so_far


def _measured(
    engine: Engine | RecordingEngine, wanted: Wanted, name: str, num: int, head: str
) -> Result | str:
    """The result of a suite, or why there is none."""
    if reason := catalogue.missing(engine, name):
        return reason
    print(f"{head}: {num} {SUITES[name].about}", file=sys.stderr)
    sampling = Sampling(seed=wanted.seed)
    run = Run(name, num, wanted.seed, sampling, wanted.pack, weights=wanted.weights)
    try:
        return catalogue.result(engine, run, wanted.checkpoint)
    except NotInstalledError as error:
        return f"{NOT_JUDGED}: {error}"
    except ValueError as error:
        return f"failed: {error}"


def write(file: Path, text: str) -> None:
    """In one piece: a reader, or a crash, never sees half of it."""
    half = file.with_name(f"{file.name}.part")
    half.write_text(text)
    half.replace(file)
