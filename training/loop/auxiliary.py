"""Auxiliary modules: trained beside a model and dropped with the run
(`training.objectives.probe_loss`). Each process holds all of them, with an optimiser of their own.
Owns: `AuxiliaryModules`."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import torch
from torch import nn

from training.loop.distributed import Ranks
from training.loop.optimiser import make_optimisers


class AuxiliaryModules:
    """A module and its optimisers; both empty where there is none."""

    def __init__(self, module: nn.Module | None, rate: float, weight_decay: float) -> None:
        self.module = nn.Module() if module is None else module
        self.optimisers: list[torch.optim.Optimizer] = []
        if module is not None:
            self.optimisers = make_optimisers(module, rate, weight_decay, muon=False)

    def step(self, rate: float, ranks: Ranks) -> None:
        """Update from the mean gradient of all processes, then clear the gradients."""
        if not self.optimisers:
            return
        replace(ranks, sharded=False).mean_gradients(self.module, 0)
        norm = nn.utils.clip_grad_norm_(self.module.parameters(), 1.0)
        if bool(norm.isfinite()):
            step_all(self.optimisers, rate)
        self.module.zero_grad(set_to_none=True)

    def kept(self) -> dict[str, Any]:
        """Return the saved state, the inverse of `restore`."""
        moments = [o.state_dict() for o in self.optimisers]
        return {"weights": self.module.state_dict(), "moments": moments}

    def restore(self, kept: Mapping[str, Any]) -> None:
        """Load a saved state; modules that the run lacked begin anew.

        Raises: ValueError where the run had modules that this one lacks.
        """
        if self.optimisers and len(kept["moments"]) == len(self.optimisers):
            _, unknown = self.module.load_state_dict(kept["weights"], strict=False)
            if unknown:
                raise ValueError(
                    f"the run learned with {', '.join(unknown)} too: resume it with the options "
                    "it was begun with"
                )
            if set(self.module.state_dict()) != set(kept["weights"]):
                return
            for optimiser, moments in zip(self.optimisers, kept["moments"], strict=True):
                optimiser.load_state_dict(moments)


def step_all(optimisers: list[torch.optim.Optimizer], rate: float) -> None:
    """Step all optimisers at the learning rate, times each group's share."""
    for optimiser in optimisers:
        for group in optimiser.param_groups:
            group["lr"] = rate * group.get("share", 1.0)
        optimiser.step()
