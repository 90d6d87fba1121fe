"""Parts of the transformers: rotary positions, grouped-query attention, SwiGLU.

Equal to transformers' Qwen2Model with the same weights (see tests). One addition, `qk_norm`, is off
for published checkpoints. Axes: B batch, L positions, D width, H heads.
"""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from model.layers.attention import AttentionBackend, attend
from model.layers.packing import Packing


class RotaryTable(nn.Module):
    """cos and sin of positions: int64 "B L" -> two float32 "B 1 L head_dim"."""

    inverse: Tensor

    def __init__(self, head_dim: int, theta: float) -> None:
        super().__init__()
        inverse = theta ** (-torch.arange(0, head_dim, 2, dtype=torch.float32) / head_dim)
        self.register_buffer("inverse", inverse, persistent=False)

    def forward(self, positions: Tensor) -> tuple[Tensor, Tensor]:
        angles = positions[..., None].float() * self.inverse
        angles = torch.cat([angles, angles], -1)[:, None]
        return angles.cos(), angles.sin()


def rotate(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    """Rotate x "B H L head_dim" by its positions' angles (half-split layout), in float32."""
    first, second = x.chunk(2, -1)
    return (x * cos + torch.cat([-second, first], -1) * sin).to(x.dtype)


@dataclass(frozen=True)
class KVCacheSlots:
    """A preallocated key-value cache "B kv_heads L head_dim", written at `places`, int64 "L'"."""

    keys: Tensor
    values: Tensor
    places: Tensor

    def extended(self, k: Tensor, v: Tensor) -> tuple[Tensor, Tensor]:
        """Write k and v at their places; return all keys and values."""
        return self.keys.index_copy_(2, self.places, k), self.values.index_copy_(2, self.places, v)


Past = tuple[Tensor, Tensor] | KVCacheSlots
"""Keys and values of other positions: a tuple to prepend, or a cache to write into."""


class Attention(nn.Module):
    """Grouped-query attention. mask: bool "B 1 L L" (True = attend), rows that are packed, or None
    for all."""

    def __init__(
        self,
        width: int,
        heads: int,
        kv_heads: int,
        head_dim: int,
        bias: bool,
        qk_norm: bool,
        eps: float,
    ) -> None:
        super().__init__()
        self.backend = AttentionBackend.SDPA
        self.heads, self.kv_heads, self.head_dim = heads, kv_heads, head_dim
        self.q_proj = nn.Linear(width, heads * head_dim, bias=bias)
        self.k_proj = nn.Linear(width, kv_heads * head_dim, bias=bias)
        self.v_proj = nn.Linear(width, kv_heads * head_dim, bias=bias)
        self.o_proj = nn.Linear(heads * head_dim, width, bias=False)
        self.q_norm = nn.RMSNorm(head_dim, eps) if qk_norm else nn.Identity()
        self.k_norm = nn.RMSNorm(head_dim, eps) if qk_norm else nn.Identity()

    def forward(
        self,
        x: Tensor,
        rotary: tuple[Tensor, Tensor] | None = None,
        mask: Tensor | Packing | None = None,
        past: Past | None = None,
    ) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        """Compute x "B L D" -> ("B L D", (keys, values) "B kv_heads L' head_dim", with the
        past)."""
        q = self.q_norm(self.split(self.q_proj(x), self.heads))
        k = self.k_norm(self.split(self.k_proj(x), self.kv_heads))
        v = self.split(self.v_proj(x), self.kv_heads)
        if rotary is not None:
            q, k = rotate(q, *rotary), rotate(k, *rotary)
        if isinstance(past, KVCacheSlots):
            k, v = past.extended(k, v)
        elif past is not None:
            k, v = torch.cat([past[0], k], 2), torch.cat([past[1], v], 2)
        out = attend(q, k, v, mask, self.backend)
        return self.o_proj(out.transpose(1, 2).flatten(2)), (k, v)

    def split(self, x: Tensor, heads: int) -> Tensor:
        """ "B L heads*head_dim" -> "B heads L head_dim"."""
        return x.unflatten(-1, (heads, self.head_dim)).transpose(1, 2)


class SwiGLU(nn.Module):
    """down(silu(gate(x)) * up(x))."""

    def __init__(self, width: int, hidden: int) -> None:
        super().__init__()
        self.gate_proj = nn.Linear(width, hidden, bias=False)
        self.up_proj = nn.Linear(width, hidden, bias=False)
        self.down_proj = nn.Linear(hidden, width, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        return self.down_proj(F.silu(self.gate_proj(x)) * self.up_proj(x))


class Block(nn.Module):
    """Pre-norm attention and SwiGLU with residuals."""

    def __init__(
        self,
        width: int,
        heads: int,
        mlp_width: int,
        *,
        kv_heads: int | None = None,
        head_dim: int | None = None,
        bias: bool = False,
        qk_norm: bool = True,
        eps: float = 1e-6,
    ) -> None:
        super().__init__()
        self.input_layernorm = nn.RMSNorm(width, eps)
        self.self_attn = Attention(
            width, heads, kv_heads or heads, head_dim or width // heads, bias, qk_norm, eps
        )
        self.post_attention_layernorm = nn.RMSNorm(width, eps)
        self.mlp = SwiGLU(width, mlp_width)

    def forward(
        self,
        x: Tensor,
        rotary: tuple[Tensor, Tensor] | None = None,
        mask: Tensor | Packing | None = None,
        past: Past | None = None,
    ) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        attended, present = self.self_attn(self.input_layernorm(x), rotary, mask, past)
        x = x + attended
        return x + self.mlp(self.post_attention_layernorm(x)), present


def initialise(module: nn.Module, std: float = 0.02) -> None:
    """Initialise in place: Normal(0, std) for matrices, zero for biases; output projections are
    scaled down by depth."""
    depth = sum(isinstance(m, Block) for m in module.modules()) or 1
    for name, parameter in module.named_parameters():
        if parameter.ndim >= 2 and "codebook" not in name:
            scale = (
                (2 * depth) ** -0.5 if name.endswith(("o_proj.weight", "down_proj.weight")) else 1.0
            )
            if parameter.ndim == 2:
                nn.init.normal_(parameter, std=std * scale)
        elif name.endswith("bias"):
            nn.init.zeros_(parameter)
