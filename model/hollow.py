"""A model without numbers, filled tensor by tensor, so that no second copy of it is in memory.

Owns: `hollow_model` (what layers compute for themselves is there, their weights are shapes only)
and `Filling`.
"""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from flow.modality import TokenSpace
from model.config import OmniConfig
from model.omni import OmniModel
from model.placement import Placement, dtype_of


class _ShapesOnly(TorchFunctionMode):
    """torch.empty, by which layers ask for room for their weights, takes none."""

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Any,
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        given = dict(kwargs or {})
        if func is torch.empty:
            given["device"] = "meta"
        return func(*args, **given)


def hollow_model(config: OmniConfig, space: TokenSpace) -> OmniModel:
    """The model; large weights are on the meta device until a `Filling` brings them."""
    with _ShapesOnly():
        return OmniModel(config, space)


class Filling:
    """Puts tensors into a model at their names, each on its device and in its numbers."""

    def __init__(self, model: OmniModel, placement: Placement) -> None:
        self._model, self._placement = model, placement
        self._shapes = {name: t.shape for name, t in model.state_dict().items()}
        self._parameters = {name for name, _ in model.named_parameters()}
        self.missing = set(self._shapes)
        """Names that were not put yet."""

    def put(self, name: str, tensor: Tensor) -> None:
        """Copy the tensor. Raises: ValueError where the model has none of that name and shape."""
        if name not in self._shapes:
            raise ValueError(f"{name} is unknown")
        if self._shapes[name] != tensor.shape:
            there, here = list(tensor.shape), list(self._shapes[name])
            raise ValueError(f"{name} has the shape {there} instead of {here}")
        path, _, leaf = name.rpartition(".")
        owner = self._model.get_submodule(path)
        parameter = name in self._parameters
        dtype = dtype_of(name, self._placement) if parameter else torch.float32
        room = torch.empty(tensor.shape, dtype=dtype, device=self._placement.device)
        room.copy_(tensor)
        setattr(owner, leaf, nn.Parameter(room, requires_grad=False) if parameter else room)
        self.missing.discard(name)
