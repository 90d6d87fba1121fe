"""Command line: python -m world sheet|sample|sprites.

sheet draws a contact sheet, sample prints scene graphs with captions and questions as JSON lines,
sprites packs the sprite sheet from a folder of Fluent Emoji 3D WebP files.
"""

import argparse
import json
import sys
from dataclasses import asdict
from pathlib import Path

import numpy as np
from PIL import Image

from world.captions import caption, full_caption, questions
from world.concepts import SPRITE_SHEET, build_sheet
from world.scenes import render, sample_scene


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m world", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    for name in ("sheet", "sample"):
        command = commands.add_parser(name)
        command.add_argument("--num", type=int, default=48 if name == "sheet" else 4)
        command.add_argument("--seed", type=int, default=0)
        command.add_argument("--test", action="store_true", help="held-out scenes")
    commands.choices["sheet"].add_argument("--out", type=Path, required=True)
    sprites = commands.add_parser("sprites")
    sprites.add_argument("emoji", type=Path, help="folder of WebP files named by code point")
    arguments = parser.parse_args(argv)
    try:
        {"sheet": _sheet, "sample": _sample, "sprites": _sprites}[arguments.command](arguments)
    except (ValueError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0


def _sheet(arguments: argparse.Namespace) -> None:
    if not 1 <= arguments.num <= 4096:
        raise ValueError(f"--num must be between 1 and 4096, not {arguments.num}")
    rng = np.random.default_rng(arguments.seed)
    pictures = [render(sample_scene(rng, test=arguments.test)) for _ in range(arguments.num)]
    columns = min(8, arguments.num)
    pictures += [np.full_like(pictures[0], 255)] * (-len(pictures) % columns)
    rows = [np.concatenate(pictures[i : i + columns], 1) for i in range(0, len(pictures), columns)]
    Image.fromarray(np.concatenate(rows, 0)).save(arguments.out)


def _sample(arguments: argparse.Namespace) -> None:
    rng = np.random.default_rng(arguments.seed)
    for _ in range(arguments.num):
        scene = sample_scene(rng, test=arguments.test)
        found = {
            "scene": asdict(scene),
            "caption": caption(scene, rng),
            "full_caption": full_caption(scene),
            "questions": [asdict(q) for q in questions(scene, rng)],
        }
        print(json.dumps(found))


def _sprites(arguments: argparse.Namespace) -> None:
    sheet = build_sheet(arguments.emoji)
    sheet.save(SPRITE_SHEET, quality=92, alpha_quality=100, method=6)


if __name__ == "__main__":
    sys.exit(main())
