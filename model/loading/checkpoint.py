"""Checkpoints: a folder with config.json, tokenizer.json, facts.json and safetensors shards below 9
MB.

Weights are stored in float16; `model.loading.placement` chooses the dtype of computation. Owns:
reading and writing, and the errors about broken folders.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from typing import Any

from safetensors.torch import save_file
from torch import Tensor

from model.config import OmniConfig
from model.loading.checkpoint_name import refuse_missing
from model.loading.config_file import config_from_json
from model.loading.file_digests import DIGEST_BYTES, SHARDS, Digests, seal
from model.loading.hf_folder import pickles_in
from model.loading.meta_init import WeightLoader, hollow_model
from model.loading.pipeline_split import plan_pipeline
from model.loading.placement import Placement, place
from model.loading.tensor_file import Stored, contents, finite_weights, half_shards, tensors
from model.loading.voice import Speaker, load_speaker
from model.network.omni import OmniModel
from model.network.probes import LANDMARKS, PROMPTS, LinearProbes, load_landmarks
from model.tokenizers.text import TextTokenizer

TOKENIZER = "tokenizer.json"
TOKENIZER_DIGEST = "tokenizer_digest"
"""Key in facts.json of the tokenizer file's hash; older checkpoints have none."""
IMPOSSIBLE = (
    ArithmeticError, AssertionError, AttributeError, LookupError, RuntimeError, TypeError,
    ValueError,
)  # fmt: skip
"""The errors of building a model of sizes that do not fit each other."""
Progress = Callable[[int, int], None]
"""Callback after every tensor: bytes of weights loaded, and bytes of all."""


@dataclass(frozen=True)
class Checkpoint:
    """A loaded checkpoint. facts: provenance (date, images seen, minutes ..), plain values. digest:
    a short hash of the weights. landmarks: probes of answers, prompts: probes of media in prompts;
    None where none were trained. speaker: its voice, None where it has none of its own."""

    model: OmniModel
    tokenizer: TextTokenizer
    facts: dict[str, Any]
    digest: str
    landmarks: LinearProbes | None = None
    prompts: LinearProbes | None = None
    speaker: Speaker | None = None


def save_checkpoint(
    folder: Path, model: OmniModel, tokenizer: TextTokenizer, facts: dict[str, Any]
) -> None:
    """Write the checkpoint; remove the shards of an older one in the same folder."""
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.glob(SHARDS):
        old.unlink()
    for number, shard in enumerate(half_shards(model.state_dict())):
        save_file(shard, folder / f"model-{number:05d}.safetensors")
    (folder / "config.json").write_text(json.dumps(model.config.to_json(), indent=1) + "\n")
    write_tokenizer(folder, tokenizer, facts)
    seal(folder)


def write_tokenizer(folder: Path, tokenizer: TextTokenizer, facts: dict[str, Any]) -> None:
    """Write tokenizer.json, and facts.json with its hash."""
    tokenizer.save(folder / TOKENIZER)
    told = {**facts, TOKENIZER_DIGEST: _digest_of(folder / TOKENIZER)}
    (folder / "facts.json").write_text(json.dumps(told, indent=1) + "\n")


def read_tokenizer(folder: Path, config: OmniConfig, facts: Mapping[str, Any]) -> TextTokenizer:
    """Read the tokenizer. Raises: ValueError where it is missing, broken or another
    checkpoint's."""
    file = folder / TOKENIZER
    tokenizer = TextTokenizer.load(file, config.text_vocabulary)
    if facts.get(TOKENIZER_DIGEST) not in (None, _digest_of(file)):
        raise ValueError(
            f"{file} is not the one that these weights were saved with: fetch the checkpoint again"
        )
    return tokenizer


def _digest_of(file: Path) -> str:
    return blake2b(file.read_bytes(), digest_size=DIGEST_BYTES).hexdigest()


