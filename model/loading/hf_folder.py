"""Checkpoints in Hugging Face layout: config.json with one weight file, or with shards and an
index.

Safetensors only: a pickle can run code when it is read, and is refused unless the user names it.
Owns: finding tensors without reading them, streaming them file by file, and one sentence for each
way in which a folder can be incomplete. Does not own: the meaning of tensors.
"""

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from model.loading.tensor_file import Stored, contents, tensors, unpickled

CONFIG = "config.json"
WEIGHTS = "model.safetensors"
INDEX = "model.safetensors.index.json"
PICKLES = ("*.bin", "*.pt", "*.pth", "*.ckpt")
HUB_PREFIX = "models--"
"""Prefix of folders in the Hugging Face Hub's cache."""
OTHER_PICKLES = ("training_args.bin", "optimizer.pt", "scheduler.pt")


@dataclass(frozen=True)
class HfFolder:
    """A folder in Hugging Face layout. config: content of config.json. stored: all tensors by name.
    pickled: tensors of the pickles that the user named, by file."""

    folder: Path
    config: Mapping[str, Any]
    stored: Mapping[str, Stored]
    pickled: Mapping[Path, Mapping[str, Tensor]]

    @classmethod
    def open(cls, folder: Path, allowed_pickles: Iterable[Path] = ()) -> "HfFolder":
        """Open a folder; only file headers are read.

        Raises: ValueError with one sentence that says what is missing or broken, and what to do.
        """
        config = read_config(folder)
        pickled = {file: unpickled(_named(file)) for file in allowed_pickles}
        stored: dict[str, Stored] = {}
        for file, table in pickled.items():
            for name, tensor in table.items():
                stored[name] = Stored(file, tuple(tensor.shape), _dtype(tensor))
        if not pickled:
            stored = stored_in(folder)
        return cls(folder, config, stored, pickled)

    @property
    def model_type(self) -> str:
        """The model_type of config.json, or its class where it is no language model."""
        return str(self.config.get("model_type") or self.config.get("_class_name") or "")

    @property
    def architecture(self) -> str:
        """Class that the checkpoint was saved from, "" where unknown."""
        said = self.config.get("architectures")
        return str(said[0]) if isinstance(said, list) and said else ""

    @property
    def name(self) -> str:
        """Name of the folder, or the Hub's name for one in the Hub's cache."""
        whole = self.folder.resolve()
        stored = whole.parent.parent.name
        if whole.parent.name == "snapshots" and stored.startswith(HUB_PREFIX):
            return stored.split("--")[-1]
        return whole.name

    def read(self, names: Iterable[str]) -> Iterator[tuple[str, Tensor]]:
        """Yield the named tensors, file by file, one in memory at a time."""
        by_file: dict[Path, list[str]] = defaultdict(list)
        for name in names:
            by_file[self.stored[name].file].append(name)
        for file, inside in by_file.items():
            if file in self.pickled:
                yield from ((name, self.pickled[file][name]) for name in inside)
            else:
                yield from tensors(file, inside)


def read_config(folder: Path, name: str = CONFIG) -> Mapping[str, Any]:
    """Return the content of config.json, or of another JSON file.

    Raises: ValueError where there is no such folder or file, or it is broken.
    """
    if not folder.is_dir():
        raise ValueError(
            f"there is no folder {folder}: download the checkpoint first and give its folder"
        )
    return _json(folder / name)


def stored_in(folder: Path) -> dict[str, Stored]:
    """Return all tensors of the folder's safetensors.

    Raises: ValueError where shards are missing or broken, or there are none.
    """
    if (folder / INDEX).exists():
        return _sharded(folder)
    if (folder / WEIGHTS).exists():
        return contents(folder / WEIGHTS)
    shards = sorted(folder.glob("*.safetensors"))
    if len(shards) > 1:
        raise ValueError(f"{folder} has shards and no {INDEX}: fetch the index as well")
    if shards:
        return contents(shards[0])
    if pickles := pickles_in(folder):
        raise ValueError(
            f"{folder} has its weights as a pickle only ({pickles[0]}), which can run code: fetch "
            f"{WEIGHTS}, or if you trust it add --allow-pickle {folder / pickles[0]}"
        )
    raise ValueError(f"{folder} has no weights ({WEIGHTS}): fetch them into it")


def pickles_in(folder: Path) -> list[str]:
    """Return the names of files that may be pickled weights."""
    return sorted(f.name for p in PICKLES for f in folder.glob(p) if f.name not in OTHER_PICKLES)


def _sharded(folder: Path) -> dict[str, Stored]:
    weight_map = _json(folder / INDEX).get("weight_map")
    if not isinstance(weight_map, dict) or not weight_map:
        raise ValueError(f"{folder / INDEX} names no shards: fetch it again")
    names = sorted({str(file) for file in weight_map.values()})
    outside = [name for name in names if Path(name).name != name]
    if outside:
        raise ValueError(f"{folder / INDEX} names a file outside of the folder: {outside[0]}")
    absent = [name for name in names if not (folder / name).exists()]
    if absent:
        raise ValueError(
            f"the download of {folder} is unfinished: {len(absent)} of {len(names)} shards are "
            f"missing ({_some(absent)}); run it again"
        )
    stored: dict[str, Stored] = {}
    for name in names:
        stored |= contents(folder / name)
    lost = [name for name, file in weight_map.items() if _lies_in(stored, name) != file]
    if lost:
        raise ValueError(
            f"the shards of {folder} do not hold what {INDEX} says ({_some(lost)}): "
            "they are of different versions, fetch all of them again"
        )
    return stored


def _lies_in(stored: Mapping[str, Stored], name: str) -> str | None:
    return stored[name].file.name if name in stored else None


def _dtype(tensor: Tensor) -> str:
    """Return a tensor's data type, as safetensors names it."""
    bits = 8 * tensor.element_size()
    if tensor.dtype is torch.bfloat16:
        return "BF16"
    return f"{'F' if tensor.is_floating_point() else 'I'}{bits}"


def _named(file: Path) -> Path:
    if not file.is_file():
        raise ValueError(f"there is no file {file} to read as a pickle")
    return file


def _json(file: Path) -> dict[str, Any]:
    if not file.is_file():
        raise ValueError(f"{file} is missing: give a checkpoint's folder, or fetch it again")
    try:
        return dict(json.loads(file.read_text()))
    except (json.JSONDecodeError, UnicodeDecodeError, TypeError, ValueError) as error:
        raise ValueError(f"{file} is broken ({error}): fetch it again") from error


def _some(names: list[str]) -> str:
    return ", ".join(names[:3]) + (", .." if len(names) > 3 else "")
