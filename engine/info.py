"""The loaded checkpoint and its environment as plain values, for `python -m engine info` and for
the page.

Owns: `about`. Does not own: what a folder holds that is not loaded (`model.convert.folder_info`).
"""

from dataclasses import asdict
from typing import Any, Protocol

import torch

from engine.generation.planner import Planner
from engine.media.codec import Codec
from model.loading.placement import Placement, held_bytes
from model.network.omni import OmniModel
from model.network.probes import LinearProbes


class Loaded(Protocol):
    """The interface that `about` needs of an engine."""

    model: OmniModel
    facts: dict[str, Any]
    digest: str
    landmarks: LinearProbes | None
    placement: Placement
    planner: Planner
    codec: Codec

    @property
    def prompt_characters(self) -> int: ...

    @property
    def max_audio_s(self) -> float: ...


def about(engine: Loaded) -> dict[str, Any]:
    """Return the checkpoint, its placement and its capabilities."""
    config = engine.model.config
    planner = engine.planner
    on_paths = planner.flows if "flow" in config.samplers else ()
    return {
        "name": config.name,
        "digest": engine.digest,
        **engine.placement.describe(),
        "weights": {"kept": str(engine.placement.weights), "bytes": held_bytes(engine.model)},
        "layers": engine.model.backbone.layers_on(),
        "recorded": planner.graphs is not None,
        "torch": torch.__version__,
        "parameters": _counts(engine.model),
        "modalities": [str(m) for m in planner.flows],
        "samplers": list(config.samplers),
        "lacking": {str(m): why for m, why in config.missing.items()},
        "image_px": 0 if config.vision is None else config.vision.image_px,
        "hears_s": engine.max_audio_s,
        "styles": list(engine.codec.styles),
        "voice": _voice(engine.codec),
        "prompt_characters": engine.prompt_characters,
        "thinks": config.thinks,
        "finds": config.has_embedding,
        "believes": engine.landmarks is not None,
        "facts": engine.facts,
        "path": {str(m): [asdict(point) for point in planner.clocks.table(m)] for m in on_paths},
        "config": config.to_json(),
    }


def _voice(codec: Codec) -> dict[str, int] | None:
    """The parameters of what says words beside the network; None where it says them itself."""
    if codec.voice is None:
        return None
    parts = {"speaker": codec.voice.speaker.network, "decoder": codec.voice.speaker.decoder}
    return {name: sum(p.numel() for p in part.parameters()) for name, part in parts.items()}


def _counts(model: OmniModel) -> dict[str, int]:
    """The parameters of all of it, and of the parts that it has."""
    parts = {"all": model, "backbone": model.backbone}
    if model.config.vision is not None:
        parts |= {"vision": model.vision}
    if model.config.vision is not None and model.config.code_rows is None:
        parts |= {"image_head": model.image_head}
    return {name: sum(p.numel() for p in part.parameters()) for name, part in parts.items()}
