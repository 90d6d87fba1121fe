"""The target of a conversion: its present content, and the new shards that replace it.

New shards are written into a subfolder. Once all are complete they are moved next to the old ones,
and replaced shards are removed. Owns: `Target`, `Staging`.
"""

import json
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from safetensors.torch import save_file
from torch import Tensor

from model.config import OmniConfig
from model.convert.catalogue import LAYOUTS
from model.loading.checkpoint import write_tokenizer
from model.loading.config_file import config_from_json
from model.loading.file_digests import seal
from model.loading.hf_folder import read_config
from model.loading.tensor_file import SHARD_BYTES, Stored, contents
from model.presets import PRESETS
from model.tokenizers.text import TextTokenizer

SHARDS = "model-*.safetensors"
STAGED = ".converting"
DEFAULT_PRESET = "next_omni_7b"


@dataclass(frozen=True)
class Target:
    """A folder to convert into. config: the checkpoint's, or the preset's for a new one. stored:
    its tensors, empty for a new one."""

    folder: Path
    config: OmniConfig
    stored: dict[str, Stored]
    facts: dict[str, Any]

    @classmethod
    def open(cls, folder: Path, preset: str | None) -> "Target":
        """Open a folder; an empty or absent one becomes a checkpoint of the preset.

        Raises: ValueError where the preset is unknown or another than the checkpoint's, or the
        folder holds something else.
        """
        if preset is not None and preset not in PRESETS:
            raise ValueError(f"unknown preset {preset!r}: choose {', '.join(PRESETS)}")
        if folder.exists() and not folder.is_dir():
            raise ValueError(f"{folder} is a file: give a folder for the checkpoint")
        inside = {f.name for f in folder.iterdir()} if folder.is_dir() else set()
        if not inside - {STAGED}:
            return cls.new(folder, PRESETS[preset or DEFAULT_PRESET])
        if not {"config.json", "facts.json", "tokenizer.json"} <= inside:
            raise ValueError(
                f"{folder} holds something else than a checkpoint of ours: give an empty folder"
            )
        config = config_from_json(dict(read_config(folder)))
        if preset is not None and preset != config.name:
            raise ValueError(
                f"{folder} is {config.name}, not {preset}: leave --preset out, or give an empty "
                "folder"
            )
        stored: dict[str, Stored] = {}
        for file in sorted(folder.glob(SHARDS)):
            stored |= contents(file)
        return cls(folder, config, stored, dict(read_config(folder, "facts.json")))

    @classmethod
    def new(cls, folder: Path, config: OmniConfig) -> "Target":
        """Return the target of a new checkpoint of that config."""
        return cls(folder, config, {}, _facts_of(config))

    @property
    def is_new(self) -> bool:
        return not self.stored

    @property
    def is_whole(self) -> bool:
        """True where one source filled the whole checkpoint."""
        converted = self.facts.get("converted", {})
        return any(layout.whole for kind, layout in LAYOUTS.items() if kind in converted)


class Staging:
    """New shards of a checkpoint, as a context that removes everything unless `commit` was
    reached."""

    def __init__(self, target: Target, num_bytes: int) -> None:
        """Reserve the subfolder. Raises: ValueError where the disk has less free space than
        num_bytes."""
        self._target = target
        self._folder = target.folder / STAGED
        self._waiting: dict[str, Tensor] = {}
        self._size, self._written = 0, 0
        target.folder.mkdir(parents=True, exist_ok=True)
        free = shutil.disk_usage(target.folder).free
        if num_bytes > free:
            raise ValueError(
                f"{target.folder} needs {num_bytes / 1e9:.1f} GB and {free / 1e9:.1f} GB are free: "
                "make room or choose another disk"
            )
        shutil.rmtree(self._folder, ignore_errors=True)
        self._folder.mkdir()

    def __enter__(self) -> "Staging":
        return self

    def __exit__(self, *_: object) -> None:
        shutil.rmtree(self._folder, ignore_errors=True)

    def add(self, name: str, tensor: Tensor) -> None:
        """Write the tensor in its data type."""
        if self._size and self._size + tensor.nbytes > SHARD_BYTES:
            self._write()
        self._waiting[name] = tensor.contiguous()
        self._size += tensor.nbytes

    def commit(
        self,
        config: OmniConfig,
        facts: dict[str, Any],
        tokenizer: TextTokenizer | None,
        staying: set[Path],
    ) -> None:
        """Move the shards into place and remove all others but `staying`. tokenizer: None keeps the
        present one."""
        self._write()
        folder = self._target.folder
        old = sorted(folder.glob(SHARDS))
        last = max((int(file.stem.split("-")[1]) for file in old), default=-1)
        for number, file in enumerate(sorted(self._folder.glob(SHARDS)), last + 1):
            file.rename(folder / f"model-{number:05d}.safetensors")
        (folder / "config.json").write_text(json.dumps(config.to_json(), indent=1))
        if tokenizer is None:
            (folder / "facts.json").write_text(json.dumps(facts, indent=1))
        else:
            write_tokenizer(folder, tokenizer, facts)
        for file in set(old) - staying:
            file.unlink()
        seal(folder)

    def _write(self) -> None:
        if self._waiting:
            save_file(self._waiting, self._folder / f"model-{self._written:05d}.safetensors")
            self._waiting, self._size = {}, 0
            self._written += 1


def _facts_of(config: OmniConfig) -> dict[str, Any]:
    """Return the facts of a new checkpoint. untrained: the layouts that no conversion has filled
    yet."""
    untrained = [
        kind
        for kind, layout in LAYOUTS.items()
        if not layout.whole | layout.joins and layout.fits(config)
    ]
    return {"name": config.name, "concepts": [], "untrained": untrained}
