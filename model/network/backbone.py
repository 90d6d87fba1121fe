"""The backbone: a Qwen2-shaped transformer, bidirectional by default, causal on request.

Layers may be on several devices (`model.loading.pipeline_split`); a layer's inputs are moved to its
device. With the same weights and a causal mask it equals transformers' Qwen2Model. Source: Qwen2.5
technical report (arXiv:2412.15115); Luo et al. 2025 (arXiv:2510.13721), Section 2.2.
"""

from collections import Counter
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from model.config import BackboneConfig
from model.layers.attention import AttentionBackend, AttentionWay, attention_way
from model.layers.packing import Packing
from model.layers.transformer import Block, KVCacheSlots, RotaryTable


@dataclass(frozen=True)
class CausalCache:
    """The cache of a causal run over L positions, written in place. valid: bool "B L", positions
    that were read and exist. layers: keys and values "B kv_heads L head_dim" of each layer."""

    valid: Tensor
    layers: list[tuple[Tensor, Tensor]]


class Backbone(nn.Module):
    """ "B L width" -> "B L width"."""

    def __init__(self, config: BackboneConfig) -> None:
        super().__init__()
        self.layers = nn.ModuleList(
            Block(
                config.width,
                config.heads,
                config.mlp_width,
                kv_heads=config.kv_heads,
                head_dim=config.head_dim,
                bias=config.qkv_bias,
                qk_norm=config.qk_norm,
                eps=config.norm_eps,
            )
            for _ in range(config.layers)
        )
        self.norm = nn.RMSNorm(config.width, config.norm_eps)
        self.rotary = RotaryTable(config.head_dim, config.rope_theta)

    def forward(
        self,
        x: Tensor,
        valid: Tensor,
        *,
        causal: bool = False,
        padded: bool | None = None,
        positions: Tensor | None = None,
        behind: int | None = None,
    ) -> Tensor:
        """Compute the features of x "B L width".

        valid: bool "B L", positions that exist; only these are counted and attended. padded: True
        where a position does not exist; None to check. positions: int64 "B L" for a part of a
        longer sequence; None for `positions(valid)`. behind: index of a layer after which to stop
        and return its output without the final norm.
        """
        positions = self.positions(valid) if positions is None else positions
        padded = not bool(valid.all()) if padded is None else padded
        packing: Packing | None = None
        mask: Tensor | Packing | None = None
        match attention_way(self.backend, causal=causal, padded=padded):
            case AttentionWay.PACKED:
                mask = packing = Packing.of(valid, causal=causal)
                x, positions = packing.pack(x), packing.pack(positions)
            case AttentionWay.MASK:
                mask = attention_mask(valid, causal=causal, padded=padded)
            case AttentionWay.FULL:
                pass
        cos, sin = self.rotary(positions)
        for number, layer in enumerate(self.layers):
            x, cos, sin, mask = brought_to(layer, x, cos, sin, mask)
            x, _ = layer(x, (cos, sin), mask)
            if number == behind:
                return x if packing is None else packing.to(x.device).unpack(x)
        x = self.finished(x)
        return x if packing is None else packing.unpack(x)

    @property
    def backend(self) -> AttentionBackend:
        """The attention backend of every layer."""
        first = self.layers[0]
        assert isinstance(first, Block)
        return first.self_attn.backend

    def finished(self, x: Tensor) -> Tensor:
        """Apply the final norm to the last layer's output "B L width", on the first device."""
        return self.norm(x.to(self.norm.weight.device))

    def layers_on(self) -> dict[str, int]:
        """Return the number of layers on each device, in order."""
        return dict(Counter(map(str, self.devices())))

    def devices(self) -> list[torch.device]:
        """Return the device of each layer."""
        return [device_of(layer) for layer in self.layers]

    @staticmethod
    def positions(valid: Tensor) -> Tensor:
        """Return int64 "B L": the index of each position among the valid ones."""
        return (valid.long().cumsum(1) - 1).clamp(min=0)

    def causal_cache(self, batch: int, length: int) -> CausalCache:
        """Allocate a cache for `length` positions."""
        weight = self.norm.weight
        valid = torch.zeros(batch, length, dtype=torch.bool, device=weight.device)
        rooms: list[tuple[Tensor, Tensor]] = []
        for layer in self.layers:
            assert isinstance(layer, Block)
            attention = layer.self_attn
            shape = (batch, attention.kv_heads, length, attention.head_dim)
            keys = torch.zeros(shape, dtype=weight.dtype, device=device_of(layer))
            rooms.append((keys, torch.zeros_like(keys)))
        return CausalCache(valid, rooms)

    def extend(self, x: Tensor, valid: Tensor, places: Tensor, cache: CausalCache) -> Tensor:
        """Return causal features of positions "B L width" at `places`, int64 "L".

        They follow the positions in the cache and are written to it; the result equals that of one
        causal pass over all. Shapes depend on L only and nothing is read back from the device, so a
        call with one position can be recorded as a CUDA graph.
        """
        cache.valid.index_copy_(1, places, valid)
        positions = self.positions(cache.valid).index_select(1, places)
        cos, sin = self.rotary(positions)
        every = torch.arange(cache.valid.shape[1], device=places.device)
        seen = cache.valid[:, None, None] & (every <= places[:, None])
        mask = seen | (every == places[:, None])
        for layer, (keys, values) in zip(self.layers, cache.layers, strict=True):
            x, cos, sin, mask, places = brought_to(layer, x, cos, sin, mask, places)
            x, _ = layer(x, (cos, sin), mask, KVCacheSlots(keys, values, places))
        return self.finished(x)


def device_of(layer: nn.Module) -> torch.device:
    """Return the device of a layer."""
    assert isinstance(layer, Block)
    return layer.input_layernorm.weight.device


def brought_to(layer: nn.Module, *entering: Tensor | Packing | None) -> tuple[Any, ...]:
    """Move a layer's inputs to its device; None stays None."""
    device = device_of(layer)
    return tuple(None if x is None else x.to(device) for x in entering)


def attention_mask(valid: Tensor, *, causal: bool, padded: bool | None = None) -> Tensor | None:
    """Return bool "B 1 L L", True = attend, or None where all positions attend to all. Each
    position attends to itself. padded: True where a position does not exist; None to check."""
    if not causal and not (not bool(valid.all()) if padded is None else padded):
        return None
    length = valid.shape[1]
    mask = valid[:, None, None, :].expand(-1, 1, length, -1)
    if causal:
        mask = mask & torch.ones(length, length, dtype=torch.bool, device=valid.device).tril()
    return mask | torch.eye(length, dtype=torch.bool, device=valid.device)
