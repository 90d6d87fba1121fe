"""Attention with the fastest implementation available: FlashAttention, torch's, or plain products.

Chosen once at load (`model.loading.placement`). Owns: `AttentionBackend`, `attend`, `best_backend`.
Does not own: projections and rotary positions (`model.layers.transformer`).
"""

from enum import StrEnum
from importlib.util import find_spec

import torch
import torch.nn.functional as F
from torch import Tensor


class AttentionBackend(StrEnum):
    """FLASH_3: the package flash_attn_interface (Hopper). FLASH_2: flash_attn. SDPA: torch's
    scaled_dot_product_attention. EAGER: softmax(q k^T) v, the reference of the others."""

    FLASH_3 = "flash_3"
    FLASH_2 = "flash_2"
    SDPA = "sdpa"
    EAGER = "eager"


HALF = (torch.float16, torch.bfloat16)
HOPPER, AMPERE = (9, 0), (8, 0)


def best_backend(device: torch.device, dtype: torch.dtype) -> AttentionBackend:
    """Return the fastest installed backend for that device and dtype. FlashAttention needs CUDA and
    half precision."""
    if device.type != "cuda" or dtype not in HALF:
        return AttentionBackend.SDPA
    capability = torch.cuda.get_device_capability(device)
    if capability[0] == HOPPER[0] and find_spec("flash_attn_interface") is not None:
        return AttentionBackend.FLASH_3
    if capability >= AMPERE and find_spec("flash_attn") is not None:
        return AttentionBackend.FLASH_2
    return AttentionBackend.SDPA


def attend(
    q: Tensor, k: Tensor, v: Tensor, mask: Tensor | None, backend: AttentionBackend
) -> Tensor:
    """Compute softmax(q k^T / sqrt(head_dim)) v.

    q: "B H L head_dim". k, v: "B kv_heads L' head_dim", each shared by H / kv_heads consecutive
    heads. mask: bool, broadcast to "B H L L'", True = attend; None for all. Calls with a mask use
    torch's attention, since FlashAttention takes none. Returns "B H L head_dim".
    """
    match backend:
        case AttentionBackend.FLASH_3 if mask is None:
            from flash_attn_interface import (  # pyright: ignore[reportMissingImports]
                flash_attn_func,
            )

            return _flash(flash_attn_func, q, k, v)
        case AttentionBackend.FLASH_2 if mask is None:
            from flash_attn import flash_attn_func  # pyright: ignore[reportMissingImports]

            return _flash(flash_attn_func, q, k, v)
        case AttentionBackend.EAGER:
            k, v = _widened(q, k), _widened(q, v)
            scores = (q @ k.transpose(-1, -2)).float() * q.shape[-1] ** -0.5
            if mask is not None:
                scores = scores.masked_fill(~mask, -torch.inf)
            return scores.softmax(-1).to(v.dtype) @ v
        case _ if q.is_cuda:
            shared = q.shape[1] != k.shape[1]
            return F.scaled_dot_product_attention(q, k, v, attn_mask=mask, enable_gqa=shared)
        case _:
            return F.scaled_dot_product_attention(q, _widened(q, k), _widened(q, v), attn_mask=mask)


def _flash(function: object, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    """Call FlashAttention, whose layout is "B L H head_dim"; some versions return a pair."""
    assert callable(function)
    found = function(q.transpose(1, 2), k.transpose(1, 2), v.transpose(1, 2))
    out = found[0] if isinstance(found, tuple) else found
    assert isinstance(out, Tensor)
    return out.transpose(1, 2)


def _widened(q: Tensor, shared: Tensor) -> Tensor:
    """Repeat keys or values for each query head."""
    groups = q.shape[1] // shared.shape[1]
    return shared if groups == 1 else shared.repeat_interleave(groups, 1)
