"""The adaptive feature cache of diffusion language models: reuse of features that hardly changed.

Each layer keeps its keys, values, attention output and MLP output. A later call recomputes the due
positions, and of the free ones those whose value vector has the lowest cosine similarity to the
kept one. Attention is bidirectional, so kept features are approximate unless all positions are due.
Sources: Luo et al. 2025 (arXiv:2510.13721), Section 2.3; Liu et al. 2025 (dLLM-Cache,
arXiv:2506.06295), Section 3. Owns: the kept features of a layer, and the choice of positions. Does
not own: when positions are due (`engine.denoisers.cache`).
"""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from model.layers.attention import attend
from model.layers.transformer import Block, rotate
from model.network.backbone import Backbone, attention_mask, brought_to

BUCKET = 64
"""Multiple to which the number of recomputed positions is rounded up on a GPU, where fewer cost the
same."""


@dataclass(frozen=True)
class KeptLayer:
    """Kept features of a layer, written in place. keys, values: "B kv_heads L head_dim". attended,
    mlp: "B L width", the two residual terms."""

    keys: Tensor
    values: Tensor
    attended: Tensor
    mlp: Tensor

    @classmethod
    def empty(cls, layer: Block, batch: int, length: int) -> "KeptLayer":
        """Allocate the features of a sequence."""
        attention, weight = layer.self_attn, layer.input_layernorm.weight
        shape = (batch, attention.kv_heads, length, attention.head_dim)
        wide = (batch, length, len(weight))
        return cls(*(weight.new_zeros(s) for s in (shape, shape, wide, wide)))

    def tensors(self) -> tuple[Tensor, ...]:
        return (self.keys, self.values, self.attended, self.mlp)


def empty_cache(backbone: Backbone, batch: int, length: int) -> list[KeptLayer]:
    """Allocate the cache of a backbone for one generation."""
    return [KeptLayer.empty(_block(layer), batch, length) for layer in backbone.layers]


def whole_features(
    backbone: Backbone, x: Tensor, valid: Tensor, cache: list[KeptLayer], *, padded: bool | None
) -> Tensor:
    """Return the features "B L width" of all embedded positions x "B L width" and fill the cache.
    Equal bit for bit to `Backbone.forward`. padded: see `attention_mask`."""
    positions = (valid.long().cumsum(1) - 1).clamp(min=0)
    cos, sin = backbone.rotary(positions)
    mask = attention_mask(valid, causal=False, padded=padded)
    for module, kept in zip(backbone.layers, cache, strict=True):
        layer = _block(module)
        x, cos, sin, mask = brought_to(layer, x, cos, sin, mask)
        attended, (keys, values) = layer.self_attn(layer.input_layernorm(x), (cos, sin), mask)
        x = x + attended
        mlp = layer.mlp(layer.post_attention_layernorm(x))
        x = x + mlp
        for room, fresh in zip(kept.tensors(), (keys, values, attended, mlp), strict=True):
            room.copy_(fresh)
    return backbone.finished(x)


def cached_features(
    backbone: Backbone,
    x: Tensor,
    valid: Tensor,
    cache: list[KeptLayer],
    due: Tensor,
    free: Tensor,
    num: int,
    *,
    padded: bool | None = None,
) -> Tensor:
    """Return the features "B L width" with `num` positions of every row recomputed by each layer.

    due: bool "B L", positions that every layer recomputes. free: bool "B L", positions of which
    each layer recomputes those that changed most, up to `num` in all; see `num_wanted`. Shapes
    depend on `num` only, and no result is read back from the device.
    """
    positions = (valid.long().cumsum(1) - 1).clamp(min=0)
    cos, sin = backbone.rotary(positions)
    for module, kept in zip(backbone.layers, cache, strict=True):
        layer = _block(module)
        x, cos, sin, valid, due, free = brought_to(layer, x, cos, sin, valid, due, free)
        x = _part(layer, x, (cos, sin), valid, kept, (due, free), num, padded=padded)
    return backbone.finished(x)


def num_wanted(due: Tensor, free: Tensor, num_free: Tensor) -> Tensor:
    """Return the number of positions to recompute a row, a scalar: all due ones and at least
    `num_free` free ones in every row."""
    wanted = (due & ~free).sum(1) + torch.maximum((due & free).sum(1), num_free)
    return wanted.max()


def bucketed(num: int, length: int, device: torch.device) -> int:
    """Return how many positions are recomputed where `num` of a row of `length` must be: on a GPU a
    multiple of `BUCKET`."""
    return min(length, -(-num // BUCKET) * BUCKET) if device.type == "cuda" else num


def _part(
    layer: Block,
    x: Tensor,
    rotary: tuple[Tensor, Tensor],
    valid: Tensor,
    kept: KeptLayer,
    choice: tuple[Tensor, Tensor],
    num: int,
    *,
    padded: bool | None,
) -> Tensor:
    """Return the layer's output with `num` positions of every row recomputed, and update `kept`."""
    attention = layer.self_attn
    normed = layer.input_layernorm(x)
    values = attention.split(attention.v_proj(normed), attention.kv_heads)
    index = _chosen(kept.values, values, *choice, num)
    some = _take(normed, index)
    cos, sin = (r.gather(2, _spread(index[:, None], r)) for r in rotary)
    queries = rotate(
        attention.q_norm(attention.split(attention.q_proj(some), attention.heads)), cos, sin
    )
    keys = attention.k_norm(attention.split(attention.k_proj(some), attention.kv_heads))
    rows = _spread(index[:, None], kept.keys)
    kept.keys.scatter_(2, rows, rotate(keys, cos, sin))
    kept.values.scatter_(2, rows, values.gather(2, rows))
    mask = None
    if not bool(valid.all()) if padded is None else padded:
        own = torch.arange(x.shape[1], device=x.device) == index[..., None]
        mask = (valid[:, None] | own)[:, None]
    found = attend(queries, kept.keys, kept.values, mask, attention.backend)
    fresh = attention.o_proj(found.transpose(1, 2).flatten(2))
    kept.attended.scatter_(1, _spread(index, x), fresh)
    x = x + kept.attended
    mlp = layer.mlp(layer.post_attention_layernorm(_take(x, index)))
    kept.mlp.scatter_(1, _spread(index, x), mlp)
    return x + kept.mlp


def _chosen(kept: Tensor, values: Tensor, due: Tensor, free: Tensor, num: int) -> Tensor:
    """Return the positions "B num" to recompute: due ones, then free ones by change of value
    vector."""
    turned = 1 - F.cosine_similarity(
        kept.transpose(1, 2).flatten(2), values.transpose(1, 2).flatten(2), dim=-1
    )
    urgency = torch.where(free, turned, -torch.inf).masked_fill(due, torch.inf)
    return urgency.topk(num, dim=1).indices.sort(dim=1).values


def _take(x: Tensor, index: Tensor) -> Tensor:
    """Return x[b, index[b]], "B num width"."""
    return x.gather(1, _spread(index, x))


def _spread(index: Tensor, like: Tensor) -> Tensor:
    """Expand the index "... num" by the leading axes and the last axis of `like`."""
    shape = (*like.shape[:-2], index.shape[-1], like.shape[-1])
    return index[..., None].expand(shape)


def _block(layer: nn.Module) -> Block:
    assert isinstance(layer, Block)
    return layer
