"""CLIP-ViT: the vision encoder, up to its last layer.

It replaces the patch encoder, with which it shares no layer. Not used: the text encoder, and the
norm and projection after the last layer. Source: Radford et al. 2021 (arXiv:2103.00020); Luo et al.
2025 (arXiv:2510.13721), Section 2.1.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from model.config import OmniConfig
from model.convert.layout import UNUSED, Layout, agree
from model.loading.hf_folder import HfFolder
from model.tokenizer_config import ClipConfig
from model.tokenizers.clip_encoder import ACTIVATIONS

NOT_SAID = {
    "hidden_size": 768,
    "intermediate_size": 3072,
    "num_hidden_layers": 12,
    "num_attention_heads": 12,
    "image_size": 224,
    "patch_size": 32,
    "hidden_act": "quick_gelu",
    "layer_norm_eps": 1e-5,
}
"""Default values of a CLIP config.json: the sizes of ViT-B/32."""
ELSEWHERE = (
    "text_model.",
    "post_layernorm.",
    "visual_projection.",
    "text_projection.",
    "logit_scale",
    "embeddings.position_ids",
)


def _sizes(source: HfFolder) -> Mapping[str, Any]:
    whole = source.config
    return {**NOT_SAID, **(whole.get("vision_config", {}) if "vision_config" in whole else whole)}


def _adopted(config: OmniConfig, source: HfFolder) -> OmniConfig:
    theirs = _sizes(source)
    agree(source, theirs, {"hidden_size": config.required_vision.width}, config.name)
    grid, side = theirs["image_size"] // theirs["patch_size"], config.required_vision.grid
    if grid != side:
        raise ValueError(
            f"{source.folder} sees {grid} x {grid} patches and {config.name} "
            f"{side} x {side}: choose a CLIP with as many "
            "(ViT-L/14 has 16 x 16 at 224 px and 24 x 24 at 336 px)"
        )
    if theirs["hidden_act"] not in ACTIVATIONS:
        raise ValueError(f"{source.folder} activates with {theirs['hidden_act']}: not supported")
    clip = ClipConfig(
        patch_px=theirs["patch_size"],
        layers=theirs["num_hidden_layers"],
        heads=theirs["num_attention_heads"],
        mlp_width=theirs["intermediate_size"],
        activation=theirs["hidden_act"],
        norm_eps=theirs["layer_norm_eps"],
    )
    return replace(config, vision=replace(config.required_vision, clip=clip))


def _place_of(name: str, config: OmniConfig) -> str | None:
    inner = name.removeprefix("vision_model.")
    if inner.startswith(ELSEWHERE):
        return UNUSED
    for theirs, ours in (("embeddings.", ""), ("encoder.layers.", "layers.")):
        if inner.startswith(theirs):
            return f"vision.clip.{ours}{inner.removeprefix(theirs)}"
    return f"vision.clip.{inner}" if inner.startswith("pre_layrnorm.") else None


CLIP = Layout(
    kind="clip",
    what="CLIP-ViT picture encoder",
    model_types=("clip", "clip_vision_model"),
    fills=("vision.clip.",),
    adopted=_adopted,
    place_of=_place_of,
)
