"""The common command line of the benchmarks: arguments, and the result on stdout and in a file."""

import argparse
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

from engine.engine import Engine
from evaluation.result import Result


def common_parser(name: str, doc: str | None, *, num: int, seed: int) -> argparse.ArgumentParser:
    """Return a parser of the common arguments, with the defaults of one benchmark."""
    parser = argparse.ArgumentParser(prog=f"python -m benchmarks.{name}", description=doc)
    parser.add_argument("--checkpoint", type=Path, default=Path("assets/nano"))
    parser.add_argument("--device", default="auto")
    parser.add_argument("--num", type=int, default=num, help="repeats or wishes")
    parser.add_argument("--seed", type=int, default=seed)
    parser.add_argument("--json", type=Path, help="also write the result here")
    return parser


def loaded(arguments: argparse.Namespace) -> Engine | None:
    """Load the engine of `common_parser`'s arguments; None after a message on stderr."""
    try:
        return Engine.load(arguments.checkpoint, arguments.device)
    except ValueError as error:
        print(f"error: {error}", file=sys.stderr)
        return None


def publish(
    name: str,
    engine: Engine | None,
    arguments: argparse.Namespace,
    started_s: float,
    metrics: dict[str, float],
) -> None:
    """Print the result as one line of JSON. engine: what was measured, None where no checkpoint
    was. began_s: when it began, by the monotonic clock."""
    result = Result(
        name=name,
        date=datetime.now(UTC).isoformat(timespec="seconds"),
        checkpoint="none" if engine is None else f"{arguments.checkpoint} {engine.digest}",
        device="cpu" if engine is None else str(engine.device),
        seed=arguments.seed,
        num=arguments.num,
        seconds=time.monotonic() - started_s,
        metrics=metrics,
    )
    if arguments.json is not None:
        arguments.json.parent.mkdir(parents=True, exist_ok=True)
        arguments.json.write_text(result.to_json() + "\n")
    print(result.to_json())
