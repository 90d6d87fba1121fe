"""Which of the published claims hold on the small model? Arms of equal minutes, from nothing.

Each arm learns to draw one thing and to answer in words about it, with the same frozen tokenizer,
the same lessons from the same seeds and the same wall time, and is asked the same held-out wishes
and questions with its own sampler. The arms are those of Luo et al. 2025 (arXiv:2510.13721), Table
5, that one small model can tell apart: the paradigm (all three at once, flow matching, masked
diffusion, from left to right alone), answers of one length, and a tokenizer that learns on, with
and without its reconstruction loss. Arms that are done are kept beside --json and not trained
again; --arms takes some of them, so that processes can share the work.
"""

import argparse
import json
import sys
import time
from pathlib import Path

from benchmarks.report import publish
from engine.engine import Engine
from engine.request import Sampling
from evaluation import captions, scenes, tokenizer
from evaluation.result import share
from training.__main__ import main as train
from world.scenes import Family

ARMS: dict[str, tuple[str, ...]] = {
    "mixed": (),
    "flow": ("--paradigm", "flow"),
    "masked": ("--paradigm", "masked"),
    "autoregressive": ("--paradigm", "autoregressive"),
    "fixed_length": ("--fixed-length",),
    "online": ("--online",),
    "online_unrebuilt": ("--online", "--without-reconstruction"),
}
"""What the command line of training says for each."""
LESSONS = (
    "--kinds", "image,text", "--single", "1",
    "--without-audio", "--without-video", "--without-thinking",
)  # fmt: skip
ONE_THING = (Family.SINGLE_OBJECT, Family.COLOURS)
"""The scenes of all lessons and questions: with several things an hour of a CPU teaches no arm
enough to tell it from another."""
PICTURES = 120
"""Held-out pictures that the tokenizer of an arm is measured on."""


def main(argv: list[str] | None = None) -> int:
    arguments = _parser().parse_args(argv)
    began = time.monotonic()
    chosen = [name.strip() for name in arguments.arms.split(",") if name.strip()]
    unknown = [name for name in chosen if name not in ARMS]
    if unknown:
        print(f"error: no arm {unknown[0]!r}: choose of {', '.join(ARMS)}", file=sys.stderr)
        return 2
    try:
        scenes.wishes(arguments.num, arguments.seed, ONE_THING)
    except ValueError as error:  # before hours of training, not after
        print(f"error: {error}", file=sys.stderr)
        return 2
    parts = arguments.json.with_suffix(f".{arguments.minutes:g}.{arguments.seed}.parts")
    for name in chosen or ARMS:
        if name not in _done(parts):
            found = _arm(name, arguments)
            if found is None:
                return 2
            parts.write_text(json.dumps({**_done(parts), name: found}))
    done = _done(parts)
    metrics = {f"{arm}_{k}": v for arm in ARMS for k, v in done.get(arm, {}).items()}
    publish("ablations", None, arguments, began, metrics)
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.ablations", description=__doc__)
    parser.add_argument("--minutes", type=float, default=20.0, help="of training, for each arm")
    parser.add_argument("--arms", default="", help=f"some of {', '.join(ARMS)}; all if not said")
    parser.add_argument("--preset", default="nano")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--num", type=int, default=120, help="wishes, and questions of each kind")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--scenes", default="40000", help="pictures in the pool")
    parser.add_argument(
        "--tokenizers",
        type=Path,
        default=Path("assets/nano"),
        help="checkpoint whose picture tokenizer all arms have",
    )
    parser.add_argument("--runs", type=Path, default=Path("runs/ablations"))
    parser.add_argument("--json", type=Path, required=True, help="where the result goes")
    return parser


def _done(parts: Path) -> dict[str, dict[str, float]]:
    return json.loads(parts.read_text()) if parts.exists() else {}


def _arm(name: str, arguments: argparse.Namespace) -> dict[str, float] | None:
    """The figures of an arm that is trained here; None where training said why it cannot be."""
    runs = arguments.runs / name
    runs.mkdir(parents=True, exist_ok=True)
    codes = arguments.runs / f"vision-{arguments.preset}"
    codes.mkdir(exist_ok=True)
    if not (runs / codes.name).exists():
        (runs / codes.name).symlink_to(codes.resolve())
    own = ["--preset", arguments.preset, "--device", arguments.device, "--runs", str(runs)]
    own += ["--tokenizers", str(arguments.tokenizers), *ARMS[name], *LESSONS]
    learn = ["--minutes", str(arguments.minutes), "--scenes", arguments.scenes, "--muon"]
    out = runs / "checkpoint"
    for command in (["flow", *own, *learn], ["export", *own, "--out", str(out)]):
        if train(command) != 0:
            return None
    return _figures(Engine.load(out, arguments.device), arguments)


def _figures(engine: Engine, arguments: argparse.Namespace) -> dict[str, float]:
    """What the trained arm can do, on held-out wishes and questions, and what it costs."""
    sampling, num, seed = Sampling(seed=arguments.seed), arguments.num, arguments.seed
    drawn = scenes.draw(engine, scenes.wishes(num, seed, ONE_THING), sampling)
    began = time.monotonic()
    asked = {"object": ONE_THING, "colour": (Family.COLOURS,)}
    said = captions.evaluate(engine, num, seed, sampling, asked).metrics
    seconds = time.monotonic() - began
    seen = tokenizer.evaluate(engine, PICTURES, seed)
    found = {"draws": share(d.right for d in drawn)}
    for family in ONE_THING:
        found[f"draws_{family}"] = share(d.right for d in drawn if d.wish.scene.family is family)
    found |= {f"says_{k}": said[k] for k in ("object", "exact", "colour")}
    return found | {
        "says_s": seconds / (num * len(asked)),
        "psnr": seen.metrics["psnr"],
        "minutes": engine.facts["flow_minutes"],
        "pictures_seen": float(engine.facts["flow_pictures_seen"]),
        "steps": float(engine.facts["flow_steps"]),
    }


if __name__ == "__main__":
    sys.exit(main())
