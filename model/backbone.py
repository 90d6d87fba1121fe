"""The backbone: a Qwen2-shaped transformer, bidirectional by default, causal on request.

With the same weights and a causal mask it equals transformers' Qwen2Model. Source: Qwen2.5
technical report (arXiv:2412.15115); Luo et al. 2025 (arXiv:2510.13721), Section 2.2.
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from model.config import BackboneConfig
from model.layers import Block, RotaryTable


@dataclass(frozen=True)
class Kept:
    """A causal run so far: which positions exist, bool "B L", and each layer's keys and values."""

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

    def forward(self, x: Tensor, valid: Tensor, *, causal: bool = False) -> Tensor:
        """x "B L width"; valid bool "B L": positions that exist. Only they are counted and
        attended."""
        positions = (valid.long().cumsum(1) - 1).clamp(min=0)
        rotary = self.rotary(positions)
        mask = attention_mask(valid, causal=causal)
        for layer in self.layers:
            x, _ = layer(x, rotary, mask)
        return self.norm(x)

    def extend(self, x: Tensor, valid: Tensor, past: "Kept | None") -> tuple[Tensor, "Kept"]:
        """Causal features of positions "B L width" that follow those of `past`, and everything that
        the next ones need; equal to the last L of one causal pass over all."""
        before = 0 if past is None else past.valid.shape[1]
        everything = valid if past is None else torch.cat([past.valid, valid], 1)
        positions = (everything.long().cumsum(1) - 1).clamp(min=0)[:, before:]
        rotary = self.rotary(positions)
        mask = attention_mask(everything, causal=True)
        assert mask is not None
        kept: list[tuple[Tensor, Tensor]] = []
        for i, layer in enumerate(self.layers):
            x, present = layer(
                x, rotary, mask[:, :, before:], None if past is None else past.layers[i]
            )
            kept.append(present)
        return self.norm(x), Kept(everything, kept)


def attention_mask(valid: Tensor, *, causal: bool) -> Tensor | None:
    """bool "B 1 L L", True = may look, or None where everybody sees everybody. Each position sees
    itself."""
    if not causal and bool(valid.all()):
        return None
    length = valid.shape[1]
    mask = valid[:, None, None, :].expand(-1, 1, length, -1)
    if causal:
        mask = mask & torch.ones(length, length, dtype=torch.bool, device=valid.device).tril()
    return mask | torch.eye(length, dtype=torch.bool, device=valid.device)