def load_checkpoint(
    folder: Path,
    placement: Placement | None = None,
    progress: Progress | None = None,
    *,
    speech: bool = False,
) -> Checkpoint:
    """Load a checkpoint in evaluation mode; tensors are read one at a time, so memory never holds
    two copies. placement: None for the CPU. speech: an external program is the speech codec.

    Raises: ValueError with one sentence that says what is missing, broken or does not fit, and what
    to do; before any weights are read.
    """
    config = config_from_json(_read_json(folder, "config.json"), folder / "config.json")
    config = config.with_speech() if speech else config
    facts = _read_json(folder, "facts.json")
    tokenizer = read_tokenizer(folder, config, facts)
    model, placement = _hollow(folder, config, tokenizer, placement or Placement.of("cpu"))
    stored = weights_in(folder, model.state_dict())
    digests = Digests(folder, facts)
    digests.check_others()
    asked = [load_landmarks(folder, config.backbone.width, name) for name in (LANDMARKS, PROMPTS)]
    digest = _filled(model, stored, placement, progress, digests)
    for name, probes in zip((LANDMARKS, PROMPTS), asked, strict=True):
        finite_weights(folder / name, probes)
    heads = [None if one is None else one.to(placement.device) for one in asked]
    speaker = load_speaker(folder, placement.device)
    landmarks, prompts = heads
    return Checkpoint(
        place(model, placement), tokenizer, facts, digest, landmarks, prompts, speaker
    )


def _hollow(
    folder: Path, config: OmniConfig, tokenizer: TextTokenizer, placement: Placement
) -> tuple[OmniModel, Placement]:
    """Return the model without weights, and the place of each layer.

    Raises: ValueError where the sizes of its config.json fit no model.
    """
    try:
        space = tokenizer.space(
            config.opened,
            thinks=config.thinks,
            opens_thoughts=config.opens_thoughts,
            suggests=config.suggests,
        )
        model = hollow_model(config, space)
    except IMPOSSIBLE as error:
        raise ValueError(
            f"the sizes in {folder / 'config.json'} fit no model ({error}): fetch it again"
        ) from error
    return model, plan_pipeline(config, space, placement)


def _read_json(folder: Path, name: str) -> dict[str, Any]:
    refuse_missing(folder)
    file = folder / name
    if not file.exists():
        raise ValueError(
            f"{folder} is not a complete checkpoint: {name} is missing; fetch it again"
        )
    try:
        values = json.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        why = (error.strerror or "it is none").lower()
        raise ValueError(f"{file} cannot be read: {why}") from error
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{file} is broken ({error}); fetch the checkpoint again") from error
    if not isinstance(values, dict):
        raise ValueError(f"{file} is broken (it is no table of values); fetch the checkpoint again")
    return values


def weights_in(folder: Path, model: Mapping[str, Tensor]) -> dict[Path, dict[str, Stored]]:
    """Return the tensors of each weight file, read from their headers, checked against the model's.

    Raises: ValueError where one is missing, unknown or of another shape.
    """
    files = sorted(folder.glob(SHARDS))
    if not files and (pickles := pickles_in(folder)):
        raise ValueError(
            f"{folder} has its weights as a pickle ({pickles[0]}), which can run code and is not "
            "read: fetch the checkpoint's model-*.safetensors"
        )
    if not files:
        raise ValueError(
            f"{folder} has no weights (model-*.safetensors); fetch the checkpoint again"
        )
    stored = {file: contents(file) for file in files}
    found = {name: place.shape for table in stored.values() for name, place in table.items()}
    wanted = {name: tuple(tensor.shape) for name, tensor in model.items()}
    absent = sorted(wanted.keys() - found.keys())
    if absent:
        raise ValueError(
            f"{folder} lacks {len(absent)} of {len(wanted)} tensors, {absent[0]} is missing: its "
            "download is unfinished or its config.json another's; fetch the checkpoint again"
        )
    for name, shape in found.items():
        if name not in wanted:
            raise ValueError(_misfit(folder, f"{name} is unknown"))
        if shape != wanted[name]:
            why = f"{name} has the shape {list(shape)} instead of {list(wanted[name])}"
            raise ValueError(_misfit(folder, why))
    return stored


def _filled(
    model: OmniModel,
    stored: dict[Path, dict[str, Stored]],
    placement: Placement,
    progress: Progress | None,
    digests: Digests,
) -> str:
    """Load all tensors into the model, one at a time; return the hash of the files.

    Raises: ValueError where a file is not the one that was saved, or holds what is no weight.
    """
    filling = WeightLoader(model, placement)
    every = sum(place.num_bytes for table in stored.values() for place in table.values())
    done, digest = 0, ""
    for file, table in stored.items():
        digest = digests.add(file)
        for name, tensor in tensors(file, list(table)):
            filling.put(name, tensor)
            done += tensor.nbytes
            if progress is not None:
                progress(done, every)
    return digest


def _misfit(folder: Path, why: str) -> str:
    return f"the weights in {folder} do not fit its config.json ({why}); fetch the checkpoint again"
