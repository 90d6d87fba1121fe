"""What a folder with a checkpoint can do, said without loading weights: ours, or one in a known
layout of Hugging Face and which command takes it. Owns: `folder_info`."""

from collections import Counter
from collections.abc import Mapping
from math import prod
from pathlib import Path
from typing import Any

from flow.modality import Modality, TokenSpace
from model.config import OmniConfig, VisionConfig
from model.convert.layout import Layout
from model.convert.layouts import LAYOUTS
from model.hf_folder import HfFolder, read_config, stored_in
from model.placement import shapes
from model.presets import PRESETS
from model.shard import Stored, contents

KNOWN = {
    "llada": "LLaDA of another shape, a masked-diffusion language model",
    "mmada": "MMaDA of another shape, masked diffusion over words and pictures",
    "dynin": "Dynin-Omni of another shape, any-to-any masked diffusion",
}
"""What no layout takes, by how its model_type begins."""
OURS = ("config.json", "tokenizer.json", "facts.json")


def folder_info(folder: Path) -> dict[str, Any]:
    """Plain values. kind: "next-omni" for ours, or the model_type; whole: whether all of it is
    there, and where not `trouble` says why.

    Raises: ValueError where there is no folder, or no config.json that can be read.
    """
    config = read_config(folder)
    if "backbone" in config and "vision" in config:
        return _ours(folder, OmniConfig.from_json(dict(config)))
    return _theirs(folder, config)


def refuse_theirs(folder: Path) -> None:
    """Nothing where the folder may be one of ours.

    Raises: ValueError where it is a checkpoint in a layout of Hugging Face, with the command that
    takes it or the reason why none does.
    """
    if not (folder / "config.json").is_file():
        return
    config = read_config(folder)
    if "backbone" in config or not {"model_type", "_class_name"} & set(config):
        return
    found = _theirs(folder, config)
    advice = "no command converts it yet"
    if found["trouble"]:
        advice = found["trouble"]
    elif found["command"]:
        advice = f"convert it first: {found['command']}"
    raise ValueError(f"{folder} is {found['what']}; {advice}")


def _ours(folder: Path, config: OmniConfig) -> dict[str, Any]:
    stored: dict[str, Stored] = {}
    trouble = ""
    try:
        for file in sorted(folder.glob("model-*.safetensors")):
            stored |= contents(file)
        absent = [name for name in OURS if not (folder / name).is_file()]
        if absent:
            trouble = f"{', '.join(absent)} missing: fetch the checkpoint again"
        space = TokenSpace(Modality.TEXT, 1, config.text_vocabulary)
        needed = shapes(config, space).state_dict()
        lost = [n for n in needed if n not in stored or stored[n].shape != needed[n].shape]
        if lost:
            trouble = f"{len(lost)} tensors are missing or of another shape, {lost[0]} is one"
    except ValueError as error:
        trouble = str(error)
    facts = dict(read_facts(folder))
    made = [str(m) for m in (Modality.TEXT, *config.media)]
    hears = config.audio is not None
    watches, vision = config.video_frames > 0, config.vision
    senses = {"text": True, "image": vision is not None, "audio": hears, "video": watches}
    return {
        "kind": "next-omni",
        "name": config.name,
        "takes": [kind for kind, known in senses.items() if known],
        "makes": made,
        "samplers": list(config.samplers),
        "thinks": config.thinks,
        "finds": config.finds,
        "lacking": {str(modality): why for modality, why in config.lacking.items()},
        "image_px": 0 if vision is None else vision.image_px,
        "picture_encoder": _encoder(vision),
        **_counted(stored),
        "converted": facts.get("converted", {}),
        "untrained": facts.get("untrained", []),
        "command": "" if trouble else f"python -m engine generate --checkpoint {folder}",
        "whole": not trouble,
        "trouble": trouble,
    }


def _encoder(vision: VisionConfig | None) -> str | None:
    if vision is None:
        return None
    if vision.magvit is not None:
        return "magvit"
    return "patches" if vision.clip is None else "clip"


def _theirs(folder: Path, config: Mapping[str, Any]) -> dict[str, Any]:
    source = HfFolder(folder, config, {}, {})
    layout = next((x for x in LAYOUTS.values() if source.model_type in x.model_types), None)
    known = (said for kind, said in KNOWN.items() if source.model_type.lower().startswith(kind))
    own = layout is not None and (layout.whole or layout.joins)
    fits = [] if layout is None or own else _fitting(layout, source)
    stored: dict[str, Stored] = {}
    trouble = ""
    try:
        stored = stored_in(folder)
    except ValueError as error:
        trouble = str(error)
    convertible = layout is not None and (fits or own) and not trouble
    return {
        "kind": source.model_type or "unknown",
        "what": next(known, "an unknown layout") if layout is None else layout.what,
        "architecture": source.architecture,
        **_counted(stored),
        "converter": None if layout is None else layout.kind,
        "presets": fits,
        "command": _command(layout, folder, fits) if convertible else "",
        "whole": not trouble,
        "trouble": trouble,
    }


def read_facts(folder: Path) -> Mapping[str, Any]:
    """The plain values of facts.json, none where there is no such file."""
    return read_config(folder, "facts.json") if (folder / "facts.json").is_file() else {}


def _fitting(layout: Layout, source: HfFolder) -> list[str]:
    """The presets that have its sizes."""
    found: list[str] = []
    for name, preset in PRESETS.items():
        try:
            layout.adopted(preset, source)
        except ValueError:
            continue
        found.append(name)
    return found


def _command(layout: Layout | None, folder: Path, fits: list[str]) -> str:
    assert layout is not None
    command = f"python -m model.convert {layout.kind} {folder} OUT"
    return f"{command} --preset {fits[0]}" if fits else command


def _counted(stored: Mapping[str, Stored]) -> dict[str, Any]:
    """Numbers, bytes and types of number of all tensors."""
    kinds = Counter(place.dtype for place in stored.values())
    return {
        "tensors": len(stored),
        "numbers": sum(prod(place.shape) for place in stored.values()),
        "bytes": sum(place.num_bytes for place in stored.values()),
        "dtypes": dict(kinds),
    }
