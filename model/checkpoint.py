"""A checkpoint: a folder with config.json, tokenizer.json, facts.json and safetensors shards under
9 MB.

Weights are stored in float16; `model.placement` says what they are computed in. Owns: reading and
writing, and the sentence that explains a broken folder.
"""

import json
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from model.config import OmniConfig
from model.hollow import Filling, hollow_model
from model.omni import OmniModel
from model.placement import Placement, check_memory, place
from model.text import TextTokenizer

SHARD_BYTES = 8_500_000
READ_BYTES = 2**20


@dataclass(frozen=True)
class Checkpoint:
    """A loaded checkpoint. facts: how it was made (date, pictures seen, minutes ..), plain values.
    digest: a short hash of the weights."""

    model: OmniModel
    tokenizer: TextTokenizer
    facts: dict[str, Any]
    digest: str


def save_checkpoint(
    folder: Path, model: OmniModel, tokenizer: TextTokenizer, facts: dict[str, Any]
) -> None:
    """Write the checkpoint; shards of an older one in the same folder are removed."""
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.glob("model-*.safetensors"):
        old.unlink()
    for number, shard in enumerate(_shards(model.state_dict())):
        save_file(shard, folder / f"model-{number:05d}.safetensors")
    (folder / "config.json").write_text(json.dumps(model.config.to_json(), indent=1) + "\n")
    (folder / "facts.json").write_text(json.dumps(facts, indent=1) + "\n")
    tokenizer.save(folder / "tokenizer.json")


def load_checkpoint(folder: Path, placement: Placement | None = None) -> Checkpoint:
    """The model in evaluation mode; None places it on the CPU.

    Raises: ValueError with one sentence that says what is missing or broken, or does not fit, and
    what to do.
    """
    placement = placement or Placement.of("cpu")
    config = OmniConfig.from_json(_read_json(folder, "config.json"))
    tokenizer = TextTokenizer.load(folder / "tokenizer.json", config.text_vocabulary)
    space = tokenizer.space(config.opened, thinks=config.thinks, suggests=config.suggests)
    check_memory(config, space, placement)
    model = hollow_model(config, space)
    digest = _filled(model, folder, placement)
    return Checkpoint(place(model, placement), tokenizer, _read_json(folder, "facts.json"), digest)


def _shards(state: dict[str, Tensor]) -> list[dict[str, Tensor]]:
    shards: list[dict[str, Tensor]] = [{}]
    size = 0
    for name, tensor in state.items():
        half = tensor.detach().cpu().half().contiguous().clone()
        if size and size + half.nbytes > SHARD_BYTES:
            shards.append({})
            size = 0
        shards[-1][name] = half
        size += half.nbytes
    return shards


def _read_json(folder: Path, name: str) -> dict[str, Any]:
    if not folder.is_dir():
        raise ValueError(
            f"there is no checkpoint at {folder}; check the path, or train one with `make train`"
        )
    file = folder / name
    if not file.exists():
        raise ValueError(
            f"{folder} is not a complete checkpoint: {name} is missing; fetch it again"
        )
    try:
        return dict(json.loads(file.read_text()))
    except (json.JSONDecodeError, UnicodeDecodeError, TypeError) as error:
        raise ValueError(f"{file} is broken ({error}); fetch the checkpoint again") from error


def _filled(model: OmniModel, folder: Path, placement: Placement) -> str:
    """Every tensor of the folder put into the model, one at a time; the digest of the files."""
    files = sorted(folder.glob("model-*.safetensors"))
    if not files:
        raise ValueError(
            f"{folder} has no weights (model-*.safetensors); fetch the checkpoint again"
        )
    filling = Filling(model, placement)
    digest = blake2b(digest_size=6)
    for file in files:
        with file.open("rb") as opened:
            while piece := opened.read(READ_BYTES):
                digest.update(piece)
        try:
            with safe_open(file, framework="pt") as shard:
                for name in shard.keys():  # noqa: SIM118 (a safetensors handle is no mapping)
                    filling.put(name, shard.get_tensor(name))
        except SafetensorError as error:
            raise ValueError(
                f"{file} is truncated or broken ({error}); fetch the checkpoint again"
            ) from error
        except ValueError as error:
            raise ValueError(_misfit(folder, str(error))) from error
    if filling.missing:
        raise ValueError(_misfit(folder, f"{min(filling.missing)} is missing"))
    return digest.hexdigest()


def _misfit(folder: Path, why: str) -> str:
    return f"the weights in {folder} do not fit its config.json ({why}); fetch the checkpoint again"
