"""Dream: a masked-diffusion model initialised from Qwen2.5, with the same architecture.

Position i is predicted by the output at i - 1. Source: Ye et al. 2025 (Dream 7B, arXiv:2508.15487).
"""

from model.config import BackboneConfig, OmniConfig
from model.convert.layouts.chat_template import Chat
from model.convert.layouts.masked_diffusion import complete, layout, masked
from model.convert.layouts.qwen import place_of, rope_theta, with_head_dim
from model.loading.hf_folder import HfFolder

SIZES = (
    "hidden_size",
    "num_hidden_layers",
    "num_attention_heads",
    "num_key_value_heads",
    "intermediate_size",
    "vocab_size",
    "rms_norm_eps",
)


def _adopted(_: OmniConfig, source: HfFolder) -> OmniConfig:
    theirs = with_head_dim(source)
    complete(source, theirs, SIZES)
    backbone = BackboneConfig(
        width=theirs["hidden_size"],
        layers=theirs["num_hidden_layers"],
        heads=theirs["num_attention_heads"],
        kv_heads=theirs["num_key_value_heads"],
        head_dim=theirs["head_dim"],
        mlp_width=theirs["intermediate_size"],
        rope_theta=rope_theta(source),
        norm_eps=float(theirs["rms_norm_eps"]),
        qkv_bias=True,
        shift_text=True,
    )
    tied = bool(theirs.get("tie_word_embeddings"))
    dialogue = Chat.of(source).dialogue
    return masked(source, backbone, theirs["vocab_size"], dialogue, tied=tied, block=None)


DREAM = layout(
    "dream", "Dream masked-diffusion language model", ("Dream", "dream"), _adopted, place_of
)
