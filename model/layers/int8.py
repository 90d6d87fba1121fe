"""Linear layers with 8-bit weights and one scale a row, at half the memory of 16 bits.

A row w is stored as q = round(w / s), integers in [-127, 127], with s = max |w| / 127, so the error
of a weight is at most s / 2. Activations keep their dtype: y = (x q^T) s + b. float32 and bfloat16
hold every q exactly; in float16 the product could overflow. This saves memory, not time: q is
converted at every call. Rounding: absmax of Dettmers et al. 2022 (LLM.int8(), arXiv:2208.07339), by
row. Owns: `Int8Linear`, and the choice of weights.
"""

from collections.abc import Sequence
from math import prod

import torch
from torch import Tensor, nn

from model.layers.logits import logits

LARGEST = 127
ROUNDED = ("backbone.layers.", "text_head.")
"""Name prefixes of the weights stored in 8 bits, except norms and biases."""
IN_A_CACHE, ON_A_GPU = 2**20, 2**26
"""Weights converted from 8 bits at once: on a CPU as many as fit its cache, on a GPU a large
part."""


class Int8Linear(nn.Module):
    """A linear layer "... in" -> "... out". weight: int8 "out in". scale: float32 "out"."""

    scale: Tensor

    def __init__(self, weight: Tensor, scale: Tensor, bias: nn.Parameter | None = None) -> None:
        super().__init__()
        self.weight = nn.Parameter(weight, requires_grad=False)
        self.bias = bias
        self.register_buffer("scale", scale)

    @classmethod
    @torch.no_grad()
    def of(cls, weight: Tensor, bias: nn.Parameter | None, device: torch.device) -> "Int8Linear":
        """Quantize weights "out in" of any dtype and device, a few rows at a time, into a layer on
        `device`."""
        rounded = torch.empty(weight.shape, dtype=torch.int8, device=device)
        scale = torch.empty(len(weight), device=device)
        num, tiny = _rows_at_once(weight), torch.finfo(torch.float32).tiny
        parts = zip(weight.split(num), rounded.split(num), scale.split(num), strict=True)
        for rows, into, scales in parts:
            exact = rows.to(device, torch.float32)
            scales.copy_((exact.abs().amax(1) / LARGEST).clamp(min=tiny))
            into.copy_((exact / scales[:, None]).round())
        return cls(rounded, scale, bias)

    def forward(self, x: Tensor) -> Tensor:
        """Compute "... in" -> "... out"."""
        y = self.logits(x).to(x.dtype)
        return y if self.bias is None else y + self.bias

    def logits(self, x: Tensor, rows: slice = slice(None)) -> Tensor:
        """Compute "... in" -> float32 "... rows", without bias. rows: the output rows to
        compute."""
        parts = self.weight[rows].split(_rows_at_once(self.weight))
        product = torch.cat([logits(x, part.to(x.dtype)) for part in parts], -1)
        return product * self.scale[rows]


def is_rounded(name: str, shape: Sequence[int]) -> bool:
    """Return True where the weight of that name is stored in 8 bits by int8 placements."""
    return name.startswith(ROUNDED) and len(shape) == 2


def rounded_bytes(shape: Sequence[int]) -> int:
    """Return the bytes of an 8-bit weight "out in" and its scale."""
    return prod(shape) + shape[0] * torch.float32.itemsize


def _rows_at_once(weight: Tensor) -> int:
    numbers = ON_A_GPU if weight.is_cuda else IN_A_CACHE
    return max(1, numbers // weight.shape[1])
