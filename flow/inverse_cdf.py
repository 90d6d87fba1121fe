"""One draw a row from unnormalised weights, by the inverse CDF.

`torch.multinomial` or Gumbel noise over 256 x 4096 costs ten times as much on a CPU, and neither
can use counter-based random numbers. Owns: `inverse_cdf`, `cumulative`, `row_chunks`.
"""

from collections.abc import Iterator

import torch
from jaxtyping import Float, Int
from torch import Tensor

CHUNK_ELEMENTS = 2**24
"""Largest number of float32 values of one "N V" intermediate: 64 MiB."""


def inverse_cdf(weights: Float[Tensor, "N V"], uniforms: Float[Tensor, " N"]) -> Int[Tensor, " N"]:
    """Return the first index whose cumulative weight reaches `uniforms` times the row's total.

    weights: >= 0 with a positive total, not necessarily normalised. uniforms: in [0, 1]. An index
    of weight zero is never drawn, also for uniforms next to 0 or 1: the threshold is positive and
    at most the last cumulative sum, and the first sum to reach it has just increased.
    """
    sums = cumulative(weights)
    threshold = uniforms.to(weights.dtype) * sums[:, -1]
    threshold = threshold.clamp(min=torch.finfo(weights.dtype).tiny)
    index = torch.searchsorted(sums, threshold.unsqueeze(1)).squeeze(1)
    if weights.is_cuda:  # a parallel scan may rise by a rounding error where the weight is zero
        index = index.clamp(max=weights.shape[1] - 1)
        drawn = weights.gather(1, index.unsqueeze(1)).squeeze(1)
        index = torch.where(drawn > 0, index, weights.argmax(dim=-1))
    return index


def cumulative(weights: Float[Tensor, "N V"]) -> Float[Tensor, "N V"]:
    """Return the cumulative sums of each row, equal in every call.

    On CUDA torch scans a tensor of one row by another algorithm, whose blocks add up in the order
    in which they end: its roundings differ from call to call. A second row avoids it.
    """
    if len(weights) == 1 and weights.is_cuda:
        return weights.expand(2, -1).cumsum(dim=-1)[:1]
    return weights.cumsum(dim=-1)


def row_chunks(num_rows: int, width: int) -> Iterator[slice]:
    """Yield slices that split `num_rows` rows of `width` values into chunks of at most
    `CHUNK_ELEMENTS`."""
    rows = max(1, CHUNK_ELEMENTS // width)
    for start in range(0, num_rows, rows):
        yield slice(start, min(start + rows, num_rows))
