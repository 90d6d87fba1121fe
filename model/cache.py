"""Features of a layer that hardly changed are used again: the adaptive cache of diffusion models.

Every layer keeps its keys, values, attention output and MLP output. A later call recomputes the
positions that are due and, of the others, those whose new value vector has turned furthest from the
kept one. Attention is bidirectional, so a kept feature is an approximation; only where everything
is due nothing is approximated. Sources: Luo et al. 2025 (arXiv:2510.13721), Section 2.3; Liu et al.
2025 (dLLM-Cache, arXiv:2506.06295), Section 3. Owns: what a layer keeps, and which positions it
recomputes. Does not own: when what is due (`engine.cache`).
"""

from dataclasses import dataclass, field

import torch
import torch.nn.functional as F
from torch import Tensor

from model.attention import attend
from model.backbone import Backbone, attention_mask
from model.layers import Block, rotate

BUCKET = 64


@dataclass
class KeptLayer:
    """keys, values "B kv_heads L head_dim"; attended, mlp "B L width": the two residual terms."""

    keys: Tensor
    values: Tensor
    attended: Tensor
    mlp: Tensor


@dataclass
class FeatureCache:
    """What a backbone keeps between the calls of one generation. evaluated: how many positions
    each layer recomputed in the last call."""

    layers: list[KeptLayer] = field(default_factory=list)
    evaluated: list[int] = field(default_factory=list)


def cached_features(
    backbone: Backbone,
    x: Tensor,
    valid: Tensor,
    cache: FeatureCache,
    due: Tensor,
    free: Tensor,
    num_free: int,
) -> Tensor:
    """Features "B L width" of embedded positions x "B L width", as `Backbone.forward` gives them.

    due: bool "B L", positions that every layer recomputes. free: bool "B L", positions of which
    each layer recomputes as many more as make up `num_free` together with those that are due and
    free. With everything due, or an empty cache, the result is exact and equal bit for bit.
    """
    positions = (valid.long().cumsum(1) - 1).clamp(min=0)
    rotary = backbone.rotary(positions)
    cache.evaluated = []
    if not cache.layers or bool(due.all()):
        mask = attention_mask(valid, causal=False)
        cache.layers = []
        for layer in backbone.layers:
            assert isinstance(layer, Block)
            x, kept = _whole(layer, x, rotary, mask)
            cache.layers.append(kept)
            cache.evaluated.append(x.shape[1])
        return backbone.norm(x)
    wanted = (due & ~free).sum(1) + (due & free).sum(1).clamp(min=num_free)
    num = _in_buckets(int(wanted.max()), x)
    for layer, kept in zip(backbone.layers, cache.layers, strict=True):
        assert isinstance(layer, Block)
        x = _part(layer, x, rotary, valid, kept, (due, free), num)
        cache.evaluated.append(num)
    return backbone.norm(x)


def _in_buckets(num: int, x: Tensor) -> int:
    """On a GPU a multiple of `BUCKET` positions: below it they cost the same, and shapes recur."""
    return min(x.shape[1], -(-num // BUCKET) * BUCKET) if x.is_cuda else num


def _whole(
    layer: Block, x: Tensor, rotary: tuple[Tensor, Tensor], mask: Tensor | None
) -> tuple[Tensor, KeptLayer]:
    attended, (keys, values) = layer.self_attn(layer.input_layernorm(x), rotary, mask)
    x = x + attended
    mlp = layer.mlp(layer.post_attention_layernorm(x))
    return x + mlp, KeptLayer(keys, values, attended, mlp)


def _part(
    layer: Block,
    x: Tensor,
    rotary: tuple[Tensor, Tensor],
    valid: Tensor,
    kept: KeptLayer,
    choice: tuple[Tensor, Tensor],
    num: int,
) -> Tensor:
    """The layer's output with `num` positions recomputed in every row; `kept` is brought up to
    date."""
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
    kept.keys = kept.keys.scatter(2, rows, rotate(keys, cos, sin))
    kept.values = kept.values.scatter(2, rows, values.gather(2, rows))
    mask = None
    if not bool(valid.all()):
        own = torch.arange(x.shape[1], device=x.device) == index[..., None]
        mask = (valid[:, None] | own)[:, None]
    found = attend(queries, kept.keys, kept.values, mask, attention.backend)
    fresh = attention.o_proj(found.transpose(1, 2).flatten(2))
    kept.attended = kept.attended.scatter(1, _spread(index, x), fresh)
    x = x + kept.attended
    mlp = layer.mlp(layer.post_attention_layernorm(_take(x, index)))
    kept.mlp = kept.mlp.scatter(1, _spread(index, x), mlp)
    return x + kept.mlp


def _chosen(kept: Tensor, values: Tensor, due: Tensor, free: Tensor, num: int) -> Tensor:
    """Positions "B num" to recompute: those that are due, then the free ones that turned most."""
    turned = 1 - F.cosine_similarity(
        kept.transpose(1, 2).flatten(2), values.transpose(1, 2).flatten(2), dim=-1
    )
    urgency = torch.where(free, turned, -torch.inf).masked_fill(due, torch.inf)
    return urgency.topk(num, dim=1).indices.sort(dim=1).values


def _take(x: Tensor, index: Tensor) -> Tensor:
    """x[b, index[b]] "B num width"."""
    return x.gather(1, _spread(index, x))


def _spread(index: Tensor, like: Tensor) -> Tensor:
    """The index "... num" with the width of `like` as its last axis and its leading axes."""
    shape = (*like.shape[:-2], index.shape[-1], like.shape[-1])
    return index[..., None].expand(shape)
