"""A model without weights, filled tensor by tensor, so that memory never holds two copies.

Owns: `hollow_model` (computed buffers are present, weights are on the meta device) and
`WeightLoader`.
"""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from flow.modality import TokenSpace
from model.config import OmniConfig
from model.layers.int8 import Int8Linear
from model.loading.placement import Placement, device_of, dtype_of, rounds
from model.network.omni import OmniModel


class _ShapesOnly(TorchFunctionMode):
    """Redirect torch.empty and torch.randn, which allocate weights, to the meta device."""

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Any,
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        given = dict(kwargs or {})
        if func in (torch.empty, torch.randn):
            given["device"] = "meta"
        return func(*args, **given)


def hollow_model(config: OmniConfig, space: TokenSpace) -> OmniModel:
    """Build the model with its weights on the meta device, for a `WeightLoader` to fill."""
    with _ShapesOnly():
        return OmniModel(config, space)


class WeightLoader:
    """Loads tensors into a model by name, each on its device and in its dtype; a layer with an
    8-bit weight is replaced when its weight arrives."""

    def __init__(self, model: OmniModel, placement: Placement) -> None:
        self._model, self._placement = model, placement
        self._parameters = {name for name, _ in model.named_parameters()}

    def put(self, name: str, tensor: Tensor) -> None:
        """Copy a tensor into the model; it has the shape of the model's tensor of that name."""
        path, _, leaf = name.rpartition(".")
        owner, device = self._model.get_submodule(path), device_of(name, self._placement)
        if rounds(name, tensor, self._placement):
            assert isinstance(owner, nn.Linear)
            self._model.set_submodule(path, Int8Linear.of(tensor, owner.bias, device))
        else:
            parameter = name in self._parameters
            dtype = dtype_of(name, self._placement) if parameter else torch.float32
            room = torch.empty(tensor.shape, dtype=dtype, device=device)
            room.copy_(tensor)
            setattr(owner, leaf, nn.Parameter(room, requires_grad=False) if parameter else room)
