"""Command line of the speech stage: python -m training.text_to_speech codes | train | export.

codes: exact codes of a share of the sentences of `world.text.everyday`, or of held-out ones, as an
npz file; needs the extra speech-codes. train: letters -> codes from such files, in minutes
of wall time all together; a run that was broken off goes on with the same command. export: the
speaker that a run has kept, as the voice of a checkpoint. Owns: the options. Does not own: the
stage (`training.stages.text_to_speech`), the loop (`training.loop.budgeted_loop`).
"""

import argparse
import sys
from pathlib import Path

import torch

from model.loading.voice import save_speaker
from model.network.text_to_speech import TextToSpeech, TextToSpeechConfig
from model.tokenizers.speech_decoder import SpeechDecoder
from training.data.speech.exact_codes import SaidCodes
from training.loop.budgeted_loop import Budget, train
from training.loop.run_state import FILE
from training.stages.text_to_speech import KEPT, TextToSpeechStage, letter_times, said
from world.text.everyday import Everyday

REPORTED = 24
"""Held-out sentences that a report says."""


def main(argv: list[str] | None = None) -> int:
    arguments = _parser().parse_args(argv)
    try:
        {"codes": _codes, "train": _train, "export": _export}[arguments.task](arguments)
    except (ModuleNotFoundError, ValueError, FileNotFoundError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0


def _codes(arguments: argparse.Namespace) -> None:
    """Write beside and rename, so that a file is there whole or not at all."""
    everyday, first = Everyday.installed(), arguments.share * arguments.num
    match arguments.held_out:
        case "world":
            sentences = everyday.held_out(arguments.seed, arguments.num)
        case "open":
            sentences = everyday.open(arguments.seed, arguments.num)
        case _:
            numbers = range(first, first + arguments.num)
            sentences = [everyday.sentence(arguments.seed, i) for i in numbers]
    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    beside = arguments.out.with_suffix(".part.npz")
    SaidCodes.of(sentences).save(beside)
    beside.rename(arguments.out)


def _train(arguments: argparse.Namespace) -> None:
    torch.manual_seed(arguments.seed)
    known = said(SaidCodes.load(*sorted(arguments.data.glob("*.npz"))))
    if not known:
        raise ValueError(f"there are no sentences in {arguments.data}: make them with `codes`")
    held_out = [said(SaidCodes.load(file))[:REPORTED] for file in arguments.held_out]
    speaker = TextToSpeech(TextToSpeechConfig())
    speaker.pace.duration.copy_(letter_times(known, len(speaker.pace.duration) - 1))
    stage = TextToSpeechStage(speaker, known, [s for part in held_out for s in part])
    resume = (arguments.run / FILE).exists()
    left = arguments.minutes - (_trained_minutes(arguments.run) if resume else 0.0)
    budget = Budget(
        minutes=left,
        learning_rate=arguments.rate,
        warmup_steps=200,
        cooldown=min(arguments.cooldown * arguments.minutes / max(left, 1e-6), 1e6),
        averaging=0.998,
        muon=True,
        save_every_s=180.0,
        report_every_s=300.0,
    )
    print(f"{sum(p.numel() for p in speaker.parameters())} weights, {len(known)} sentences")
    if left > 0:
        train(stage, arguments.run, budget, resume=resume)


def _export(arguments: argparse.Namespace) -> None:
    speaker = TextToSpeech.load(arguments.run / KEPT)
    SpeechDecoder.load(arguments.decoder)
    save_speaker(arguments.checkpoint, speaker, arguments.decoder)


def _trained_minutes(run: Path) -> float:
    """Return the minutes of the state that a run goes on from."""
    state = torch.load(run / FILE, map_location="cpu", weights_only=True)
    return float(state["counts"][2]) / 60


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m training.text_to_speech", description=__doc__)
    tasks = parser.add_subparsers(dest="task", required=True)
    codes = tasks.add_parser("codes", help="exact codes of sentences")
    codes.add_argument("out", type=Path, help="an npz file")
    codes.add_argument("--num", type=int, default=8000, help="sentences of a share")
    codes.add_argument("--share", type=int, default=0, help="which share, from 0")
    codes.add_argument("--seed", type=int, default=0)
    codes.add_argument("--held-out", choices=("world", "open"), help="instead of those to train on")
    learn = tasks.add_parser("train", help="letters -> codes")
    learn.add_argument("data", type=Path, help="a folder of npz files")
    learn.add_argument("run", type=Path, help="the folder of the run")
    learn.add_argument("--held-out", type=Path, nargs="*", default=[], help="npz files")
    learn.add_argument("--minutes", type=float, default=240.0)
    learn.add_argument("--cooldown", type=float, default=0.5, help="share of the minutes")
    learn.add_argument("--rate", type=float, default=2e-3)
    learn.add_argument("--seed", type=int, default=0)
    keep = tasks.add_parser("export", help="the voice of a checkpoint")
    keep.add_argument("run", type=Path, help="the folder of a run")
    keep.add_argument("checkpoint", type=Path, help="the folder of the weights")
    keep.add_argument("--decoder", type=Path, required=True, help="a safetensors file")
    return parser


if __name__ == "__main__":
    sys.exit(main())
