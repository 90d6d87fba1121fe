"""Weights of linear layers in 8 bits, with one scale a row: half the memory of 16 bits.

A row w is kept as q = round(w / s), whole numbers in [-127, 127], with s = max |w| / 127; so every
weight is off by at most s / 2. Weights alone: what enters stays in the model's numbers, and
y = (x q^T) s + b. Both float32 and bfloat16 hold every q exactly; in float16 the product could
overflow. It saves memory, not time: q is turned into those numbers at every call. The rounding is
the absmax one of Dettmers et al. 2022 (LLM.int8(), arXiv:2208.07339), with a scale for each row and
nothing else of theirs. Owns: `Int8Linear`, and which weights are kept so.
"""

from collections.abc import Sequence
from math import prod

import torch
import torch.nn.functional as F
from torch import Tensor, nn

LARGEST = 127
ROUNDED = ("backbone.layers.", "text_head.")
"""How the names of the weights begin that are kept in 8 bits; norms and biases are not."""
IN_A_CACHE, ON_A_GPU = 2**20, 2**26
"""Numbers of a weight that are taken out of their 8 bits at once. In a CPU's cache they are read
faster than whole float32 weights from memory; a GPU is given few and large parts."""


class Int8Linear(nn.Module):
    """As nn.Linear, "... in" -> "... out". weight: int8 "out in". scale: float32 "out"."""

    scale: Tensor

    def __init__(self, weight: Tensor, scale: Tensor, bias: nn.Parameter | None = None) -> None:
        super().__init__()
        self.weight = nn.Parameter(weight, requires_grad=False)
        self.bias = bias
        self.register_buffer("scale", scale)

    @classmethod
    @torch.no_grad()
    def of(cls, weight: Tensor, bias: nn.Parameter | None, device: torch.device) -> "Int8Linear":
        """A layer on a device from weights "out in" of any numbers, wherever they lie; of them a
        few rows at a time are copied."""
        rounded = torch.empty(weight.shape, dtype=torch.int8, device=device)
        scale = torch.empty(len(weight), device=device)
        num, tiny = _rows_at_once(weight), torch.finfo(torch.float32).tiny
        parts = zip(weight.split(num), rounded.split(num), scale.split(num), strict=True)
        for rows, into, scales in parts:
            exact = rows.to(device, torch.float32)
            scales.copy_((exact.abs().amax(1) / LARGEST).clamp(min=tiny))
            into.copy_((exact / scales[:, None]).round())
        return cls(rounded, scale, bias)

    def forward(self, x: Tensor, rows: slice = slice(None)) -> Tensor:
        """rows: of the weight, all or those that are wanted."""
        parts = self.weight[rows].split(_rows_at_once(self.weight))
        product = torch.cat([F.linear(x, part.to(x.dtype)) for part in parts], -1)
        y = (product * self.scale[rows]).to(x.dtype)
        return y if self.bias is None else y + self.bias[rows]


def is_rounded(name: str, shape: Sequence[int]) -> bool:
    """Whether the weight of that name in a model is kept in 8 bits, where weights are."""
    return name.startswith(ROUNDED) and len(shape) == 2


def rounded_bytes(shape: Sequence[int]) -> int:
    """What a weight "out in" and its scale take."""
    return prod(shape) + shape[0] * torch.float32.itemsize


def _rows_at_once(weight: Tensor) -> int:
    numbers = ON_A_GPU if weight.is_cuda else IN_A_CACHE
    return max(1, numbers // weight.shape[1])
