"""Command line: python -m evaluation scenes | captions | thinking | editing | video | tokenizer |
chat, of sound asr | tts | spoken_qa | sounds | omni, and of everything matrix | symmetric |
retrieval. Progress goes to stderr, the result, one line of JSON, is the last line of stdout and the
content of --json FILE. python -m evaluation pack makes the clips for the suites of sound."""

import argparse
import os
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

from engine.engine import Engine
from engine.request import SamplerKind, Sampling
from evaluation import (
    asr,
    captions,
    chat,
    editing,
    listeners,
    matrix,
    omni,
    pack,
    retrieval,
    scenes,
    sounds,
    spoken_qa,
    symmetric,
    thinking,
    tokenizer,
    tts,
    video,
)
from evaluation.aloud import need_sound
from evaluation.item import Material
from evaluation.result import Measured, Result
from flow.transition import TRANSITIONS

ALOUD = {
    "asr": ("spoken sentences to write down", 144),
    "tts": ("sentences to say aloud", 36),
    "spoken_qa": ("spoken conversations of three turns", 24),
    "sounds": ("sounds to name and to make", 66),
    "omni": ("questions about a picture and a sound", 120),
}
"""The suites of sound: what they consist of, and how many by default."""
EVERYTHING = {
    "matrix": ("items of every cell, from any modality to any", 24),
    "symmetric": ("pictures, recordings and films, there and back", 24),
}
"""The suites of all that a checkpoint can do: what they consist of, and how many by default."""


def main(argv: list[str] | None = None) -> int:
    """0, or 2 after one sentence on stderr about what was wrong with the request."""
    arguments = _parser().parse_args(argv)
    try:
        if arguments.suite == "pack":
            size = pack.write_pack(arguments.speech, arguments.out)
            print(f"{size / 1e6:.1f} MB in {arguments.out}")
            return 0
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
    sampled = argparse.ArgumentParser(add_help=False)
    sampled.add_argument("--steps", type=int, help="steps of refinement; default: the checkpoint's")
    sampled.add_argument("--guidance", type=float)
    sampled.add_argument("--temperature", type=float)
    sampled.add_argument(
        "--sampler", choices=[str(k) for k in SamplerKind], default="flow", help="on one model"
    )
    sampled.add_argument("--transition", help=f"of flow matching: {', '.join(TRANSITIONS)}")
    suites = parser.add_subparsers(dest="suite", required=True)
    common = _common(240, "how many scenes or dialogues")
    drawn = suites.add_parser("scenes", parents=[common, sampled], help="pictures of wishes")
    drawn.add_argument("--sheet", type=Path, help="where the judged pictures are written (PNG)")
    suites.add_parser("captions", parents=[common, sampled], help="questions about pictures")
    suites.add_parser("thinking", parents=[common, sampled], help="questions that need counting")
    suites.add_parser("chat", parents=[common, sampled], help="conversations")
    edited = _common(140, "how many changes, best a multiple of 7")
    suites.add_parser("editing", parents=[edited, sampled], help="changes of pictures")
    filmed = _common(120, "how many films, best a multiple of 10")
    suites.add_parser("video", parents=[filmed, sampled], help="films made and watched")
    suites.add_parser("tokenizer", parents=[common], help="the picture tokenizer alone")
    for name, (about, num) in (ALOUD | EVERYTHING).items():
        multiple = ", a multiple of 6" if name in EVERYTHING else ""
        settings = [_common(num, f"how many {about}{multiple}"), sampled]
        suite = suites.add_parser(name, parents=settings, help=about)
        suite.add_argument("--pack", type=Path, default=pack.FOLDER, help="folder of the clips")
    found = _common(500, "how many held-out scenes to search among")
    search = suites.add_parser("retrieval", parents=[found], help="anything found by anything")
    search.add_argument("--pack", type=Path, default=pack.FOLDER, help="folder of the clips")
    packed = suites.add_parser("pack", help="make the clips for asr, tts, spoken_qa and sounds")
    packed.add_argument("--speech", type=Path, required=True, help="folder of the speech corpus")
    packed.add_argument("--out", type=Path, default=pack.FOLDER)
    return parser


def _common(num: int, what: str) -> argparse.ArgumentParser:
    default = os.environ.get("NEXT_OMNI_CHECKPOINT", "assets/nano")
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument("--num", type=int, default=num, help=what)
    common.add_argument("--seed", type=int, default=0)
    common.add_argument("--json", type=Path, help="where the result is written, too")
    common.add_argument(
        "--checkpoint", type=Path, default=Path(default), help="folder of the weights"
    )
    common.add_argument("--device", default="auto", help="auto, cpu or cuda")
    return common


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
        left_out=measured.left_out,
    )


def _sampling(arguments: argparse.Namespace) -> Sampling:
    if arguments.suite in ("tokenizer", "retrieval"):
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
        case "thinking":
            return thinking.evaluate(engine, num, seed, sampling)
        case "editing":
            return editing.evaluate(engine, num, seed, sampling)
        case "video":
            return video.evaluate(engine, num, seed, sampling)
        case "tokenizer":
            return tokenizer.evaluate(engine, num, seed)
        case "retrieval":
            spoken = pack.read_pack(arguments.pack).spoken if engine.hears_s else ()
            return retrieval.evaluate(engine, spoken, num, seed)
        case "matrix" | "symmetric":
            return _measured_everything(engine, sampling, arguments)
        case _:
            return _measured_aloud(engine, sampling, arguments)


def _measured_everything(
    engine: Engine, sampling: Sampling, arguments: argparse.Namespace
) -> Measured:
    """Its table is printed, too."""
    suite = matrix if arguments.suite == "matrix" else symmetric
    sounds_there = engine.hears_s > 0
    clips = pack.read_pack(arguments.pack) if sounds_there else None
    listen = _whisper_if_there("what needs a listener") if sounds_there else None
    material = Material(arguments.num, arguments.seed, clips, listen)
    measured = suite.evaluate(engine, material, sampling)
    print(suite.table(measured))
    return measured


def _measured_aloud(engine: Engine, sampling: Sampling, arguments: argparse.Namespace) -> Measured:
    need_sound(engine)
    clips = pack.read_pack(arguments.pack)
    asked = (engine, clips, arguments.num, arguments.seed, sampling)
    match arguments.suite:
        case "asr":
            return asr.evaluate(*asked, _whisper_if_there("wer_floor"))
        case "tts":
            judges = tts.Judges(listeners.whisper(), listeners.pocketsphinx(), listeners.dnsmos())
            return tts.evaluate(*asked, judges)
        case "omni":
            return omni.evaluate(*asked)
        case "spoken_qa":
            return spoken_qa.evaluate(*asked, listeners.whisper())
        case _:
            return sounds.evaluate(*asked)


def _whisper_if_there(without: str) -> listeners.Listen | None:
    try:
        return listeners.whisper()
    except listeners.NotInstalledError as error:
        print(f"note: {without} is left out, {error}", file=sys.stderr)
        return None


if __name__ == "__main__":
    sys.exit(main())
