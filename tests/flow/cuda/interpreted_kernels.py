"""Runs the kernels in Triton's interpreter beside their twin, and prints what agrees.

A process of its own, because Triton decides at its first import whether it interprets. The last
line is JSON: for each case its name, the codes that agree, all codes, and the codes that moved.
"""

import json
import os
import sys
from itertools import product

os.environ["TRITON_INTERPRET"] = "1"

import torch
from torch import Tensor

from flow.cuda.fused import fused_jumps
from flow.metric import CodebookMetric, Metric
from flow.transition import TRANSITIONS, advance
from tests.flow.fused_cases import INTERVAL, metric_of, numbers_of, rows_of
from tests.flow.two_level_jumps import two_level_jumps

LAYOUTS = ("contiguous", "column", "slice", "reversed batch", "one row")


def _rows(metric: CodebookMetric, length: int) -> tuple[Tensor, Tensor, Tensor]:
    """State and target "2 length Q", uniforms "2 2 length Q"; the first quarter of each column is
    at its target."""
    columns = [rows_of(metric, 2 * length, q) for q in range(metric.num_codebooks)]
    state, target, uniforms = (torch.stack(found, -1) for found in zip(*columns, strict=True))
    return (
        state.unflatten(0, (2, length)),
        target.unflatten(0, (2, length)),
        uniforms.unflatten(1, (2, length)),
    )


def _laid_out(tensor: Tensor, layout: str) -> Tensor:
    """The tensor "B L Q" with the values of a layout, in memory as the layout says."""
    match layout:
        case "column":  # Q before L in memory
            return tensor.transpose(1, 2).contiguous().transpose(1, 2)
        case "slice":
            return torch.cat([tensor, tensor], 1)[:, 1 : 1 + tensor.shape[1] // 2]
        case "reversed batch":
            return tensor.flip(0).transpose(0, 1).contiguous().transpose(0, 1)
        case "one row":
            return tensor[1:, 2:3]
        case _:
            return tensor


def _steps(
    kind: Metric, num_codebooks: int, cardinality: int, length: int, *layouts: str
) -> list[object]:
    """A whole step of each layout through `advance`, against the twin of each column."""
    metric = metric_of(
        kind, cardinality=cardinality, dim=8, table=cardinality < 1000, num_codebooks=num_codebooks
    )
    found: list[object] = []
    for layout in layouts:
        first, second, numbers = _rows(metric, length)
        state, target, *uniforms = (_laid_out(t, layout) for t in (first, second, *numbers))
        moved = advance(
            TRANSITIONS["midpoint"],
            metric,
            state,
            target,
            INTERVAL,
            lambda k, numbers=uniforms: numbers[k],
            dense_step=True,
        )
        columns = [
            two_level_jumps(
                metric,
                q,
                state[..., q].reshape(-1),
                target[..., q].reshape(-1),
                numbers_of("midpoint"),
                torch.stack([u[..., q].reshape(-1) for u in uniforms]),
            )
            for q in range(num_codebooks)
        ]
        twin = torch.stack(columns, -1).view_as(state)
        name = f"{kind} Q={num_codebooks} V={cardinality} {layout}"
        found.append([name, int((moved == twin).sum()), twin.numel(), int((twin != state).sum())])
    return found


def _columns(num_codebooks: int) -> list[object]:
    """The kernels themselves, given the columns of "N Q" as they lie in memory."""
    metric = metric_of(
        Metric.COSINE, cardinality=300, dim=8, table=True, num_codebooks=num_codebooks
    )
    state, target, uniforms = (t.flatten(-3, -2) for t in _rows(metric, 6))
    found: list[object] = []
    for q in range(num_codebooks):
        given = (metric, q, state[:, q], target[:, q], numbers_of("midpoint"), uniforms[..., q])
        moved, twin = fused_jumps(*given), two_level_jumps(*given)
        changed = int((twin != state[:, q]).sum())
        name = f"column {q} of {num_codebooks}"
        found.append([name, int((moved == twin).sum()), len(twin), changed])
    return found


def main() -> int:
    found = [case for q in (1, 2, 4) for case in _steps(Metric.COSINE, q, 300, 6, *LAYOUTS)]
    for kind, (cardinality, length) in product(Metric, ((300, 6), (9_000, 3))):
        found += _steps(kind, 2, cardinality, length, "contiguous")
    for num_codebooks in (1, 2, 4):
        found += _columns(num_codebooks)
    print(json.dumps(found))
    return 0


if __name__ == "__main__":
    sys.exit(main())
