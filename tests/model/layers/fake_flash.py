"""Stand-ins for FlashAttention on a CPU, so that a model runs by the calls that a GPU makes."""

import math
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise
from typing import Any
from unittest.mock import patch

import torch
from torch import Tensor

from model.layers.attention import AttentionBackend
from model.layers.transformer import Attention
from model.network.omni import OmniModel


def flash_attn_varlen_func(
    q: Tensor,
    k: Tensor,
    v: Tensor,
    starts_q: Tensor,
    starts_k: Tensor,
    longest_q: int,
    longest_k: int,
    *,
    causal: bool = False,
) -> tuple[Tensor]:
    """The package's function in plain torch: what lies behind the last row is left as it was, here
    not a number."""
    out = torch.full_like(q, math.nan)
    assert torch.equal(starts_q, starts_k)
    assert starts_q.dtype == torch.int32
    bounds = starts_q.tolist()
    for begin, end in pairwise(bounds):
        assert end - begin <= longest_q == longest_k
        rows = (x[begin:end].transpose(0, 1)[None] for x in (q, k, v))
        out[begin:end] = torch.nn.functional.scaled_dot_product_attention(
            *rows, is_causal=causal, enable_gqa=True
        )[0].transpose(0, 1)
    return (out,)


def varlen_attn(
    *arrays: Any, enable_gqa: bool = False, window_size: tuple[int, int] = (-1, -1)
) -> Tensor:
    """torch's function, of the version that has these options."""
    assert enable_gqa == (arrays[0].shape[1] != arrays[1].shape[1])
    return flash_attn_varlen_func(*arrays, causal=window_size == (-1, 0))[0]


def varlen_attn_of_2_10(*arrays: Any, is_causal: bool = False) -> Tensor:
    """torch's function, of a version that shares no heads."""
    assert arrays[0].shape[1] == arrays[1].shape[1]
    return flash_attn_varlen_func(*arrays, causal=is_causal)[0]


def flash_attn_func(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    """The package's function for rows of one length."""
    rows = (x.transpose(1, 2) for x in (q, k, v))
    return torch.nn.functional.scaled_dot_product_attention(*rows, enable_gqa=True).transpose(1, 2)


def use(model: OmniModel, backend: AttentionBackend) -> None:
    """Set the backend of every layer of the backbone."""
    for layer in model.backbone.modules():
        if isinstance(layer, Attention):
            layer.backend = backend


@contextmanager
def flash(model: OmniModel, name: str) -> Iterator[None]:
    """The model with a flash backend, "torch_flash of 2.10" with that of an old torch."""
    backend, _, old = name.partition(" of ")
    found = {
        "flash_attn_func": flash_attn_func,
        "flash_attn_varlen_func": flash_attn_varlen_func,
        "varlen_attn": varlen_attn_of_2_10 if old else varlen_attn,
    }
    with patch("model.layers.attention._function", lambda module, name: found[name]):
        use(model, AttentionBackend(backend))
        yield
    use(model, AttentionBackend.SDPA)
