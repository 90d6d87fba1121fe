"""Command line: python -m training vision|flow|export --preset nano --minutes M [--resume]
[--device auto].

vision trains the picture tokenizer, flow the model on its frozen codes, export writes the
checkpoint.
"""

import argparse
import json
import sys
from copy import deepcopy
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import torch

from flow.calibration import GRIDS
from model.checkpoint import load_checkpoint, save_checkpoint
from model.config import PRESETS, OmniConfig
from model.omni import OmniModel
from model.placement import Placement
from model.text import TextTokenizer
from training.data import Examples, ScenePool, build_pool, training_texts, word_vectors
from training.flow import FlowStage
from training.loop import Budget, train
from training.vision import VisionStage
from world.concepts import CONCEPTS

TEXTS_PER_KIND = 4000


def main(argv: list[str] | None = None) -> int:
    arguments = _parser().parse_args(argv)
    torch.manual_seed(0)
    torch.set_float32_matmul_precision("high")
    try:
        {"vision": _vision, "flow": _flow, "export": _export}[arguments.stage](arguments)
    except ValueError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m training", description=__doc__)
    parser.add_argument("stage", choices=("vision", "flow", "export"))
    parser.add_argument("--preset", choices=sorted(PRESETS), default="nano")
    parser.add_argument("--minutes", type=float, default=10.0, help="wall time to train for")
    parser.add_argument("--resume", action="store_true", help="go on from the last save of the run")
    parser.add_argument("--device", default="auto", help="auto, cpu or cuda")
    parser.add_argument("--runs", type=Path, default=Path("runs"), help="folder of the runs")
    parser.add_argument("--rate", type=float, default=1e-3, help="peak learning rate")
    parser.add_argument(
        "--cooldown", type=float, default=0.25, help="share of the time in which it falls"
    )
    parser.add_argument(
        "--muon", action="store_true", help="step the matrices inside the layers by Muon"
    )
    parser.add_argument(
        "--scenes", type=int, default=40_000, help="pictures in the pool of the flow stage"
    )
    parser.add_argument(
        "--single",
        type=float,
        default=0.0,
        help="share of pictures with one object (a first lesson)",
    )
    parser.add_argument(
        "--times",
        choices=GRIDS,
        default="uniform",
        help="in which clock the times of pictures lie evenly",
    )
    parser.add_argument(
        "--start", type=Path, help="checkpoint whose weights a flow run begins with"
    )
    parser.add_argument("--out", type=Path, default=Path("assets/nano"), help="where export writes")
    return parser


def _folder(arguments: argparse.Namespace, stage: str) -> Path:
    return arguments.runs / f"{stage}-{arguments.preset}"


def _vision(arguments: argparse.Namespace) -> None:
    stage = VisionStage(PRESETS[arguments.preset].vision, Placement.of(arguments.device).device)
    average, folder = deepcopy(stage.model), _folder(arguments, "vision")
    train(stage, average, folder, _budget(arguments), resume=arguments.resume)


def _flow(arguments: argparse.Namespace) -> None:
    model, tokenizer = _begin(arguments)
    cache = _folder(arguments, "vision") / "codes.npz"
    pool = build_pool(model.vision, arguments.scenes, cache, arguments.single)
    examples = _examples(pool, tokenizer, model.config)
    stage = FlowStage(model, tokenizer, examples, arguments.times)
    budget = replace(_budget(arguments), accumulate=2, report_every_s=600)
    train(stage, deepcopy(model), _folder(arguments, "flow"), budget, resume=arguments.resume)


def _examples(pool: ScenePool, tokenizer: TextTokenizer, config: OmniConfig) -> Examples:
    return Examples(pool, tokenizer, config.text_block, config.text_blocks)


def _budget(arguments: argparse.Namespace) -> Budget:
    return Budget(
        minutes=arguments.minutes,
        learning_rate=arguments.rate,
        cooldown=arguments.cooldown,
        muon=arguments.muon,
    )


def _begin(arguments: argparse.Namespace) -> tuple[OmniModel, TextTokenizer]:
    """The model of a checkpoint to train on, or an untrained one."""
    if arguments.start is None:
        return _untrained(arguments)
    checkpoint = load_checkpoint(arguments.start, Placement.of(arguments.device, "float32"))
    model = checkpoint.model.requires_grad_(True)
    model.vision.requires_grad_(False)
    return model, checkpoint.tokenizer


def _untrained(arguments: argparse.Namespace) -> tuple[OmniModel, TextTokenizer]:
    """A fresh model around the trained picture tokenizer, with its text tokenizer and word
    vectors."""
    config: OmniConfig = PRESETS[arguments.preset]
    vision_file = _folder(arguments, "vision") / "state.pt"
    if not vision_file.exists():
        raise ValueError(f"{vision_file} does not exist: run `python -m training vision` first")
    texts = training_texts(TEXTS_PER_KIND)
    tokenizer = _text_tokenizer(_folder(arguments, "flow"), texts, config.text_vocabulary)
    model = OmniModel(config, tokenizer.space())
    average = torch.load(vision_file, map_location="cpu", weights_only=True)["average"]
    prefix = "tokenizer."
    model.vision.load_state_dict(
        {k.removeprefix(prefix): v for k, v in average.items() if k.startswith(prefix)}
    )
    model.text_metric_codes.copy_(word_vectors(tokenizer, texts, config.text_metric_dim))
    return model.to(Placement.of(arguments.device).device), tokenizer


def _text_tokenizer(folder: Path, texts: list[str], cardinality: int) -> TextTokenizer:
    """The text tokenizer of the run, trained when the run begins and kept with it: its ids are
    what the weights mean."""
    file = folder / "tokenizer.json"
    if file.exists():
        return TextTokenizer.load(file, cardinality)
    tokenizer = TextTokenizer.train(texts, cardinality)
    folder.mkdir(parents=True, exist_ok=True)
    tokenizer.save(file)
    return tokenizer


def _export(arguments: argparse.Namespace) -> None:
    """The averaged weights of the flow run as a checkpoint with the facts of its making."""
    model, tokenizer = _begin(arguments)
    facts: dict[str, Any] = {}
    if arguments.start is None:
        facts |= _run_facts(_folder(arguments, "vision"), "vision", {})
    else:
        facts |= load_checkpoint(arguments.start).facts
    folder = _folder(arguments, "flow")
    facts |= _run_facts(folder, "flow", facts)
    facts |= {"name": arguments.preset, "date": date.today().isoformat()}
    facts["concepts"] = [concept.name for concept in CONCEPTS]
    state = torch.load(folder / "state.pt", map_location="cpu", weights_only=True)
    model.load_state_dict(state["average"])
    save_checkpoint(arguments.out, model, tokenizer, facts)
    print(json.dumps(facts))


def _run_facts(folder: Path, stage: str, before: dict[str, Any]) -> dict[str, Any]:
    """What a run adds to the facts of the checkpoint that it began with."""
    state = torch.load(folder / "state.pt", map_location="cpu", weights_only=True)
    step, seen, seconds = state["counts"]
    grown = {"steps": step, "pictures_seen": seen, "minutes": round(seconds / 60, 1)}
    facts = {f"{stage}_{k}": before.get(f"{stage}_{k}", 0) + v for k, v in grown.items()}
    return {**facts, f"{stage}_report": _last_report(folder / "log.jsonl")}


def _last_report(log: Path) -> dict[str, float]:
    rows = [json.loads(line) for line in log.read_text().splitlines()]
    return next((r["report"] for r in reversed(rows) if "report" in r), {})


if __name__ == "__main__":
    sys.exit(main())
