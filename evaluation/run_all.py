"""All suites in one result file, which is complete after each suite.

A suite that the checkpoint was not trained for, or whose judge is not installed, is left out with
its reason. Owns: `AllResults`, its file, the choice and sizes of suites. Does not own: the suites
(`evaluation.suites.catalogue`), the page about them (`evaluation.report.html_page`).
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
from evaluation.recording_engine import Group, RecordingEngine
from evaluation.requirements import NOT_JUDGED
from evaluation.result import AUTO, Result
from evaluation.suites import catalogue
from evaluation.suites.catalogue import SUITES, Run

NAME = "all"
SAME = ("digest", "seed", "weights")
"""The fields in which an earlier file must agree to be resumed."""


@dataclass(frozen=True)
class AllResults:
    """The results of all suites. date: ISO 8601, UTC, of the last change. digest: of the weights.
    left_out: suite -> reason. weights: their storage format."""

    date: str
    checkpoint: str
    digest: str
    device: str
    seed: int
    suites: Mapping[str, Result] = field(default_factory=dict[str, Result])
    left_out: Mapping[str, str] = field(default_factory=dict[str, str])
    weights: str = AUTO

    def to_json(self) -> str:
        """Return one line of JSON; every suite as `Result.to_json` writes it."""
        values = asdict(self)
        if self.weights == AUTO:
            del values["weights"]
        values["suites"] = {name: json.loads(r.to_json()) for name, r in self.suites.items()}
        return json.dumps({"name": NAME, **values}, allow_nan=False)

    def with_result(self, result: Result) -> "AllResults":
        """Return a copy with a suite added or replaced."""
        left_out = {k: v for k, v in self.left_out.items() if k != result.name}
        return replace(
            self, date=_now(), suites=_ordered({**self.suites, result.name: result}),
            left_out=left_out,
        )  # fmt: skip

    def without(self, name: str, reason: str) -> "AllResults":
        """Return a copy with a suite left out for a reason."""
        left = {k: v for k, v in self.suites.items() if k != name}
        left_out = _ordered({**self.left_out, name: reason})
        return replace(self, date=_now(), suites=left, left_out=left_out)


def _ordered(by_name: dict[str, Any]) -> dict[str, Any]:
    return {name: by_name[name] for name in SUITES if name in by_name}


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


def read(file: Path) -> AllResults | Result:
    """Read a file with the result of all suites, or of one.

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
class RunSpec:
    """The suites to run. sizes: suite -> number of items. pack: folder of the recordings. weights:
    their storage format."""

    checkpoint: str
    seed: int
    sizes: Mapping[str, int]
    pack: Path = pack.FOLDER
    weights: str = AUTO


def sizes(names: Iterable[str], *, part: float = 1.0, num: int | None = None) -> dict[str, int]:
    """Return the size of each suite, see `evaluation.suites.catalogue.Suite.size`. Raises:
    ValueError."""
    return {name: SUITES[name].size(part=part, num=num) for name in names}


def limit_to_clips(sizes: Mapping[str, int], clips: pack.Pack) -> dict[str, int]:
    """Limit the sizes of suites on recordings to the number of clips in the pack."""
    most = {"asr": len(clips.spoken), "tts": len(clips.own), "sounds": len(clips.sounds)}
    return {name: min(size, most.get(name, size)) for name, size in sizes.items()}


def resumable(engine: Engine, wanted: RunSpec, before: AllResults | None) -> AllResults:
    """Return the earlier results that stay valid: same weights, storage format, seed and size, and
    those of suites that are not run now."""
    empty = AllResults(
        _now(), wanted.checkpoint, engine.digest, str(engine.device), wanted.seed,
        weights=wanted.weights,
    )  # fmt: skip
    if before is None or any(getattr(before, k) != getattr(empty, k) for k in SAME):
        return empty
    kept = {n: r for n, r in before.suites.items() if r.num == wanted.sizes.get(n, r.num)}
    left_out = {n: why for n, why in before.left_out.items() if n not in wanted.sizes}
    return replace(empty, suites=kept, left_out=left_out)


AfterSuite = Callable[[AllResults, str, tuple[Group, ...]], None]
"""Callback after every suite: all results so far, the suite's name and its examples."""


def measure(
    engine: Engine | RecordingEngine, wanted: RunSpec, so_far: AllResults, after: AfterSuite
) -> AllResults:
    """Run the suites that have no result yet; progress goes to stderr.

    A suite that cannot run, for want of training, a judge or clips, is left out with its reason.


    """
    for place, (name, num) in enumerate(wanted.sizes.items(), 1):
        head = f"[{place}/{len(wanted.sizes)}] {name}"
        if name in so_far.suites:
            print(f"{head}: is there already", file=sys.stderr)
            continue
        found = _measured(engine, wanted, name, num, head)
        groups = engine.take_groups() if isinstance(engine, RecordingEngine) else ()
        if isinstance(found, str):
            print(f"{head}: left out, {found}", file=sys.stderr)
            so_far, groups = so_far.without(name, found), ()
        else:
            so_far = so_far.with_result(found)
        after(so_far, name, groups)
    return so_far


def _measured(
    engine: Engine | RecordingEngine, wanted: RunSpec, name: str, num: int, head: str
) -> Result | str:
    """Return the result of a suite, or the reason for leaving it out."""
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
    """Write atomically: neither a reader nor a crash leaves half a file."""
    half = file.with_name(f"{file.name}.part")
    half.write_text(text)
    half.replace(file)
