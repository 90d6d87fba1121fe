"""The fused kernels' arithmetic in plain torch, to compare the kernels with."""

import torch
from jaxtyping import Float, Int
from torch import Tensor

from flow.cuda.fused import BLOCK, heights
from flow.metric import CodebookMetric


def two_level_jumps(
    metric: CodebookMetric,
    codebook: int,
    x_t: Int[Tensor, " N"],
    target: Int[Tensor, " N"],
    numbers: Float[Tensor, "2"],
    uniforms: Float[Tensor, "2 N"],
) -> Int[Tensor, " N"]:
    """Return the codes of `fused_jumps`, computed in plain torch block by block."""
    distances = metric.distances(codebook, target)
    weights = torch.exp(-numbers[0] * distances)
    gain = (heights(metric, codebook, x_t, target)[:, None] - distances).clamp(min=0)
    jumps = _in_blocks(weights * gain)
    sums = jumps.sum(-1)
    total = sums.sum(-1)
    leave = 1 - torch.exp(-numbers[1] * total / _in_blocks(weights).sum(-1).sum(-1))
    threshold = (uniforms[1] * total)[:, None]
    chosen = _first((sums.cumsum(-1) >= threshold) & (sums > 0), sums > 0)
    before = torch.where(torch.arange(sums.shape[1], device=sums.device) < chosen, sums, 0.0)
    inside = jumps.gather(1, chosen[..., None].expand(-1, 1, BLOCK))[:, 0]
    reached = before.sum(-1, keepdim=True) + inside.cumsum(-1) >= threshold
    code = (chosen * BLOCK + _first(reached & (inside > 0), inside > 0))[:, 0]
    return torch.where(uniforms[0] < leave, code, x_t)


def _in_blocks(rows: Tensor) -> Tensor:
    """ "N V" as "N num_blocks BLOCK", zeros at the end."""
    missing = -rows.shape[1] % BLOCK
    return torch.nn.functional.pad(rows, (0, missing)).unflatten(1, (-1, BLOCK))


def _first(wanted: Tensor, otherwise: Tensor) -> Tensor:
    """The first True of each row "N 1"; where there is none, the last True of `otherwise`."""
    last = otherwise.shape[1] - 1 - otherwise.flip(1).int().argmax(1, keepdim=True)
    return torch.where(wanted.any(1, keepdim=True), wanted.int().argmax(1, keepdim=True), last)
