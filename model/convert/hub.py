"""A checkpoint by its folder or by its name on the Hugging Face Hub, ready to be loaded.

What is in a published layout that one step converts is converted once, into a folder that later
starts find again. Nothing but weights and settings is fetched, and no code of it is run. Owns:
`ready`, where converted checkpoints are kept, and the sentence about a name that leads nowhere.
"""

import json
import re
import shutil
from collections.abc import Callable, Mapping
from hashlib import blake2b
from pathlib import Path

from filelock import FileLock
from httpx import HTTPError
from huggingface_hub import is_offline_mode, snapshot_download

from model.convert.catalogue import LAYOUTS
from model.convert.conversion import convert
from model.convert.layout import Layout
from model.convert.writer import Target
from model.loading.hf_folder import CONFIG, INDEX, HfFolder, read_config

READ = ("*.json", "*.jinja", "merges.txt", "*.safetensors")
"""The files of a checkpoint that are fetched, and that a conversion reads."""
VERSION = 1
"""Of what a conversion writes: with another one all is converted again."""
CHOICE = "NEXT_OMNI_CONVERTED"
HUB_NAME = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*")
Told = Callable[[str], None]


def room(environment: Mapping[str, str]) -> Path:
    """Where converted checkpoints are kept, by the variables of a process."""
    if chosen := environment.get(CHOICE):
        return Path(chosen)
    caches = environment.get("XDG_CACHE_HOME")
    return (Path(caches) if caches else Path.home() / ".cache") / "next-omni-live"


def ready(given: Path | str, kept: Path, told: Told) -> Path:
    """The folder to load. kept: where converted checkpoints are, or come to be; told: is given a
    line before anything that takes long.

    Raises: ValueError with one sentence where a name leads nowhere or a source cannot be converted;
    nothing is left behind then. What is wrong with any other folder is for its reader to say.
    """
    folder = on_disk(given, told)
    layout = _layout(folder)
    if layout is None:
        return folder
    out = kept / f"{HfFolder(folder, {}, {}, {}).name}-{_digest(folder)}"
    if out.is_dir():
        told(f"{given} was converted before: {out}")
        return out
    kept.mkdir(parents=True, exist_ok=True)
    with FileLock(kept / f"{out.name}.lock"):
        if not out.is_dir():
            told(f"{given} is converted once, into {out} ({CHOICE} chooses another place)")
            _convert(layout, folder, out)
    return out


def on_disk(given: Path | str, told: Told | None) -> Path:
    """The folder that is given, or that the Hub's cache has under this name. told: None where
    nothing is to be fetched.

    Raises: ValueError where it is a name and could not be had.
    """
    folder, name = Path(given), str(given)
    if folder.exists() or not HUB_NAME.fullmatch(name) or Path(name.partition("/")[0]).exists():
        return folder
    if (cached := _cached(name)) is not None:
        return cached
    if told is None or is_offline_mode():
        why = "nothing is fetched for this" if told is None else "HF_HUB_OFFLINE is set"
        raise ValueError(
            f"{name} is no folder and not in the cache of the Hugging Face Hub, and {why}: fetch "
            f"it with `hf download {name}`, or give the folder of a checkpoint"
        )
    told(f"{name} is fetched from the Hugging Face Hub")
    try:
        return Path(snapshot_download(name, allow_patterns=list(READ), ignore_patterns="*/*"))
    except (HTTPError, OSError, ValueError) as error:
        raise ValueError(
            f"{name} is no folder and could not be fetched from the Hugging Face Hub "
            f"({_line(error)}): check the name and the connection, or give a folder"
        ) from error


def _line(error: Exception) -> str:
    """The first line of what it says."""
    return next(iter(str(error).strip().splitlines()), type(error).__name__).rstrip(".: ")


def _cached(name: str) -> Path | None:
    """Its folder in the Hub's cache, where all of it is there."""
    try:
        folder = Path(snapshot_download(name, local_files_only=True))
        found = {file.name for file in folder.iterdir()}
        index = json.loads((folder / INDEX).read_text()) if INDEX in found else {"weight_map": {}}
        shards = set(index["weight_map"].values())
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None
    weights = any(file.endswith(".safetensors") for file in found)
    return folder if CONFIG in found and weights and shards <= found else None


def _layout(folder: Path) -> Layout | None:
    """The layout that one step converts; None for anything else."""
    if not (folder / CONFIG).is_file():
        return None
    config = read_config(folder)
    kind = HfFolder(folder, config, {}, {}).model_type
    whole = (layout for layout in LAYOUTS.values() if layout.whole)
    return None if "backbone" in config else next((x for x in whole if kind in x.model_types), None)


def _digest(folder: Path) -> str:
    """Of the place, and of every file that is read its name, size and time."""
    files = sorted({file for pattern in READ for file in folder.glob(pattern)})
    states = [(f.name, f.stat().st_size, f.stat().st_mtime_ns) for f in files]
    said = json.dumps([VERSION, str(folder.resolve()), states])
    return blake2b(said.encode(), digest_size=6).hexdigest()


def _convert(layout: Layout, folder: Path, out: Path) -> None:
    """Beside its place first: what was stopped half way is never taken for a checkpoint."""
    beside = out.with_name(f"{out.name}.part")
    shutil.rmtree(beside, ignore_errors=True)
    try:
        convert(layout, HfFolder.open(folder), Target.open(beside, None))
        beside.rename(out)
    finally:
        shutil.rmtree(beside, ignore_errors=True)
