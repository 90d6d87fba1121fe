"""Resolution of a checkpoint's folder or Hugging Face Hub name to a folder that can be loaded.

A published layout that one step converts is converted once, into a folder that later starts find
again. Only weights and settings are fetched, and no code is run. Owns: `ready`, the folder of
converted checkpoints, and the error for a name that cannot be resolved.
"""

import json
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
from model.loading.checkpoint_name import is_hub_name
from model.loading.hf_folder import CONFIG, INDEX, HfFolder, read_config

READ = ("*.json", "*.jinja", "merges.txt", "*.safetensors")
"""File patterns of a checkpoint that are fetched and read by a conversion."""
VERSION = 1
"""Version of the output format; a new value makes every checkpoint be converted again."""
CHOICE = "NEXT_OMNI_CONVERTED"
Told = Callable[[str], None]


def room(environment: Mapping[str, str]) -> Path:
    """Return the folder for converted checkpoints, given the environment variables of a process."""
    if chosen := environment.get(CHOICE):
        return Path(chosen)
    caches = environment.get("XDG_CACHE_HOME")
    return (Path(caches) if caches else Path.home() / ".cache") / "next-omni-live"


def ready(given: Path | str, kept: Path, told: Told) -> Path:
    """Return the folder to load. kept: the folder for converted checkpoints; told: called with a
    line before any long operation.

    Raises: ValueError with one sentence where the name cannot be resolved or the source cannot be
    converted; nothing is left behind then. Errors in other folders are left to their reader.
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
    """Return the given folder, or the one that the Hub's cache has under this name. told: None to
    fetch nothing.

    Raises: ValueError where it is a name that is not in the cache and cannot be fetched.
    """
    folder, name = Path(given), str(given)
    if not is_hub_name(given):
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
    """Return the first line of an error's message."""
    return next(iter(str(error).strip().splitlines()), type(error).__name__).rstrip(".: ")


def _cached(name: str) -> Path | None:
    """Return its folder in the Hub's cache, or None where files are missing."""
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
    """Return the layout of a complete checkpoint that one step converts; None for anything else."""
    if not (folder / CONFIG).is_file():
        return None
    config = read_config(folder)
    kind = HfFolder(folder, config, {}, {}).model_type
    whole = (layout for layout in LAYOUTS.values() if layout.whole)
    return None if "backbone" in config else next((x for x in whole if kind in x.model_types), None)


def _digest(folder: Path) -> str:
    """Hash the folder's path and the name, size and time of every file that a conversion reads."""
    files = sorted({file for pattern in READ for file in folder.glob(pattern)})
    states = [(f.name, f.stat().st_size, f.stat().st_mtime_ns) for f in files]
    said = json.dumps([VERSION, str(folder.resolve()), states])
    return blake2b(said.encode(), digest_size=6).hexdigest()


def _convert(layout: Layout, folder: Path, out: Path) -> None:
    """Convert into a temporary folder and rename it, so that an interrupted conversion is never
    loaded."""
    beside = out.with_name(f"{out.name}.part")
    shutil.rmtree(beside, ignore_errors=True)
    try:
        convert(layout, HfFolder.open(folder), Target.open(beside, None))
        beside.rename(out)
    finally:
        shutil.rmtree(beside, ignore_errors=True)
