"""A jump of the kinetic process in two passes over the codebook, without distances in memory.

Pass one sums the weights, and the jump weights, over each block of codes. Pass two decides which
rows leave, and finds the block that contains a row's threshold, then the code in that block: an
inverse CDF of two levels. For 64 rows of a text vocabulary of 152 k codes it reads 39 MB once
instead of writing and reading them ten times. Owns: `fused_jumps`. Does not own: the law
(`flow.transition.FrozenRates`).
"""

from functools import cache
from importlib import import_module
from importlib.util import find_spec
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor

from flow.metric import CodebookMetric, Metric

BLOCK, ROWS, SMALLEST_DOT, SMALL = 128, 16, 16, 128
POWERS = {Metric.COSINE: 1, Metric.L2_SQUARED: 2, Metric.L2_POWER4: 4}


@cache
def has_triton() -> bool:
    """Return True where Triton is installed."""
    return find_spec("triton") is not None


def has_kernels(device: torch.device) -> bool:
    """Return True where the kernels run on tensors of a device: on a GPU, and on any device in
    Triton's interpreter (TRITON_INTERPRET=1)."""
    if not has_triton():
        return False
    triton: Any = import_module("triton")
    return device.type == "cuda" or bool(triton.knobs.runtime.interpret)


def heights(metric: CodebookMetric, codebook: int, x_t: Tensor, target: Tensor) -> Tensor:
    """Return D(z) = d(x_t, x_1), float32 "N"."""
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
    """Return the codes after one interval, computed by the kernels. numbers: beta and exposure of
    the interval. uniforms: for leaving, and for the destination. Any strides: the kernels read rows
    one after another, so a column of "B L Q" is copied first. Needs `has_kernels`."""
    triton: Any = import_module("triton")
    kernels: Any = import_module("flow.cuda.kernels")
    num, cardinality = len(x_t), metric.cardinality
    table = metric.table
    source = (metric.codes[codebook] if table is None else table[codebook]).contiguous()
    x_t, target, uniforms = x_t.contiguous(), target.contiguous(), uniforms.contiguous()
    num_blocks = triton.cdiv(cardinality, BLOCK)
    sums = torch.empty(2, num, num_blocks, device=x_t.device)
    states = metric.states[codebook].to(torch.int8)
    height = heights(metric, codebook, x_t, target).contiguous()
    shape = {
        "power": POWERS[metric.kind],
        "from_table": table is not None,
        "block": BLOCK,
        "dim_tile": max(SMALLEST_DOT, triton.next_power_of_2(metric.codes.shape[2])),
    }
    common = (source, states, target, height, numbers, sums[0], sums[1])
    sizes = (num, cardinality, num_blocks, metric.codes.shape[2])
    moved = torch.empty_like(x_t)
    picked = ROWS if table is not None and num_blocks <= SMALL else 1  # a tile fits in registers
    with torch.cuda.device_of(x_t):  # a launch goes to the current device, not to a tensor's
        kernels.sum_blocks[triton.cdiv(num, ROWS), num_blocks](
            *common, *sizes, rows_tile=ROWS, **shape
        )
        kernels.pick[(triton.cdiv(num, picked),)](
            *common,
            uniforms[0],
            uniforms[1],
            x_t,
            moved,
            *sizes,
            rows_tile=picked,
            blocks_tile=triton.next_power_of_2(num_blocks),
            **shape,
        )
    return moved
