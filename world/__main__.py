"""Command line: python -m world sheet|sample|film|sprites|speech|sounds|check|gallery.

sheet draws a contact sheet, sample prints scene graphs with captions and questions as JSON lines,
film draws films, one a row, and prints what is said about them as JSON lines, sprites packs the
sprite sheet from a folder of Fluent Emoji 3D WebP files, speech and sounds make the corpus that the
model learns to hear and to speak from, check leaves out what an independent recogniser cannot read,
gallery draws the collection that the page can be searched in.
"""

import argparse
import json
import sys
from dataclasses import asdict
from pathlib import Path

import numpy as np
from PIL import Image

from world.audio import sounds
from world.audio.intelligibility import check, recogniser
from world.audio.speech import Part, build
from world.audio.voices import Voices
from world.domain import DOMAINS, take
from world.gallery import write_gallery
from world.image.rendering import render
from world.image.scenes import sample_scene
from world.image.sprites import SPRITE_SHEET, build_sheet
from world.text.captions import caption, full_caption, questions
from world.video.captions import full_video_caption, video_caption, video_questions, video_request
from world.video.motion import render_video, sample_video

SPOKEN = (Part.TRAIN, Part.BULK, Part.TEST, Part.NAMES)


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m world", description=__doc__)
    parser.add_argument(
        "--domain", choices=DOMAINS, default="small", help="how many things there are"
    )
    commands = parser.add_subparsers(dest="command", required=True)
    for name, num in (("sheet", 48), ("sample", 4), ("film", 6)):
        command = commands.add_parser(name)
        command.add_argument("--num", type=int, default=num)
        command.add_argument("--seed", type=int, default=0)
        command.add_argument("--test", action="store_true", help="held-out scenes or films")
        if name != "sample":
            command.add_argument("--out", type=Path, required=True)
    sprites = commands.add_parser("sprites")
    sprites.add_argument("emoji", type=Path, help="folder of WebP files named by code point")
    speech = commands.add_parser("speech")
    speech.add_argument("part", type=Part, choices=tuple(Part))
    speech.add_argument("--num", type=int, required=True, help="clips of that part")
    speech.add_argument("--voices", type=Path, required=True, help="folder of Kokoro's *.bin files")
    speech.add_argument("--out", type=Path, default=Path("runs/speech"), help="folder of the clips")
    speech.add_argument(
        "--share", type=_share, default=(0, 1), help="K/N: this process speaks every Nth clip"
    )
    played = commands.add_parser("sounds")
    played.add_argument("part", type=Part, choices=(Part.SOUND, Part.SOUND_TEST))
    played.add_argument("--num", type=int, default=40, help="variants of each sound")
    played.add_argument("--gs", type=Path, required=True, help="FluidR3_GS.sf2")
    played.add_argument("--gm", type=Path, required=True, help="FluidR3_GM.sf2")
    played.add_argument("--out", type=Path, default=Path("runs/speech"), help="folder of the clips")
    checked = commands.add_parser("check")
    checked.add_argument("part", type=Part, choices=SPOKEN)
    checked.add_argument(
        "--out", type=Path, default=Path("runs/speech"), help="folder of the clips"
    )
    shown = commands.add_parser("gallery")
    shown.add_argument("--out", type=Path, default=Path("assets/gallery"))
    shown.add_argument(
        "--speech", type=Path, default=Path("assets/speech"), help="folder of the held-out clips"
    )
    arguments = parser.parse_args(argv)
    take(arguments.domain)
    commanded = {"sheet": _sheet, "sample": _sample, "sprites": _sprites, "speech": _speech}
    commanded |= {"film": _film, "sounds": _sounds, "check": _check, "gallery": _gallery}
    try:
        commanded[arguments.command](arguments)
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


def _film(arguments: argparse.Namespace) -> None:
    if not 1 <= arguments.num <= 256:
        raise ValueError(f"--num must be between 1 and 256, not {arguments.num}")
    rng = np.random.default_rng(arguments.seed)
    films = [sample_video(rng, test=arguments.test) for _ in range(arguments.num)]
    rows = [np.concatenate(tuple(render_video(film)), 1) for film in films]
    Image.fromarray(np.concatenate(rows, 0)).save(arguments.out)
    for film in films:
        found = {
            "film": asdict(film),
            "full_caption": full_video_caption(film),
            "wish": video_request(rng, video_caption(film, rng)),
            "questions": [asdict(q) for q in video_questions(film, rng)],
        }
        print(json.dumps(found))


def _sprites(arguments: argparse.Namespace) -> None:
    sheet = build_sheet(arguments.emoji)
    sheet.save(SPRITE_SHEET, quality=92, alpha_quality=100, method=6)


def _share(words: str) -> tuple[int, int]:
    number, _, of = words.partition("/")
    return int(number), int(of)


def _speech(arguments: argparse.Namespace) -> None:
    number, of = arguments.share
    indices = range(number, arguments.num, of)
    spoken = build(arguments.out, Voices(arguments.voices), arguments.part, indices)
    print(f"{spoken} clips in {arguments.out}")


def _sounds(arguments: argparse.Namespace) -> None:
    play = sounds.sound_fonts(arguments.gs, arguments.gm)
    sounds.build(arguments.out, play, arguments.part, arguments.num)


def _check(arguments: argparse.Namespace) -> None:
    wrong = check(arguments.out, recogniser(), (arguments.part,))
    print(f"{len(wrong)} clips left out")


def _gallery(arguments: argparse.Namespace) -> None:
    num = write_gallery(arguments.out, arguments.speech)
    print(f"{num} items in {arguments.out}")


if __name__ == "__main__":
    sys.exit(main())
