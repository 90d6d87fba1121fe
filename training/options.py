"""The options of `python -m training`. Owns: names, defaults and help texts."""

import argparse
from pathlib import Path

from flow.calibration import GRIDS
from model.presets import PRESETS
from world.domain import DOMAINS


def parser(description: str | None) -> argparse.ArgumentParser:
    found = argparse.ArgumentParser(prog="python -m training", description=description)
    found.add_argument("stage", choices=("vision", "audio", "flow", "export"))
    found.add_argument("--preset", choices=sorted(PRESETS), default="nano")
    found.add_argument(
        "--minutes",
        type=float,
        default=10.0,
        help="wall time to train for, with --resume so much more",
    )
    found.add_argument("--resume", action="store_true", help="go on from the last save of the run")
    found.add_argument("--device", default="auto", help="auto, cpu or cuda")
    found.add_argument("--runs", type=Path, default=Path("runs"), help="folder of the runs")
    found.add_argument("--rate", type=float, default=1e-3, help="peak learning rate")
    found.add_argument(
        "--cooldown", type=float, default=0.25, help="share of the time in which it falls"
    )
    found.add_argument(
        "--muon", action="store_true", help="step the matrices inside the layers by Muon"
    )
    found.add_argument(
        "--shard", action="store_true", help="flow by torchrun: each process holds a part of it all"
    )
    found.add_argument(
        "--online", action="store_true", help="flow: train the picture tokenizer along, slowly"
    )
    found.add_argument(
        "--without-reconstruction",
        action="store_true",
        help="flow --online: how well pictures are rebuilt is not in the loss",
    )
    found.add_argument(
        "--scenes", type=int, default=80_000, help="pictures in the pool of the flow stage"
    )
    found.add_argument(
        "--single",
        type=float,
        default=0.0,
        help="share of pictures with one object (a first lesson)",
    )
    found.add_argument(
        "--times",
        choices=GRIDS,
        default="uniform",
        help="in which clock the times of pictures lie evenly",
    )
    found.add_argument(
        "--tasks",
        default="",
        help="flow: comma-separated tasks: image, text, match, hear, speak, recite, film, watch, "
        "edit; speak=30 sets the number of batches a round",
    )
    found.add_argument("--kinds", dest="tasks", default=argparse.SUPPRESS, help=argparse.SUPPRESS)
    found.add_argument(
        "--paradigm",
        choices=PRESETS["nano"].samplers,
        help="flow, export: a model for one sampler alone; else for all three",
    )
    found.add_argument(
        "--layers", type=int, help="flow, export: of the backbone; new ones first add nothing"
    )
    found.add_argument(
        "--fixed-length",
        action="store_true",
        help="flow, export: answers in words have one length, not as many blocks as they need",
    )
    found.add_argument(
        "--domain", choices=DOMAINS, default="small", help="how many things there are"
    )
    found.add_argument(
        "--dictionary",
        type=Path,
        help="flow, export: folder of the parts of a picture dictionary (python -m "
        "training.image_dictionary), which replaces the picture tokenizer of --start",
    )
    found.add_argument(
        "--vocabulary",
        type=int,
        help="flow, export: word pieces of a new text tokenizer; each begins as the mean of the "
        "old ones that spell it",
    )
    found.add_argument("--start", type=Path, help="checkpoint whose weights a run begins with")
    found.add_argument(
        "--tokenizers",
        type=Path,
        help="flow, export: checkpoint whose tokenizers of pictures and sound are taken where "
        "those of the runs would be",
    )
    found.add_argument(
        "--speech", type=Path, default=Path("runs/speech"), help="folder of the speech corpus"
    )
    found.add_argument(
        "--without-audio",
        action="store_true",
        help="a model that neither hears nor speaks; with --start, a run that teaches neither",
    )
    found.add_argument("--without-video", action="store_true", help="a model that makes no films")
    found.add_argument(
        "--without-films", action="store_true", help="a model that only watches and finds films"
    )
    found.add_argument(
        "--without-thinking", action="store_true", help="a model that answers at once"
    )
    found.add_argument("--whisper", type=Path, help="model.bin of Whisper as CTranslate2 stores it")
    found.add_argument(
        "--from-scratch", action="store_true", help="audio: no Whisper to begin with"
    )
    found.add_argument(
        "--also",
        type=Path,
        action="append",
        default=[],
        help="export: folder of the runs of another training that began with the same --start; "
        "the mean of all is taken",
    )
    found.add_argument(
        "--keep", type=float, default=0.0, help="export: share of the weights of --start that stays"
    )
    found.add_argument("--out", type=Path, default=Path("assets/nano"), help="where export writes")
    return found
