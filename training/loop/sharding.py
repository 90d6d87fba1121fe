"""Sharded training: every process holds its part of each trained weight, of its gradient, of its
moments and of its average; a layer is whole only while it is at work.

PyTorch's FSDP2 does it: weights are gathered before a layer and gradients reduced to the mean over
all processes behind it. Source: Rajbhandari et al. 2020 (arXiv:1910.02054), stage 3; Zhao et al.
2023 (arXiv:2304.11277). All processes must go through the layers equally often, see `FlowStage`'s
`alike`. Owns: `shard`, `LossModule`, `whole`. Does not own: saving (`training.loop.run_state`).
"""

import warnings
from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import MixedPrecisionPolicy, fully_shard
from torch.distributed.tensor import DTensor

from model.network.omni import OmniModel

Loss = Callable[[int], tuple[Tensor, dict[str, float], int]]


class LossModule(nn.Module):
    """A stage's loss as a module, so that FSDP gathers the weights outside the layers around it."""

    def __init__(self, model: OmniModel, loss: Loss) -> None:
        super().__init__()
        self.model = model
        self._loss = loss

    def forward(self, step: int) -> tuple[Tensor, dict[str, float], int]:
        return self._loss(step)


def shard(model: OmniModel, loss: Loss, num: int) -> LossModule:
    """Shard the model over `num` processes in place and return its loss module; frozen weights stay
    whole. On CUDA weights travel and compute in bfloat16; gradients are summed in float32."""
    # A layer gives its values back too, a view of them; nothing in training changes that in place.
    warnings.filterwarnings("ignore", "FSDP2-wrapped module .* returned a view tensor")
    mesh = init_device_mesh(model.device.type, (num,))
    policy = MixedPrecisionPolicy()
    if model.device.type == "cuda":
        policy = MixedPrecisionPolicy(torch.bfloat16, torch.float32, cast_forward_inputs=False)
    for layer in model.backbone.layers:
        fully_shard(layer, mesh=mesh, mp_policy=policy)
    lesson = LossModule(model, loss)
    frozen = {p for p in model.parameters() if not p.requires_grad}
    shared = fully_shard(lesson, mesh=mesh, mp_policy=policy, ignored_params=frozen)
    shared.set_reduce_scatter_unused_params(True)
    return lesson


def whole(tensor: Tensor) -> Tensor:
    """Return the whole of a tensor of which this process holds a part; every process calls it."""
    return tensor.full_tensor() if isinstance(tensor, DTensor) else tensor
