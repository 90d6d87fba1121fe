"""Runs the kernels in Triton's interpreter beside their twin, and prints what agrees.

A process of its own, because Triton decides at its first import whether it interprets. A line for
each metric: its name, whether it has a table, rows that agree, rows, rows that moved.
"""

import os
import sys

os.environ["TRITON_INTERPRET"] = "1"

from flow.cuda.fused import fused_jumps
from flow.metric import Metric
from tests.flow.fused_cases import metric_of, numbers_of, rows_of
from tests.flow.two_level_jumps import two_level_jumps


def main() -> int:
    for kind in Metric:
        for table in (True, False):
            metric = metric_of(kind, cardinality=300, dim=8, table=table)
            state, target, uniforms = rows_of(metric, 48)
            given = (metric, 0, state, target, numbers_of("midpoint"), uniforms)
            same = fused_jumps(*given) == two_level_jumps(*given)
            moved = int((two_level_jumps(*given) != state).sum())
            print(kind, table, int(same.sum()), len(same), moved)
    return 0


if __name__ == "__main__":
    sys.exit(main())
