"""Capabilities of a checkpoint's folder, without loading weights: one of ours, or a known Hugging
Face layout with the command that converts it. Owns: `folder_info`."""

from collections import Counter
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from math import prod
from pathlib import Path
from typing import Any

from flow.modality import Modality, TokenSpace
from model.config import OmniConfig
from model.convert.catalogue import LAYOUTS
from model.convert.conversion import rehearse
from model.convert.layout import Layout, asked_for
from model.convert.writer import DEFAULT_PRESET, Target
from model.loading.checkpoint import read_tokenizer, weights_in
from model.loading.config_file import config_from_json
from model.loading.hf_folder import HfFolder, read_config, stored_in
from model.loading.placement import shapes
from model.loading.tensor_file import Stored, contents
from model.presets import PRESETS
from model.tokenizer_config import VisionConfig

KNOWN = {
    "llada": "LLaDA of another shape, a masked-diffusion language model",
    "mmada": "MMaDA of another shape, masked diffusion over words and pictures",
    "dynin": "Dynin-Omni of another shape, any-to-any masked diffusion",
}
"""Descriptions of checkpoints that no layout takes, by prefix of model_type."""
OURS = ("config.json", "tokenizer.json", "facts.json")


def folder_info(folder: Path, *, speech: bool = False) -> dict[str, Any]:
    """Return plain values. kind: "next-omni" for ours, or the model_type. whole: True where it is
    complete and can be used; otherwise `trouble` has the reason. speech: an external program is the
    speech codec.

    Raises: ValueError where there is no folder or no readable config.json, or the codec does not
    apply.
    """
    config = read_config(folder)
    if "backbone" in config and "vision" in config:
        ours = config_from_json(dict(config))
        return _ours(folder, ours.with_speech() if speech else ours)
    return _theirs(folder, config, speech=speech)


def refuse_theirs(folder: Path) -> None:
    """Refuse a checkpoint in a Hugging Face layout.

    Raises: ValueError with the command that converts it, or the reason why none does.
    """
    if not (folder / "config.json").is_file():
        return
    config = read_config(folder)
    if "backbone" in config or not {"model_type", "_class_name"} & set(config):
        return
    found = _theirs(folder, config)
    advice = found["trouble"] or f"convert it first: {found['command']}"
    raise ValueError(f"{folder} is {found['what']}; {advice}")


def _ours(folder: Path, config: OmniConfig) -> dict[str, Any]:
    facts: Mapping[str, Any] = {}
    trouble = ""
    try:
        facts = read_facts(folder)
        absent = [name for name in OURS if not (folder / name).is_file()]
        if absent:
            raise ValueError(f"{', '.join(absent)} missing: fetch the checkpoint again")
        read_tokenizer(folder, config, facts)
        space = TokenSpace(Modality.TEXT, 1, config.text_vocabulary)
        weights_in(folder, shapes(config, space).state_dict())
    except ValueError as error:
        trouble = str(error)
    return {
        "kind": "next-omni",
        "name": config.name,
        **_abilities(config),
        **_counted(_heads(folder)),
        "converted": facts.get("converted", {}),
        "untrained": facts.get("untrained", []),
        "command": "" if trouble else f"python -m engine generate --checkpoint {folder}",
        "whole": not trouble,
        "trouble": trouble,
    }


def _abilities(config: OmniConfig) -> dict[str, Any]:
    """Return the modalities that a checkpoint takes, generates and edits, and its samplers."""
    vision, films = config.vision, config.video_frames > 0
    senses = {"text": True, "image": vision, "audio": config.audio, "video": films}
    return {
        "takes": [kind for kind, known in senses.items() if known],
        "makes": [str(m) for m in (Modality.TEXT, *config.media)],
        "edits": ["image"] if vision is not None and config.edits else [],
        "samplers": list(config.samplers),
        "thinks": config.thinks,
        "finds": config.has_embedding,
        "lacking": {str(modality): why for modality, why in config.missing.items()},
        "image_px": 0 if vision is None else vision.image_px,
        "picture_encoder": _encoder(vision),
    }


def _encoder(vision: VisionConfig | None) -> str | None:
    if vision is None:
        return None
    if vision.magvit is not None:
        return "magvit"
    return "patches" if vision.clip is None else "clip"


def _heads(folder: Path) -> dict[str, Stored]:
    """Return the tensors of our weight files that can be read."""
    stored: dict[str, Stored] = {}
    for file in sorted(folder.glob("model-*.safetensors")):
        with suppress(ValueError):
            stored |= contents(file)
    return stored


def _theirs(folder: Path, config: Mapping[str, Any], *, speech: bool = False) -> dict[str, Any]:
    source = HfFolder(folder, config, {}, {})
    layout = next((x for x in LAYOUTS.values() if source.model_type in x.model_types), None)
    known = (said for kind, said in KNOWN.items() if source.model_type.lower().startswith(kind))
    own = layout is not None and (layout.whole or layout.joins)
    fits = [] if layout is None or own else _fitting(layout, source)
    after: OmniConfig | None = None
    trouble = ""
    try:
        source = replace(source, stored=stored_in(folder))
        after = _after(layout, source, fits)
    except ValueError as error:
        trouble = str(error)
    whole = after if layout is not None and layout.whole else None
    if whole is not None and speech:
        whole = whole.with_speech()
    return {
        "kind": source.model_type or "unknown",
        "what": next(known, "an unknown layout") if layout is None else layout.what,
        "architecture": source.architecture,
        **_counted(source.stored),
        "converter": None if layout is None else layout.kind,
        "presets": fits,
        "command": "" if layout is None or trouble else _command(layout, folder, fits),
        "becomes": {} if whole is None else _abilities(whole),
        "whole": not trouble,
        "trouble": trouble,
    }


def _after(layout: Layout | None, source: HfFolder, fits: list[str]) -> OmniConfig:
    """Return the config after conversion. Raises: ValueError where the conversion would refuse."""
    if layout is None:
        raise ValueError("no command converts it yet")
    if layout.joined is not None:
        config = layout.joined(source)
    else:
        config = PRESETS[fits[0] if fits else DEFAULT_PRESET]
    return rehearse(layout, source, Target.new(source.folder, config))


def read_facts(folder: Path) -> Mapping[str, Any]:
    """Return the content of facts.json, empty where there is no such file."""
    return read_config(folder, "facts.json") if (folder / "facts.json").is_file() else {}


def _fitting(layout: Layout, source: HfFolder) -> list[str]:
    """Return the names of the presets of its sizes."""
    found: list[str] = []
    for name, preset in PRESETS.items():
        try:
            asked_for(layout, preset, source)
        except ValueError:
            continue
        found.append(name)
    return found


def _command(layout: Layout, folder: Path, fits: list[str]) -> str:
    command = f"python -m model.convert {layout.kind} {folder} OUT"
    return f"{command} --preset {fits[0]}" if fits else command


def _counted(stored: Mapping[str, Stored]) -> dict[str, Any]:
    """Count tensors, parameters and bytes, and tensors by data type."""
    kinds = Counter(place.dtype for place in stored.values())
    return {
        "tensors": len(stored),
        "numbers": sum(prod(place.shape) for place in stored.values()),
        "bytes": sum(place.num_bytes for place in stored.values()),
        "dtypes": dict(kinds),
    }
