"""Depth growth that keeps the function: new layers first add nothing.

Each new layer begins as the last one, but adds nothing: the two projections that write into the
residual stream are zero (Du et al. 2024, arXiv:2405.15319, compare ways to grow; that the function
is kept, Chen et al. 2016, arXiv:1511.05641). Owns: `grow_depth`. Does not own: whether a run is to
have more (`training.checkpoints.initialise`).
"""

import re
from collections.abc import Mapping

import torch
from torch import Tensor

LAYER = re.compile(r"backbone\.layers\.(\d+)\.(.+)")
SILENT = ("o_proj.weight", "down_proj.weight")


def grow_depth(weights: Mapping[str, Tensor], layers: int) -> dict[str, Tensor]:
    """Return the weights of a model with `layers` layers that computes the same function.

    Raises: ValueError where the model already has more layers.
    """
    found = dict(weights)
    named = [(match, weights[name]) for name in weights if (match := LAYER.fullmatch(name))]
    last = max(int(match[1]) for match, _ in named)
    if layers <= last:
        raise ValueError(f"--start has {last + 1} layers: --layers must be at least as many")
    for match, weight in named:
        if int(match[1]) == last:
            silent = match[2].endswith(SILENT)
            for number in range(last + 1, layers):
                copy = torch.zeros_like(weight) if silent else weight.clone()
                found[f"backbone.layers.{number}.{match[2]}"] = copy
    return found
