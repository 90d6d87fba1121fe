"""LLaDA: a bidirectional Llama trained by masked diffusion from scratch.

Its blocks are named as in OLMo; each tensor maps to one of our backbone's. Source: Nie et al. 2025
(arXiv:2502.09992).
"""

import re

from model.config import BackboneConfig, OmniConfig
from model.convert.layout import UNUSED, numbers
from model.convert.layouts.chat_template import Chat
from model.convert.layouts.masked_diffusion import complete, layout, masked
from model.convert.layouts.qwen import HEAD, ROWS
from model.loading.hf_folder import HfFolder

BLOCK = 32
"""Positions of a block in block-wise decoding."""
FIXED = {
    "block_type": "llama",
    "activation_type": "silu",
    "layer_norm_type": "rms",
    "rope": True,
    "alibi": False,
    "attention_layer_norm": False,
    "bias_for_layer_norm": False,
    "include_bias": False,
    "include_qkv_bias": False,
    "input_emb_norm": False,
    "scale_logits": False,
    "block_group_size": 1,
}
"""Settings of the architecture that our backbone computes."""
SIZES = ("d_model", "n_heads", "n_layers", "mlp_hidden_size", "rms_norm_eps", "rope_theta")
OUTSIDE = {"wte.weight": ROWS, "ff_out.weight": HEAD, "ln_f.weight": "backbone.norm.weight"}
INSIDE = {
    "q_proj": "self_attn.q_proj",
    "k_proj": "self_attn.k_proj",
    "v_proj": "self_attn.v_proj",
    "attn_out": "self_attn.o_proj",
    "attn_norm": "input_layernorm",
    "ff_norm": "post_attention_layernorm",
    "ff_proj": "mlp.gate_proj",
    "up_proj": "mlp.up_proj",
    "ff_out": "mlp.down_proj",
}


def body(source: HfFolder) -> tuple[BackboneConfig, int | None, bool]:
    """Return the backbone, the rows of the text embedding (None where not given), and True where
    embedding and head are tied.

    Raises: ValueError where a size is missing or the architecture differs.
    """
    theirs = source.config
    complete(source, theirs, SIZES)
    numbers(source, ("n_kv_heads", "embedding_size", "vocab_size"))
    other = [f"{k} is {theirs.get(k)}, not {v}" for k, v in FIXED.items() if theirs.get(k) != v]
    if other:
        raise ValueError(f"{source.folder} is no LLaDA of the known shape: {'; '.join(other)}")
    width, heads = theirs["d_model"], theirs["n_heads"]
    backbone = BackboneConfig(
        width=width,
        layers=theirs["n_layers"],
        heads=heads,
        kv_heads=theirs.get("n_kv_heads") or (1 if theirs.get("multi_query_attention") else heads),
        head_dim=width // heads,
        mlp_width=theirs["mlp_hidden_size"],
        rope_theta=float(theirs["rope_theta"]),
        norm_eps=float(theirs["rms_norm_eps"]),
        qkv_bias=False,
    )
    rows = theirs.get("embedding_size") or theirs.get("vocab_size")
    return backbone, rows, bool(theirs.get("weight_tying"))


def _adopted(_: OmniConfig, source: HfFolder) -> OmniConfig:
    backbone, rows, tied = body(source)
    if rows is None:
        raise ValueError(f"{source.folder}/config.json does not say vocab_size: fetch it")
    return masked(source, backbone, rows, Chat.of(source).dialogue, tied=tied, block=BLOCK)


def inner(name: str) -> str:
    """Return a tensor's name without the common prefix."""
    return name.removeprefix("model.").removeprefix("transformer.")


def place_of(name: str, config: OmniConfig) -> str | None:
    """Return our name for a tensor of LLaDA."""
    short = inner(name)
    if short in OUTSIDE:
        return UNUSED if config.text_tied and OUTSIDE[short] == HEAD else OUTSIDE[short]
    found = re.fullmatch(r"blocks\.(\d+)\.(\w+)\.weight", short)
    if found is None or found[2] not in INSIDE:
        return None
    return f"backbone.layers.{found[1]}.{INSIDE[found[2]]}.weight"


LLADA = layout("llada", "LLaDA masked-diffusion language model", ("llada",), _adopted, place_of)
