"""GradNorm: several losses of one model pull about equally hard at the weights that they share.

Source: Chen et al. 2018 (arXiv:1711.02257), as Luo et al. 2025 (arXiv:2510.13721, Section 2.4) use
it. There the weights of the losses are learned by gradient descent; here they are moved in
logarithms towards the same fixed point, so that they stay positive and a step does not depend on
how large gradients are. Owns: `GradNorm`. Does not own: which losses and which weights.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

ALPHA = 0.5
"""How much more a loss gets that falls more slowly than the others. Little: a tokenizer that is
trained already has not much to learn, which is no slowness."""
RATE = 0.025
"""The share of the way to where the gradients would be as they should that a move goes."""


class GradNorm(nn.Module):
    """weights: of n losses, positive, their sum is n. first: what the losses were at first; zeros
    before."""

    weights: Tensor
    first: Tensor

    def __init__(self, num: int, alpha: float = ALPHA, rate: float = RATE) -> None:
        super().__init__()
        self.alpha, self.rate = alpha, rate
        self.register_buffer("weights", torch.ones(num))
        self.register_buffer("first", torch.zeros(num))

    def weigh(self, losses: Sequence[Tensor], shared: Sequence[nn.Parameter]) -> Tensor:
        """The weighted sum of the losses, positive scalars; then the weights move by the gradients
        at the shared parameters."""
        weights = self.weights.clone()
        total = torch.stack([w * x for w, x in zip(weights, losses, strict=True)]).sum()
        norms = torch.stack([_norm(x, shared) for x in losses])
        self.move(torch.stack([x.detach().float() for x in losses]), norms)
        return total

    @torch.no_grad()
    def move(self, losses: Tensor, norms: Tensor) -> None:
        """One step towards w_i |g_i| = mean(w |g|) r_i^alpha, where r_i is what is left of loss i
        in relation to the others. norms: |g_i| of the losses without weights, "n"; where one is
        zero or a value is not finite nothing moves."""
        if not bool((torch.cat([losses, norms]).isfinite()).all() and (norms > 0).all()):
            return
        if not bool(self.first.any()):
            self.first.copy_(losses)
        left = losses / self.first
        pulls = self.weights * norms
        wanted = pulls.mean() * (left / left.mean()) ** self.alpha
        moved = self.weights * (wanted / pulls) ** self.rate
        self.weights.copy_(moved * len(moved) / moved.sum())


def _norm(loss: Tensor, shared: Sequence[nn.Parameter]) -> Tensor:
    """Of the gradient of a loss at the shared parameters, zero at those that it does not reach."""
    found = torch.autograd.grad(loss, shared, retain_graph=True, materialize_grads=True)
    return torch.stack([g.float().square().sum() for g in found]).sum().sqrt()
