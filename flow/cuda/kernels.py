# pyright: basic, reportMissingImports=false, reportOperatorIssue=false, reportArgumentType=false
"""Triton kernels of `flow.cuda.fused`; imported only where Triton is installed.

`sum_blocks` has one program for each tile of rows and codes, `pick` one for each tile of rows. A
distance comes from the table of a small codebook, or from the unit vectors of a large one; never is
a row of distances written to memory. Numbers that change from step to step (beta, exposure) are
read from memory, so that a recorded step can be replayed with others.
"""

import triton
import triton.language as tl


@triton.jit
def shaped(gap, power: tl.constexpr):
    """The distance of `gap` = 1 - cos: 1 the cosine one, 2 and 4 the powers of the chord."""
    if power == 1:
        return gap
    chord = 2 * gap
    return chord if power == 2 else chord * chord


@triton.jit
def sum_blocks(
    source,
    states,
    target,
    height,
    numbers,
    weight_sums,
    jump_sums,
    num_rows,
    cardinality,
    num_blocks,
    dim,
    power: tl.constexpr,
    from_table: tl.constexpr,
    rows_tile: tl.constexpr,
    block: tl.constexpr,
    dim_tile: tl.constexpr,
):
    """weight_sums, jump_sums "N num_blocks": sums of w and of w [D(z) - D]_+ over a block of codes.

    source: table "V V", or unit vectors "V dim". states: int8 "V". target: int64 "N". height:
    float32 "N", D(z). numbers: beta, exposure.
    """
    rows = tl.program_id(0) * rows_tile + tl.arange(0, rows_tile)
    place = tl.program_id(1)
    codes = place * block + tl.arange(0, block)
    row_there = rows < num_rows
    code_there = codes < cardinality
    goal = tl.load(target + rows, mask=row_there, other=0)
    if from_table:
        cell = goal[:, None] * cardinality + codes[None, :]
        distance = tl.load(source + cell, mask=row_there[:, None] & code_there[None, :], other=0.0)
    else:
        axis = tl.arange(0, dim_tile)
        there = axis < dim
        ours = tl.load(
            source + goal[:, None] * dim + axis[None, :],
            mask=row_there[:, None] & there[None, :],
            other=0.0,
        )
        theirs = tl.load(
            source + codes[None, :] * dim + axis[:, None],
            mask=code_there[None, :] & there[:, None],
            other=0.0,
        )
        cosine = tl.dot(ours, theirs, input_precision="ieee")
        gap = tl.maximum(1 - cosine, 0.0)
        distance = shaped(tl.where(codes[None, :] == goal[:, None], 0.0, gap), power)
    alive = tl.load(states + codes, mask=code_there, other=0) != 0
    top = tl.load(height + rows, mask=row_there, other=0.0)
    beta = tl.load(numbers)
    weight = tl.where(alive[None, :], tl.exp(-beta * distance), 0.0)
    jump = weight * tl.maximum(top[:, None] - distance, 0.0)
    out = rows * num_blocks + place
    tl.store(weight_sums + out, tl.sum(weight, 1), mask=row_there)
    tl.store(jump_sums + out, tl.sum(jump, 1), mask=row_there)


@triton.jit
def pick(
    source,
    states,
    target,
    height,
    numbers,
    weight_sums,
    jump_sums,
    leave_uniforms,
    place_uniforms,
    state,
    moved,
    num_rows,
    cardinality,
    num_blocks,
    dim,
    power: tl.constexpr,
    from_table: tl.constexpr,
    rows_tile: tl.constexpr,
    block: tl.constexpr,
    blocks_tile: tl.constexpr,
    dim_tile: tl.constexpr,
):
    """moved[n]: the code that row n jumps to, or state[n] where it stays."""
    rows = tl.program_id(0).to(tl.int64) * rows_tile + tl.arange(0, rows_tile)
    row_there = rows < num_rows
    blocks = tl.arange(0, blocks_tile)
    there = row_there[:, None] & (blocks < num_blocks)[None, :]
    at = rows[:, None] * num_blocks + blocks[None, :]
    jumps = tl.load(jump_sums + at, mask=there, other=0.0)
    total = tl.sum(jumps, 1)
    weight = tl.sum(tl.load(weight_sums + at, mask=there, other=0.0), 1)
    leave = 1 - tl.exp(-tl.load(numbers + 1) * (total / tl.where(row_there, weight, 1.0)))
    leaves = tl.load(leave_uniforms + rows, mask=row_there, other=1.0) < leave
    threshold = tl.load(place_uniforms + rows, mask=row_there, other=0.0) * total

    reached = (tl.cumsum(jumps, 1) >= threshold[:, None]) & (jumps > 0)
    chosen = tl.min(tl.where(reached, blocks[None, :], blocks_tile), 1)
    last = tl.max(tl.where(jumps > 0, blocks[None, :], 0), 1)
    chosen = tl.where(chosen < blocks_tile, chosen, last)
    before = tl.sum(tl.where(blocks[None, :] < chosen[:, None], jumps, 0.0), 1)

    codes = chosen[:, None] * block + tl.arange(0, block)[None, :]
    code_there = (codes < cardinality) & row_there[:, None]
    goal = tl.load(target + rows, mask=row_there, other=0)
    if from_table:
        cell = goal[:, None] * cardinality + codes
        distance = tl.load(source + cell, mask=code_there, other=0.0)
    else:
        axis = tl.arange(0, dim_tile)
        along = axis < dim
        ours = tl.load(
            source + goal[:, None] * dim + axis[None, :],
            mask=row_there[:, None] & along[None, :],
            other=0.0,
        )
        theirs = tl.load(
            source + codes[:, :, None] * dim + axis[None, None, :],
            mask=code_there[:, :, None] & along[None, None, :],
            other=0.0,
        )
        gap = tl.maximum(1 - tl.sum(theirs * ours[:, None, :], 2), 0.0)
        distance = shaped(tl.where(codes == goal[:, None], 0.0, gap), power)
    alive = tl.load(states + codes, mask=code_there, other=0) != 0
    top = tl.load(height + rows, mask=row_there, other=0.0)
    weights = tl.where(alive, tl.exp(-tl.load(numbers) * distance), 0.0)
    jump = weights * tl.maximum(top[:, None] - distance, 0.0)
    inside = (before[:, None] + tl.cumsum(jump, 1) >= threshold[:, None]) & (jump > 0)
    first = tl.min(tl.where(inside, codes, cardinality), 1)
    fallback = tl.max(tl.where(jump > 0, codes, 0), 1)
    found = tl.where(first < cardinality, first, fallback)
    stays = tl.load(state + rows, mask=row_there, other=0)
    tl.store(moved + rows, tl.where(leaves, found.to(stays.dtype), stays), mask=row_there)
