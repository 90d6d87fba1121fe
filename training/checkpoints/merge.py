"""Averages of weights: of a run with its parent, and of runs with the same parent.

A run that teaches something new forgets some of the old; between the two lies a checkpoint that
has most of both. Source: Dynin-Omni (arXiv:2604.00007), Eq. 2: what both have is averaged, what
only the run has is taken over; Wortsman et al. 2022 (arXiv:2203.05482). So do runs of one
lesson each that began with the same weights. Owns: `merged`, `mean`.
"""

from collections.abc import Mapping, Sequence

import torch


def merged(
    before: Mapping[str, torch.Tensor], after: Mapping[str, torch.Tensor], keep: float
) -> dict[str, torch.Tensor]:
    """Return (1 - keep) * after + keep * before for the weights that both have, `after` for the
    rest and for integers.

    Raises: ValueError where keep is not in [0, 1), or shapes differ.
    """
    if not 0 <= keep < 1:
        raise ValueError(f"--keep must be at least 0 and below 1, not {keep:g}")
    for name, weight in after.items():
        if name in before and before[name].shape != weight.shape:
            raise ValueError(f"{name} has another shape in --start: merge what is of one size")
    return {
        k: torch.lerp(v, before[k].to(v), keep) if k in before and v.is_floating_point() else v
        for k, v in after.items()
    }


def mean(runs: Sequence[Mapping[str, torch.Tensor]]) -> dict[str, torch.Tensor]:
    """Return the mean of the floating-point weights of 1 or more runs; integers are those of the
    first.

    Raises: ValueError where names or shapes differ.
    """
    first = runs[0]
    shapes = {name: weight.shape for name, weight in first.items()}
    if any({name: w.shape for name, w in run.items()} != shapes for run in runs):
        raise ValueError("the runs have other weights: merge what began with one checkpoint")
    return {
        name: torch.stack([run[name] for run in runs]).mean(0) if w.is_floating_point() else w
        for name, w in first.items()
    }
