"""Command line: python -m engine info | generate | embed | watch. Progress goes to stderr, the
result to stdout or --out."""

import argparse
import json
import os
import sys
from pathlib import Path

from engine.api.conversation import Conversation
from engine.api.default_checkpoint import default_checkpoint
from engine.api.errors import DeviceError
from engine.cli.generate import generate
from engine.cli.generate_options import add_options, media_of
from engine.cli.live_client import ENDS, keep, watch
from engine.cli.loading import LoadingBar, folder_of
from engine.engine import Engine
from engine.media.marking.marker import MARKS, Marker
from model.convert.folder_info import folder_info
from model.convert.hub import on_disk


def main(argv: list[str] | None = None) -> int:
    arguments = _parser().parse_args(argv)
    commands = {"info": _info, "generate": _generate, "embed": _embed, "watch": _watch}
    try:
        return commands[arguments.command](arguments)
    except (ValueError, DeviceError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except BrokenPipeError:
        return 0
    except OSError as error:
        print(f"error: cannot write {error.filename}: {error.strerror}", file=sys.stderr)
        return 2


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m engine", description=__doc__)
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument(
        "--checkpoint",
        type=Path,
        default=default_checkpoint(os.environ),
        help="folder of the weights, or their name on the Hugging Face Hub",
    )
    common.add_argument(
        "--device", default="auto", help="auto, cpu, cuda, or several GPUs: cuda:0,cuda:1"
    )
    common.add_argument(
        "--weights", default="auto", help="auto (as they are computed) or int8 (half the memory)"
    )
    common.add_argument(
        "--speech-codec",
        default=os.environ.get("NEXT_OMNI_SPEECH_CODEC") or None,
        metavar="COMMAND",
        help="of the program that a Dynin-Omni hears and speaks with, see docs/checkpoints.md",
    )
    commands = parser.add_subparsers(dest="command", required=True)
    info = commands.add_parser("info", parents=[common], help="what the checkpoint is, as JSON")
    info.add_argument(
        "--model",
        type=Path,
        help="any checkpoint by its folder, or by a name in the Hub's cache: nothing is loaded",
    )
    generated = commands.add_parser("generate", parents=[common], help="answer a prompt")
    add_options(generated)
    generated.add_argument(
        "--marks",
        choices=MARKS,
        default="on",
        help="whether files say invisibly that a model made them, see docs/safety.md",
    )
    found = commands.add_parser("embed", parents=[common], help="a vector to find by, as JSON")
    found.add_argument("--text", default="", help="words; with a file what is different")
    for kind in ("image", "audio", "video"):
        found.add_argument(f"--{kind}", type=Path)
    watched = commands.add_parser("watch", help="follow a run of a page, see docs/live.md")
    watched.add_argument("url", help="ws://HOST/live/ID")
    watched.add_argument("--out", type=Path, help="folder for the pictures of the answer")
    return parser


def _watch(arguments: argparse.Namespace) -> int:
    for told in watch(arguments.url):
        print(told.line, flush=True)
        if told.header["kind"] in ENDS and arguments.out is not None:
            for file in keep(told, arguments.out):
                print(file)
    return 0


def _info(arguments: argparse.Namespace) -> int:
    if arguments.model is not None:
        speech = arguments.speech_codec is not None
        told = folder_info(on_disk(arguments.model, None), speech=speech)
        print(json.dumps(told, indent=1))
        return 0
    print(json.dumps(_loaded(arguments).info(), indent=1))
    return 0


def _loaded(arguments: argparse.Namespace) -> Engine:
    return Engine.load(
        folder_of(arguments.checkpoint, os.environ),
        arguments.device,
        weights=arguments.weights,
        progress=LoadingBar(),
        speech=arguments.speech_codec,
    )


def _generate(arguments: argparse.Namespace) -> int:
    marker = Marker.of(arguments.marks, os.environ.get("NEXT_OMNI_MARK_KEY"))
    return generate(arguments, lambda: _loaded(arguments), marker)


def _embed(arguments: argparse.Namespace) -> int:
    media = media_of(arguments)
    if not media and not arguments.text.strip():
        raise ValueError("say what to embed: --text WORDS, --image, --audio or --video FILE")
    parts = Conversation.ask(arguments.text, **media).turns[0].parts
    engine = _loaded(arguments)
    (vector,) = engine.embed([parts]).tolist()
    of = [str(p.modality) for p in parts]
    print(
        json.dumps({"of": of, "digest": engine.digest, "embedding": [round(x, 6) for x in vector]})
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
