"""The moving average of the weights that a run trains, which is what is reported and exported.

The update is that of `torch.optim.swa_utils`. `AveragedModel` copies whole modules, with frozen
parts and probe hooks; here only trained values are copied, whole or sharded as their weights are.
Owns: `EMA`.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import get_ema_multi_avg_fn


class EMA:
    """The exponential moving average of the trained weights; starts at their values. values: by
    name."""

    def __init__(self, model: nn.Module) -> None:
        self.values = {name: p.detach().clone() for name, p in _trained(model)}

    @torch.no_grad()
    def move(self, model: nn.Module, rate: float) -> None:
        """Update every value: rate * value + (1 - rate) * weight."""
        values, weights = list(self.values.values()), [p.detach() for _, p in _trained(model)]
        get_ema_multi_avg_fn(rate)(values, weights, 0)

    def complete(self, model: nn.Module) -> dict[str, Tensor]:
        """Return the model's state with the averages in place of the weights."""
        return {**model.state_dict(), **self.values}

    @torch.no_grad()
    def restore(self, state: Mapping[str, Tensor]) -> None:
        """Load the averages from a state of `complete`."""
        for name, value in self.values.items():
            value.copy_(state[name])

    @contextmanager
    def swapped_in(self, model: nn.Module) -> Iterator[None]:
        """Swap the averages into the model, in evaluation mode."""
        training = model.training
        self._exchange(model)
        try:
            model.eval()
            yield
        finally:
            model.train(training)
            self._exchange(model)

    @torch.no_grad()
    def _exchange(self, model: nn.Module) -> None:
        for name, p in _trained(model):
            weight = p.detach().clone()
            p.copy_(self.values[name])
            self.values[name].copy_(weight)


def _trained(model: nn.Module) -> Iterator[tuple[str, nn.Parameter]]:
    return ((name, p) for name, p in model.named_parameters() if p.requires_grad)
