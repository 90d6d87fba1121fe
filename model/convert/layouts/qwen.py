"""Qwen2 and Qwen2.5: backbone, text embedding and text head.

Our markers take the first rows of the vocabulary, so every token of the source moves `NUM_MARKERS`
rows down; the source's last rows, which have no token, become the first. Distances between tokens
are computed from their rows. Source: Qwen2.5 technical report (arXiv:2412.15115).
"""

from dataclasses import replace
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from model.config import OmniConfig
from model.convert.layout import UNUSED, Layout, agree, numbers
from model.convert.layouts.text_tokenizer import Exchange
from model.loading.hf_folder import HfFolder

ROWS, HEAD = "embeddings.text.weight", "text_head.weight"
CODES, BIAS = "text_metric_codes", "text_bias"
SAMPLED = 16_384
"""Largest number of rows of which the principal components are computed."""


def metric_codes(rows: Tensor, dim: int) -> Tensor:
    """Return unit codes float32 "V dim" of rows "V D": the centred rows in the basis of their first
    `dim` principal components (computed from up to 16384 rows)."""
    some = rows[:: max(1, len(rows) // SAMPLED)].float()
    mean = some.mean(0)
    _, directions = torch.linalg.eigh((some - mean).T @ (some - mean))
    main = directions[:, -dim:].flip(1)
    coded = torch.cat([(part.float() - mean) @ main for part in rows.split(SAMPLED)])
    return F.normalize(coded, dim=-1)


def adopted(config: OmniConfig, source: HfFolder, rows: int) -> OmniConfig:
    """Return our config with the settings of a source of this architecture. rows: the text rows
    that it must have.

    Raises: ValueError where its sizes, attention or activation differ.
    """
    ours, theirs = config.backbone, with_head_dim(source)
    sizes = {
        "hidden_size": ours.width,
        "num_hidden_layers": ours.layers,
        "num_attention_heads": ours.heads,
        "num_key_value_heads": ours.kv_heads,
        "head_dim": ours.head_dim,
        "intermediate_size": ours.mlp_width,
        "vocab_size": rows,
    }
    agree(source, theirs, sizes, config.name)
    theta = rope_theta(source)
    headless = source.architecture in ("Qwen2Model", "LlamaModel")
    tied = bool(theirs.get("tie_word_embeddings")) or headless
    backbone = replace(
        ours,
        rope_theta=theta,
        norm_eps=float(theirs.get("rms_norm_eps", 1e-6)),
        shift_text=True,
    )
    return replace(config, backbone=backbone, text_tied=tied)


def _fits(config: OmniConfig) -> bool:
    return config.backbone.qkv_bias and not config.backbone.qk_norm


def _adopted(config: OmniConfig, source: HfFolder) -> OmniConfig:
    found = adopted(config, source, config.text_vocabulary)
    if not _fits(config):
        raise ValueError(f"{config.name} has other attention than Qwen2: choose another --preset")
    return found


def with_head_dim(source: HfFolder) -> dict[str, Any]:
    """Return the source's config with head_dim, which is derived where it is absent.

    Raises: ValueError where a size is no number.
    """
    numbers(source, ("hidden_size", "num_attention_heads", "head_dim"), ("rope_theta",))
    theirs = dict(source.config)
    if theirs.get("head_dim") is None and theirs.get("num_attention_heads"):
        theirs["head_dim"] = theirs.get("hidden_size", 0) // theirs["num_attention_heads"]
    return theirs


def rope_theta(source: HfFolder) -> float:
    """Return the RoPE base of a source with the architecture of Qwen2 or Llama.

    Raises: ValueError where its attention or activation differs from our backbone's.
    """
    theirs = source.config
    rope = theirs.get("rope_parameters") or {}
    scaled = theirs.get("rope_scaling") or rope
    if scaled.get("rope_type", scaled.get("type", "default")) != "default":
        raise ValueError(f"{source.folder} stretches its positions (rope), which is not supported")
    if theirs.get("use_sliding_window"):
        raise ValueError(f"{source.folder} attends in a sliding window, which is not supported")
    if theirs.get("hidden_act", "silu") != "silu":
        raise ValueError(f"{source.folder} does not activate with silu, as Qwen2 and Llama do")
    theta = rope.get("rope_theta", theirs.get("rope_theta"))
    if theta is None:
        raise ValueError(f"{source.folder}/config.json does not say rope_theta: fetch it again")
    return float(theta)


def place_of(name: str, config: OmniConfig) -> str | None:
    """Return our name for a tensor of Qwen2 or Llama."""
    if name == "lm_head.weight":
        return UNUSED if config.text_tied else HEAD
    inner = name.removeprefix("model.")
    if inner == "embed_tokens.weight":
        return ROWS
    if inner.endswith("rotary_emb.inv_freq"):
        return UNUSED
    return f"backbone.{inner}" if inner.startswith(("layers.", "norm.")) else None


def turned(name: str, tensor: Tensor, config: OmniConfig, exchange: Exchange) -> dict[str, Tensor]:
    """Reorder the rows of embedding and head; compute metric codes and a zero bias from the
    embedding."""
    if name not in (ROWS, HEAD):
        return {name: tensor}
    rows = exchange.rows(tensor)
    if name == HEAD:
        return {name: rows}
    zeros = torch.zeros(config.text_vocabulary, dtype=torch.float16)
    return {name: rows, CODES: metric_codes(rows, config.text_metric_dim).half(), BIAS: zeros}


QWEN = Layout(
    kind="qwen",
    what="Qwen2 or Qwen2.5 language model",
    model_types=("qwen2",),
    fills=("backbone.", "embeddings.text.", "text_head."),
    adopted=_adopted,
    place_of=place_of,
    fits=_fits,
    makes=(CODES, BIAS),
    words=True,
    turned=turned,
)
