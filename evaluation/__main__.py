"""Command line: python -m evaluation scenes | captions | tokenizer | chat. Progress goes to stderr,
the result, one line of JSON, is the last line of stdout and the content of --json FILE."""

import argparse
import os
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

from engine.engine import Engine
from engine.request import SamplerKind, Sampling
from evaluation import captions, chat, scenes, tokenizer
from evaluation.result import Measured, Result
from flow.transition import TRANSITIONS


def main(argv: list[str] | None = None) -> int:
    """0, or 2 after one sentence on stderr about what was wrong with the request."""
    arguments = _parser().parse_args(argv)
    try:
        result = _result(arguments)
        if arguments.json is not None:
            arguments.json.write_text(result.to_json() + "\n")
    except ValueError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except OSError as error:
        print(f"error: cannot write {error.filename}: {error.strerror}", file=sys.stderr)
        return 2
    print(result.to_json())
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m evaluation", description=__doc__)
    default = os.environ.get("NEXT_OMNI_CHECKPOINT", "assets/nano")
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument("--num", type=int, default=240, help="how many scenes or dialogues")
    common.add_argument("--seed", type=int, default=0)
    common.add_argument("--json", type=Path, help="where the result is written, too")
    common.add_argument(
        "--checkpoint", type=Path, default=Path(default), help="folder of the weights"
    )
    common.add_argument("--device", default="auto", help="auto, cpu or cuda")
    sampled = argparse.ArgumentParser(add_help=False)
    sampled.add_argument("--steps", type=int, help="steps of refinement; default: the checkpoint's")
    sampled.add_argument("--guidance", type=float)
    sampled.add_argument("--temperature", type=float)
    sampled.add_argument(
        "--sampler", choices=[str(k) for k in SamplerKind], default="flow", help="on one model"
    )
    sampled.add_argument("--transition", help=f"of flow matching: {', '.join(TRANSITIONS)}")
    suites = parser.add_subparsers(dest="suite", required=True)
    drawn = suites.add_parser("scenes", parents=[common, sampled], help="pictures of wishes")
    drawn.add_argument("--sheet", type=Path, help="where the judged pictures are written (PNG)")
    suites.add_parser("captions", parents=[common, sampled], help="questions about pictures")
    suites.add_parser("chat", parents=[common, sampled], help="conversations")
    suites.add_parser("tokenizer", parents=[common], help="the picture tokenizer alone")
    return parser


def _result(arguments: argparse.Namespace) -> Result:
    sampling = _sampling(arguments)
    engine = Engine.load(arguments.checkpoint, arguments.device)
    date, started_s = datetime.now(UTC).isoformat(timespec="seconds"), time.monotonic()
    measured = _measured(engine, sampling, arguments)
    return Result(
        name=arguments.suite,
        date=date,
        checkpoint=str(arguments.checkpoint),
        device=str(engine.device),
        seed=arguments.seed,
        num=arguments.num,
        seconds=time.monotonic() - started_s,
        metrics=measured.metrics,
        judge=measured.judge,
    )


def _sampling(arguments: argparse.Namespace) -> Sampling:
    if arguments.suite == "tokenizer":
        return Sampling(seed=arguments.seed)
    return Sampling(
        steps=arguments.steps,
        sampler=arguments.sampler,
        transition=arguments.transition,
        guidance_scale=arguments.guidance,
        temperature=arguments.temperature,
        seed=arguments.seed,
    )


def _measured(engine: Engine, sampling: Sampling, arguments: argparse.Namespace) -> Measured:
    num, seed = arguments.num, arguments.seed
    match arguments.suite:
        case "scenes":
            measured, drawn = scenes.evaluate(engine, num, seed, sampling)
            if arguments.sheet is not None:
                scenes.sheet(drawn).save(arguments.sheet, format="PNG")
            return measured
        case "captions":
            return captions.evaluate(engine, num, seed, sampling)
        case "chat":
            return chat.evaluate(engine, num, seed, sampling)
        case _:
            return tokenizer.evaluate(engine, num, seed)


if __name__ == "__main__":
    sys.exit(main())
