"""A jump of the kinetic process in two passes over the codebook, without its distances in memory.

Pass one sums the weights, and the weights of the jumps, over each block of codes; pass two decides
which rows leave, finds the block in which a row's threshold falls, and the code in the block: an
inverse CDF of two levels. For 64 rows of a text vocabulary of 152 k codes that reads 39 MB instead
of writing and reading them ten times. Owns: `fused_jumps`, its twin in plain torch, and where it
can run. Does not own: the law (`flow.transition.FrozenRates`).
"""

from functools import cache
from importlib import import_module
from importlib.util import find_spec
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor

from flow.metric import CodebookMetric, Metric

BLOCK, ROWS, SMALLEST_DOT = 128, 16, 16
POWERS = {Metric.COSINE: 1, Metric.L2_SQUARED: 2, Metric.L2_POWER4: 4}


@cache
def has_triton() -> bool:
    """Whether the kernels can be compiled here."""
    return find_spec("triton") is not None


def heights(metric: CodebookMetric, codebook: int, x_t: Tensor, target: Tensor) -> Tensor:
    """D(z) = d(x_t, x_1), float32 "N"."""
    if metric.table is not None:
        return metric.table[codebook, target, x_t]
    codes = metric.codes[codebook]
    gap = (1 - (codes[x_t] * codes[target]).sum(-1)).clamp(min=0)
    gap = torch.where(x_t == target, 0.0, gap)
    match metric.kind:
        case Metric.COSINE:
            return gap
        case Metric.L2_SQUARED:
            return 2 * gap
        case Metric.L2_POWER4:
            return (2 * gap).square()


def fused_jumps(
    metric: CodebookMetric,
    codebook: int,
    x_t: Int[Tensor, " N"],
    target: Int[Tensor, " N"],
    numbers: Float[Tensor, "2"],
    uniforms: Float[Tensor, "2 N"],
) -> Int[Tensor, " N"]:
    """The codes after one interval, by the kernels. numbers: beta and exposure of the interval.
    uniforms: whether a row leaves, and where to. Needs Triton, and CUDA or its interpreter."""
    triton: Any = import_module("triton")
    kernels: Any = import_module("flow.cuda.kernels")
    num, cardinality = len(x_t), metric.cardinality
    table = metric.table
    source = metric.codes[codebook] if table is None else table[codebook]
    num_blocks = triton.cdiv(cardinality, BLOCK)
    sums = torch.empty(2, num, num_blocks, device=x_t.device)
    states = metric.states[codebook].to(torch.int8)
    height = heights(metric, codebook, x_t, target)
    shape = {
        "power": POWERS[metric.kind],
        "from_table": table is not None,
        "block": BLOCK,
        "dim_tile": max(SMALLEST_DOT, triton.next_power_of_2(metric.codes.shape[2])),
    }
    common = (source, states, target, height, numbers, sums[0], sums[1])
    kernels.sum_blocks[triton.cdiv(num, ROWS), num_blocks](
        *common, num, cardinality, num_blocks, metric.codes.shape[2], rows_tile=ROWS, **shape
    )
    moved = torch.empty_like(x_t)
    kernels.pick[(num,)](
        *common,
        uniforms[0],
        uniforms[1],
        x_t,
        moved,
        cardinality,
        num_blocks,
        metric.codes.shape[2],
        blocks_tile=triton.next_power_of_2(num_blocks),
        **shape,
    )
    return moved


def two_level_jumps(
    metric: CodebookMetric,
    codebook: int,
    x_t: Int[Tensor, " N"],
    target: Int[Tensor, " N"],
    numbers: Float[Tensor, "2"],
    uniforms: Float[Tensor, "2 N"],
) -> Int[Tensor, " N"]:
    """`fused_jumps` in plain torch, block after block as the kernels do it."""
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
