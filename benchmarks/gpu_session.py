"""A session of minutes on a GPU: correctness, then benchmarks, then training for the time left.

Every finished part is written to gpu.json in the folder --out at once, and is not computed again
when the command is repeated, so a break loses nothing. At the end it prints a table of the goals.
A training pack is a folder with a file `command`: the arguments of `python -m`, in which {minutes},
{runs} and {pack} are replaced; a repeated command goes on with the same run.
"""

import argparse
import json
import shlex
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import torch

from benchmarks.gpu import PARTS, random_engine, ratios
from benchmarks.gpu_parts.correctness import WANTED, agreement
from benchmarks.gpu_parts.timing import Figures
from engine.engine import Engine

ROOT = Path(__file__).resolve().parents[1]
GOALS: dict[str, tuple[str, float]] = {
    "tests.failed": ("<=", 0),
    "agreement.image_float32": (">=", WANTED),
    "agreement.video_float32": (">=", WANTED),
    "autoregressive_share_of_bandwidth": (">=", 0.75),
    "text_over_autoregressive_8": (">=", 6),
    "text_256.tokens_s_16": (">=", 1760),
    "text.first_ms": ("<=", 50),
    "image.seconds_16": ("<=", 0.25),
    "video.seconds_16": ("<=", 1.8),
    "sampler_share_image": ("<=", 0.02),
    "sampler_share_text": ("<=", 0.08),
    "streaming.ratio_1": ("<=", 1.03),
}
"""Figure -> its goal on one H200 at the published size, see docs/gpu.md."""


class Record:
    """gpu.json: figures by part, written after each part."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self.content: dict[str, object] = {"name": "gpu", "parts": {}}
        if file.exists():
            self.content = json.loads(file.read_text())

    @property
    def parts(self) -> dict[str, Figures]:
        found = self.content["parts"]
        assert isinstance(found, dict)
        return found

    def write(self, **values: object) -> None:
        """Add values and write the file, beside and renamed."""
        self.content |= values
        self.content["metrics"] = self.metrics()
        self._file.parent.mkdir(parents=True, exist_ok=True)
        beside = self._file.with_suffix(".part")
        beside.write_text(json.dumps(self.content, indent=1) + "\n")
        beside.replace(self._file)

    def metrics(self) -> Figures:
        """Return every figure as part.name, with the ratios of the goals."""
        flat = {
            f"{part}.{name}": v for part, found in self.parts.items() for name, v in found.items()
        }
        return flat | ratios(flat)


def main(argv: list[str] | None = None) -> int:
    arguments = _parser().parse_args(argv)
    began = time.monotonic()
    record = Record(arguments.out / "gpu.json")
    record.write(
        date=datetime.now(UTC).isoformat(timespec="seconds"),
        device=_device_name(arguments.device),
        torch=torch.__version__,
        preset=arguments.preset,
    )
    engines: list[Engine] = []

    def engine() -> Engine:
        """The engine of random weights, made when it is first needed."""
        if not engines:
            engines.append(random_engine(arguments.preset, arguments.device, arguments.block))
        return engines[0]

    todo: dict[str, Callable[[], Figures]] = {
        "tests": partial(gpu_tests, arguments.tests),
        "agreement": partial(agreement, arguments.checkpoint, arguments.device, arguments.seeds),
        **{name: partial(_part, name, engine, arguments.repeats) for name in PARTS},
    }
    for name, run in todo.items():
        spent_s = time.monotonic() - began
        if name in record.parts:
            continue
        if spent_s > arguments.benchmark_seconds:
            print(f"no time left for {name}: repeat the command", file=sys.stderr)
            continue
        try:
            record.parts[name] = run()
        except (RuntimeError, ValueError, AssertionError) as error:  # the others still count
            record.write(**{f"error of {name}": str(error)[:500]})
            print(f"{name} failed: {error}", file=sys.stderr)
            continue
        record.write()
        print(f"{spent_s:5.0f} s {name} {json.dumps(record.parts[name])}", flush=True)
    engines.clear()
    left_s = arguments.seconds - (time.monotonic() - began)
    if arguments.pack is not None and left_s > 0:
        record.write(training=train(arguments.pack, arguments.out / "runs", left_s))
    print(table(record.metrics()))
    return 0


def gpu_tests(paths: list[str]) -> Figures:
    """Run the tests of a GPU in a process of their own; return how many passed, failed and were
    skipped."""
    report = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-rA", *paths],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    ).stdout
    print("\n".join(line for line in report.splitlines() if line.startswith("FAILED")))
    starts = {"passed": "PASSED", "failed": ("FAILED", "ERROR"), "skipped": "SKIPPED"}
    return {
        name: float(sum(line.startswith(start) for line in report.splitlines()))
        for name, start in starts.items()
    }


def train(pack: Path, runs: Path, seconds: float) -> dict[str, object]:
    """Run the pack's command for so long and return how it ended; it goes on where a run is."""
    places = {"minutes": f"{seconds / 60:.2f}", "runs": runs.resolve(), "pack": pack.resolve()}
    words = [word.format(**places) for word in shlex.split((pack / "command").read_text())]
    began, code = time.monotonic(), None
    with suppress(subprocess.TimeoutExpired):  # what it has saved stays
        code = subprocess.run(
            [sys.executable, "-m", *words], cwd=ROOT, timeout=seconds + 30
        ).returncode
    return {"command": words, "code": code, "seconds": time.monotonic() - began}


def table(metrics: Figures) -> str:
    """Return the goals beside what was measured, one a line."""
    lines = [f"{'figure':36} {'goal':>9} {'measured':>10}"]
    for name, (sign, goal) in GOALS.items():
        value = metrics.get(name)
        if value is None:
            lines.append(f"{name:36} {sign}{goal:>7g} {'-':>10}")
            continue
        reached = value >= goal if sign == ">=" else value <= goal
        lines.append(f"{name:36} {sign}{goal:>7g} {value:>10.4g} {'' if reached else 'missed'}")
    return "\n".join(line.rstrip() for line in lines)


def _part(name: str, engine: Callable[[], Engine], repeats: int) -> Figures:
    return PARTS[name](engine(), repeats)


def _device_name(device: str) -> str:
    if device != "cpu" and torch.cuda.is_available():
        return torch.cuda.get_device_name()
    return "CPU"


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.gpu_session", description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("docs/results"))
    parser.add_argument("--preset", default="next_omni_7b", help="the size that is measured")
    parser.add_argument("--checkpoint", type=Path, default=ROOT / "assets/nano")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--block", type=int, default=64, help="positions of a text block")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--seeds", type=int, default=4, help="runs that are compared with a CPU")
    parser.add_argument("--seconds", type=float, default=540, help="of the whole session")
    parser.add_argument(
        "--benchmark-seconds", type=float, default=360, help="begin no part after so long"
    )
    parser.add_argument("--tests", nargs="*", default=["tests/gpu"])
    parser.add_argument("--pack", type=Path, help="folder of a training pack")
    return parser


if __name__ == "__main__":
    sys.exit(main())
