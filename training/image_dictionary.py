"""Train the parts of the picture dictionary: `python -m training.image_dictionary`.

Each part keeps its run in a folder of its own below that of the dictionary. The encoder is trained
on exact labels, so that the order of the parts does not matter. `report` measures all of them.
"""

import argparse
import json
import sys
from pathlib import Path

import torch

from model.tokenizer_config import DictionaryConfig
from training.checkpoints.dictionary import GROUND_CODES, PARTS, load_parts
from training.loop.budgeted_loop import Budget, Stage, train
from training.stages.image_dictionary import (
    AtlasStage,
    EncoderStage,
    GroundStage,
    Pictures,
    dictionary_of,
)
from training.stages.image_dictionary_report import measured
from world.image.drawings import SHEET

CONFIG = DictionaryConfig()
RATES = {"atlas": 4e-3, "ground": 2e-3, "encoder": 1.5e-3}


def main(argv: list[str] | None = None) -> int:
    """Return 2 where there is nothing to go on from."""
    parser = argparse.ArgumentParser(prog="python -m training.image_dictionary")
    parser.add_argument("part", choices=[*PARTS, "report"])
    parser.add_argument(
        "sheet", type=Path, nargs="?", default=SHEET, help="made by python -m world.image.drawings"
    )
    parser.add_argument("--runs", type=Path, required=True, help="the folder of the dictionary")
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--rate", type=float)
    parser.add_argument("--cooldown", type=float, default=0.4, help="share of the time")
    parser.add_argument("--muon", action="store_true", help="for the matrices inside blocks")
    parser.add_argument("--resume", action="store_true", help="go on; minutes are those to come")
    arguments = parser.parse_args(argv)
    torch.manual_seed(0)
    pictures = Pictures(arguments.sheet)
    dictionary = dictionary_of(CONFIG, pictures)
    if arguments.part == "report":
        missing = load_parts(dictionary, arguments.runs)
        print(json.dumps(measured(dictionary, pictures) | {"untrained": missing}))
        return 0
    codes = arguments.runs / GROUND_CODES
    stage: Stage
    match arguments.part:
        case "atlas":
            stage = AtlasStage(dictionary, pictures)
        case "ground":
            stage = GroundStage(dictionary, pictures, fresh=not codes.exists())
            if not codes.exists():
                arguments.runs.mkdir(parents=True, exist_ok=True)
                torch.save(dictionary.ground_codes.state_dict(), codes)
        case _:
            stage = EncoderStage(dictionary, pictures)
    if codes.exists():
        dictionary.ground_codes.load_state_dict(torch.load(codes))
    budget = Budget(
        arguments.minutes,
        learning_rate=arguments.rate or RATES[arguments.part],
        cooldown=arguments.cooldown,
        muon=arguments.muon,
        weight_decay=0.0 if arguments.part == "atlas" else 0.05,
        save_every_s=240,
        rate_scales={"latents": 5.0},
    )
    try:
        train(stage, arguments.runs / arguments.part, budget, resume=arguments.resume)
    except ValueError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
