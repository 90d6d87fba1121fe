"""Attention with the fastest implementation available: FlashAttention, torch's, or plain products.

The backend is chosen once at load (`model.loading.placement`), the way of a call by its shape
(`attention_way`). Owns: `AttentionBackend`, `best_backend`, `AttentionWay`, `attention_way`,
`attend`. Does not own: projections and rotary positions (`model.layers.transformer`), packed rows
(`model.layers.packing`).
"""

from collections.abc import Callable
from enum import StrEnum
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from inspect import signature
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from model.layers.packing import Packing


class AttentionBackend(StrEnum):
    """FLASH_3: the package flash_attn_interface (Hopper). FLASH_2: flash_attn. TORCH_FLASH: the
    FlashAttention inside torch. SDPA: torch's scaled_dot_product_attention with its own choice of a
    kernel. EAGER: softmax(q k^T) v, the reference of the others."""

    FLASH_3 = "flash_3"
    FLASH_2 = "flash_2"
    TORCH_FLASH = "torch_flash"
    SDPA = "sdpa"
    EAGER = "eager"


class AttentionWay(StrEnum):
    """FULL: all positions attend to all, without a mask. PACKED: the positions that exist lie one
    row after the other, so FlashAttention needs no mask. MASK: a mask of booleans, which no
    FlashAttention takes."""

    FULL = "full"
    PACKED = "packed"
    MASK = "mask"


HALF = (torch.float16, torch.bfloat16)
HOPPER, AMPERE = (9, 0), (8, 0)
VARLEN = {
    AttentionBackend.FLASH_3: ("flash_attn_interface", "flash_attn_varlen_func"),
    AttentionBackend.FLASH_2: ("flash_attn", "flash_attn_varlen_func"),
    AttentionBackend.TORCH_FLASH: ("torch.nn.attention.varlen", "varlen_attn"),
}
"""Backend -> the module and the function for rows of several lengths."""


def best_backend(device: torch.device, dtype: torch.dtype) -> AttentionBackend:
    """Return the fastest installed backend for that device and dtype. FlashAttention needs CUDA,
    compute capability 8.0 and half precision."""
    if device.type != "cuda" or dtype not in HALF:
        return AttentionBackend.SDPA
    capability = torch.cuda.get_device_capability(device)
    if capability < AMPERE:
        return AttentionBackend.SDPA
    if capability[0] == HOPPER[0] and find_spec("flash_attn_interface") is not None:
        return AttentionBackend.FLASH_3
    if find_spec("flash_attn") is not None:
        return AttentionBackend.FLASH_2
    if find_spec("torch.nn.attention.varlen") is not None:
        return AttentionBackend.TORCH_FLASH
    return AttentionBackend.SDPA


def attention_way(backend: AttentionBackend, *, causal: bool, padded: bool) -> AttentionWay:
    """Return how a pass over whole sequences attends. padded: whether a position of some row does
    not exist, as in a padded prompt or the unconditional half of a guided batch."""
    if not (causal or padded):
        return AttentionWay.FULL
    return AttentionWay.PACKED if backend in VARLEN else AttentionWay.MASK


def attend(
    q: Tensor, k: Tensor, v: Tensor, mask: Tensor | Packing | None, backend: AttentionBackend
) -> Tensor:
    """Compute softmax(q k^T / sqrt(head_dim)) v.

    q: "B H L head_dim". k, v: "B kv_heads L' head_dim", each shared by H / kv_heads consecutive
    heads. mask: bool, broadcast to "B H L L'", True = attend; None for all. With a packing B is 1
    and L = L' holds all rows. Calls with a mask use torch's attention, since FlashAttention takes
    none. Returns "B H L head_dim".
    """
    if isinstance(mask, Packing):
        return _packed(q, k, v, mask, backend)
    match backend:
        case AttentionBackend.FLASH_3 if mask is None:
            return _flash(_function("flash_attn_interface", "flash_attn_func"), q, k, v)
        case AttentionBackend.FLASH_2 if mask is None:
            return _flash(_function("flash_attn", "flash_attn_func"), q, k, v)
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


@cache
def _function(module: str, name: str) -> Callable[..., Any]:
    return getattr(import_module(module), name)


def _flash(function: Callable[..., Any], q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    """Call FlashAttention, whose layout is "B L H head_dim"."""
    return _first(function(*(x.transpose(1, 2) for x in (q, k, v)))).transpose(1, 2)


def _packed(q: Tensor, k: Tensor, v: Tensor, packing: Packing, backend: AttentionBackend) -> Tensor:
    """Call FlashAttention on rows of several lengths, whose layout is "L H head_dim"."""
    function = _function(*VARLEN[backend])
    options: dict[str, object] = {"causal": packing.causal}
    if backend is AttentionBackend.TORCH_FLASH:  # its options changed from version to version
        known = signature(function).parameters
        if "enable_gqa" in known:
            options = {"enable_gqa": q.shape[1] != k.shape[1]}
        else:
            k, v, options = _widened(q, k), _widened(q, v), {}
        if packing.causal:
            options |= {"is_causal": True} if "is_causal" in known else {"window_size": (-1, 0)}
    rows = (x[0].transpose(0, 1) for x in (q, k, v))
    starts, longest = packing.starts, packing.longest
    out = _first(function(*rows, starts, starts, longest, longest, **options))
    return out.transpose(0, 1)[None]


def _first(found: object) -> Tensor:
    """The output of a function that returns it alone or, in some versions, first of several."""
    out = found[0] if isinstance(found, tuple) else found
    assert isinstance(out, Tensor)
    return out


def _widened(q: Tensor, shared: Tensor) -> Tensor:
    """Repeat keys or values for each query head."""
    groups = q.shape[1] // shared.shape[1]
    return shared if groups == 1 else shared.repeat_interleave(groups, 1)
