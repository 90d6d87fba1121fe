"""GradNorm: balances several losses by their gradients at shared weights.

Source: Chen et al. 2018 (arXiv:1711.02257), as Luo et al. 2025 (arXiv:2510.13721, Section 2.4) use
it. There the weights of the losses are learned by gradient descent; here they are moved in
logarithms towards the same fixed point, so that they stay positive and a step does not depend on
how large gradients are. Owns: `GradNorm`. Does not own: which losses and which weights.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

ALPHA = 0.5
"""The strength of the correction for slow losses; small, because a trained tokenizer's loss hardly
falls."""
RATE = 0.025
"""The step towards the fixed point, as a share of the way."""


class GradNorm(nn.Module):
    """weights: of n losses, positive, with sum n. first: the initial losses; zeros before."""

    weights: Tensor
    first: Tensor

    def __init__(self, num: int, alpha: float = ALPHA, rate: float = RATE) -> None:
        super().__init__()
        self.alpha, self.rate = alpha, rate
        self.register_buffer("weights", torch.ones(num))
        self.register_buffer("first", torch.zeros(num))

    def weigh(self, losses: Sequence[Tensor], shared: Sequence[nn.Parameter]) -> Tensor:
        """Return the weighted sum of positive scalar losses; then update the weights from the
        gradients at the shared parameters."""
        weights = self.weights.clone()
        total = torch.stack([w * x for w, x in zip(weights, losses, strict=True)]).sum()
        norms = torch.stack([_norm(x, shared) for x in losses])
        self.move(torch.stack([x.detach().float() for x in losses]), norms)
        return total

    @torch.no_grad()
    def move(self, losses: Tensor, norms: Tensor) -> None:
        """Move one step towards w_i |g_i| = mean(w |g|) r_i^alpha, with r_i the relative remaining
        loss i. norms: |g_i| without weights, "n"; nothing moves where one is zero or a value is not
        finite."""
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
    """Return the gradient norm of a loss at the shared parameters."""
    found = torch.autograd.grad(loss, shared, retain_graph=True, materialize_grads=True)
    return torch.stack([g.float().square().sum() for g in found]).sum().sqrt()
