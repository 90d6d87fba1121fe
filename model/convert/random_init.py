"""Random tensors of a model, one layer at a time, for the parts that no source has filled yet.

Same distribution as in a new `OmniModel`, without its memory. Owns: `fresh_tensors`.
"""

from collections.abc import Iterator
from dataclasses import replace

import torch
from torch import Tensor

from flow.modality import Modality, TokenSpace
from model.config import OmniConfig
from model.layers.time_embedding import TimeEmbedding
from model.layers.transformer import Block, initialise
from model.network.omni import OmniModel

SEED = 0
DURATIONS = "embeddings.pace.duration"
FEWEST = 2
"""Smallest vocabulary of a text space."""


def fresh_tensors(config: OmniConfig, wanted: set[str]) -> Iterator[tuple[str, Tensor]]:
    """Yield name and float16 tensor of each wanted name; deterministic."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(SEED)
        bare = _bare(config, words="embeddings.text.weight" in wanted)
        for name, tensor in bare.state_dict().items():
            if name in wanted and not name.startswith("backbone.layers."):
                yield name, (_durations(config) if name == DURATIONS else tensor).half()
        depth = sum(
            isinstance(m, Block) for n, m in bare.named_modules() if not n.startswith("vision.")
        )
        for layer in range(config.backbone.layers):
            prefix = f"backbone.layers.{layer}."
            if any(name.startswith(prefix) for name in wanted):
                for name, tensor in _layer(config, depth).items():
                    if prefix + name in wanted:
                        yield prefix + name, tensor.half()


def _durations(config: OmniConfig) -> Tensor:
    """Return the initial token durations of `TimeEmbedding`, equal for all tokens."""
    return TimeEmbedding(config.text_vocabulary, 1).duration


def _bare(config: OmniConfig, *, words: bool) -> OmniModel:
    """Build the model with layers of minimal size; without text rows unless they are wanted."""
    thin = replace(config.backbone, heads=1, kv_heads=1, head_dim=2, mlp_width=1)
    rows = config.text_vocabulary if words else FEWEST
    space = TokenSpace(Modality.TEXT, 1, rows)
    return OmniModel(replace(config, backbone=thin, text_vocabulary=rows), space)


def _layer(config: OmniConfig, depth: int) -> dict[str, Tensor]:
    """Initialise a backbone layer of a model with `depth` layers, as `initialise` does."""
    shape = config.backbone
    block = Block(
        shape.width,
        shape.heads,
        shape.mlp_width,
        kv_heads=shape.kv_heads,
        head_dim=shape.head_dim,
        bias=shape.qkv_bias,
        qk_norm=shape.qk_norm,
        eps=shape.norm_eps,
    )
    initialise(block)
    with torch.no_grad():
        block.self_attn.o_proj.weight.mul_(depth**-0.5)
        block.mlp.down_proj.weight.mul_(depth**-0.5)
    return block.state_dict()
