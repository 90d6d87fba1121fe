"""The last matrix product of a head, with a result in float32 whatever the weights are.

bfloat16 keeps 8 bits of a logit: near 20 its steps are 1/8, and guidance with scale s multiplies a
rounding by 1 + 2 s. The product is accumulated in float32 anyway; only its output is not rounded.
Owns: `logits`.
"""

import torch
import torch.nn.functional as F
from torch import Tensor


def logits(features: Tensor, weight: Tensor) -> Tensor:
    """Return features "... D" times weight "V D", float32 "... V". In training, where a gradient is
    needed, the result has the dtype of autocast."""
    learns = torch.is_grad_enabled() and (weight.requires_grad or features.requires_grad)
    if weight.dtype is torch.float32 or learns:
        return F.linear(features, weight)
    if features.is_cuda:
        flat = torch.mm(features.flatten(0, -2), weight.T, out_dtype=torch.float32)
        return flat.unflatten(0, features.shape[:-1])
    return F.linear(features.float(), weight.float())
