"""Command line: python -m retrieval add | search | info | rebuild | delete | pack. Progress goes to
stderr, the result to stdout."""

import argparse
import json
import os
import sys
from collections import Counter
from pathlib import Path

from tqdm import tqdm

from engine.api.conversation import Part
from engine.api.default_checkpoint import default_checkpoint
from engine.api.errors import DeviceError
from engine.api.request import Modality
from engine.engine import Engine
from engine.media.audio import read_sound
from engine.media.images import read_picture
from engine.media.video import read_film
from retrieval.draft import Report
from retrieval.folder import add_folder, media_files
from retrieval.gallery import Gallery
from retrieval.index import Where
from retrieval.manifest import Manifest
from retrieval.pack import Pack
from retrieval.ranking import Found


def main(argv: list[str] | None = None) -> int:
    arguments = _parser().parse_args(argv)
    commands = {
        "add": _add,
        "search": _search,
        "info": _info,
        "rebuild": _rebuild,
        "delete": _delete,
        "pack": _pack,
    }
    os.environ.setdefault("LANCE_LOG", "error")
    try:
        return commands[arguments.command](arguments)
    except (ValueError, DeviceError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except BrokenPipeError:
        return 0
    except KeyboardInterrupt:
        print("stopped: the same command goes on from here", file=sys.stderr)
        return 130


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m retrieval", description=__doc__)
    common = argparse.ArgumentParser(add_help=False)
    gallery = os.environ.get("NEXT_OMNI_GALLERY", "data/gallery")
    common.add_argument("--gallery", type=Path, default=Path(gallery), help="its folder")
    model = argparse.ArgumentParser(add_help=False)
    model.add_argument(
        "--checkpoint",
        type=Path,
        default=default_checkpoint(os.environ),
        help="folder of the weights",
    )
    model.add_argument("--device", default="auto", help="auto, cpu or cuda")
    commands = parser.add_subparsers(dest="command", required=True)
    add = commands.add_parser("add", parents=[common, model], help="index a folder")
    add.add_argument("folder", type=Path, help="of pictures, sounds, films and .txt files")
    add.add_argument(
        "--index", default="", help="where a new gallery's index is: s3://.., http://milvus:19530"
    )
    search = commands.add_parser("search", parents=[common, model], help="find what is like this")
    search.add_argument("words", nargs="?", default="", help="what to look for")
    for kind in ("image", "audio", "video"):
        search.add_argument(
            f"--{kind}", type=Path, help="a file to look for, or to change in words"
        )
    search.add_argument("-k", type=int, default=10, help="how many results")
    search.add_argument("--modality", choices=[str(m) for m in Modality], action="append")
    search.add_argument("--tag", action="append", help="which results have, may be repeated")
    commands.add_parser("info", parents=[common], help="what is in there, as JSON")
    commands.add_parser("rebuild", parents=[common, model], help="make the index anew")
    delete = commands.add_parser("delete", parents=[common, model], help="take items out")
    delete.add_argument("items", nargs="+", help="ids or files, as search prints them")
    pack = commands.add_parser("pack", parents=[model], help="vectors for a folder that ships")
    pack.add_argument("folder", type=Path)
    return parser


def _engine(arguments: argparse.Namespace) -> Engine:
    return Engine.load(arguments.checkpoint, arguments.device)


def _existing(arguments: argparse.Namespace) -> Gallery:
    Manifest.load(_folder(arguments))
    return Gallery.open(arguments.gallery, _engine(arguments))


def _folder(arguments: argparse.Namespace) -> Path:
    """Return the folder of an existing gallery. Raises: ValueError without one."""
    if not (arguments.gallery / "manifest.json").exists():
        raise ValueError(f"there is no gallery at {arguments.gallery}: add a folder first")
    return arguments.gallery


def _add(arguments: argparse.Namespace) -> int:
    num = len(media_files(arguments.folder))
    engine = _engine(arguments)
    engine.embed([(Part(text="a"),)])  # raises where it can embed nothing
    gallery = Gallery.open(arguments.gallery, engine, arguments.index)
    with tqdm(total=num, unit="file", file=sys.stderr) as bar:
        report = add_folder(gallery, arguments.folder, bar.update)
    return _told(report)


def _told(report: Report) -> int:
    for name, reason in report.refused:
        print(f"left out {name}: {reason}", file=sys.stderr)
    print(f"{report.added} added, {report.known} known, {len(report.refused)} left out")
    return 0


def _search(arguments: argparse.Namespace) -> int:
    parts = () if arguments.image is None else (Part(image=read_picture(arguments.image)),)
    parts += () if arguments.video is None else (Part(video=read_film(arguments.video)),)
    parts += () if arguments.audio is None else (Part(audio=read_sound(arguments.audio)),)
    parts += (Part(text=arguments.words),) if arguments.words.strip() else ()
    if not parts:
        raise ValueError("say what to look for: words, --image, --audio or --video FILE")
    _folder(arguments)
    engine = _engine(arguments)
    gallery = Gallery.open(arguments.gallery, engine)
    modalities = tuple(Modality(m) for m in arguments.modality or ())
    where = Where(modalities, tuple(arguments.tag or ()), viewer=None)
    (vector,) = engine.embed([parts])
    _shown(gallery.search(vector, arguments.k, where))
    return 0


def _shown(found: Found) -> None:
    for hit in found.hits:
        name = hit.item.text if hit.path is None else str(hit.path)
        print(f"{hit.score:.3f}  {hit.item.modality}  {hit.item.id}  {name}")
    for item in found.missing:
        print(f"left out {item.file}: it is not there any more", file=sys.stderr)


def _info(arguments: argparse.Namespace) -> int:
    manifest = Manifest.load(_folder(arguments))
    facts = {
        "gallery": str(arguments.gallery),
        "index": manifest.uri or str(arguments.gallery / "index"),
        "digest": manifest.digest,
        "width": manifest.width,
        "items": dict(Counter(str(item.modality) for item in manifest.items.values())),
    }
    print(json.dumps(facts, indent=1))
    return 0


def _rebuild(arguments: argparse.Namespace) -> int:
    gallery = _existing(arguments)
    with tqdm(total=len(gallery.items), unit="item", file=sys.stderr) as bar:
        return _told(gallery.rebuild(bar.update))


def _delete(arguments: argparse.Namespace) -> int:
    gallery = _existing(arguments)
    named = {item.file: item.id for item in gallery.items.values()}
    names: list[str] = arguments.items
    wanted = [named.get(str(Path(name).absolute()), name) for name in names]
    print(f"{gallery.delete(wanted)} deleted")
    return 0


def _pack(arguments: argparse.Namespace) -> int:
    engine = _engine(arguments)
    with tqdm(unit="item", file=sys.stderr) as bar:
        pack = Pack.open(arguments.folder, engine, bar.update)
    print(pack.save_vectors(engine.digest))
    return 0


if __name__ == "__main__":
    sys.exit(main())
