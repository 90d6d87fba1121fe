"""Muon for the matrices inside a transformer, AdamW for everything else.

Muon (Jordan et al. 2024, https://kellerjordan.github.io/posts/muon) replaces the momentum of a
matrix by its nearest semi-orthogonal matrix, so that rare directions (here: a single noun) are
learned as fast as common ones. The step is scaled to the size of an AdamW step (Liu et al. 2025,
arXiv:2502.16982, Section 2.2), so that both share one learning rate. Owns: which parameter is
stepped by which rule.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from model.layers.transformer import Block
from model.tokenizers.image_decoder import ConvBlock

QUINTIC = (3.4445, -4.7750, 2.0315)
"""Coefficients of the odd polynomial that pushes singular values towards 1, from Muon's author."""


def orthogonalise(matrices: Tensor, rounds: int = 5) -> Tensor:
    """The polar factor of each matrix "N R C", R <= C, to about 20%, by Newton-Schulz rounds.

    The rounds only ever multiply by polynomials of X X^T, so they are done on that "R R" matrix.
    """
    x = matrices / (matrices.norm(dim=(-2, -1), keepdim=True) + 1e-7)
    gram = x @ x.mT
    identity = torch.eye(gram.shape[-1], dtype=gram.dtype, device=gram.device)
    product = identity.expand_as(gram)
    a, b, c = QUINTIC
    for _ in range(rounds):
        factor = a * identity + b * gram + c * (gram @ gram)
        product = factor @ product
        gram = factor @ gram @ factor
    return product @ x


class Muon(torch.optim.Optimizer):
    """Nesterov momentum, orthogonalised; matrices of one shape are done in one batch. A
    convolution's weight is a matrix with a row for each channel that comes out."""

    def __init__(
        self,
        params: Iterable[nn.Parameter],
        lr: float,
        momentum: float = 0.95,
        weight_decay: float = 0.0,
    ) -> None:
        super().__init__(params, {"lr": lr, "momentum": momentum, "weight_decay": weight_decay})

    @torch.no_grad()
    def step(self, closure: Any = None) -> None:  # pyright: ignore[reportIncompatibleMethodOverride]
        """One update from the gradients; `closure` is not used."""
        for group in self.param_groups:
            shapes: defaultdict[tuple[int, ...], list[tuple[nn.Parameter, Tensor]]]
            shapes = defaultdict(list)
            for p in group["params"]:
                if p.grad is not None:
                    direction = self._direction(p, group).flatten(1)
                    shapes[tuple(sorted(direction.shape))].append((p, direction))
            for (rows, columns), members in shapes.items():
                wide = torch.stack([d if d.shape[0] == rows else d.mT for _, d in members])
                scale = group["lr"] * 0.2 * columns**0.5
                for (p, _), update in zip(members, orthogonalise(wide), strict=True):
                    p.mul_(1 - group["lr"] * group["weight_decay"])
                    p.sub_((update if p.shape[0] == rows else update.mT).view_as(p), alpha=scale)

    def _direction(self, p: nn.Parameter, group: dict[str, Any]) -> Tensor:
        assert p.grad is not None
        state = self.state[p]
        if not state:
            state["momentum"] = torch.zeros_like(p)
        state["momentum"].lerp_(p.grad, 1 - group["momentum"])
        return p.grad.lerp(state["momentum"], group["momentum"])


def make_optimisers(
    model: nn.Module,
    rate: float,
    weight_decay: float,
    *,
    muon: bool,
    rate_scales: Mapping[str, float] | None = None,
) -> list[torch.optim.Optimizer]:
    """Return AdamW for every trained parameter, or with muon AdamW and Muon for the matrices inside
    transformer and convolution blocks. Vectors do not decay. rate_scales: learning-rate factor of
    AdamW's parameters by name prefix."""
    blocks = [m for m in model.modules() if isinstance(m, (Block, ConvBlock))]
    matrices = {id(p) for m in blocks for p in m.parameters() if muon and p.ndim >= 2}
    trained = {name: p for name, p in model.named_parameters() if p.requires_grad}
    slow = [
        (share, [trained.pop(name) for name in list(trained) if name.startswith(prefix)])
        for prefix, share in (rate_scales or {}).items()
    ]
    inner = [p for p in trained.values() if id(p) in matrices]
    others = [p for p in trained.values() if id(p) not in matrices]
    groups: list[dict[str, Any]] = []
    for share, members in ((1.0, others), *slow):
        decaying = [p for p in members if p.ndim >= 2]
        plain = [p for p in members if p.ndim < 2]
        groups.append({"params": decaying, "weight_decay": weight_decay, "share": share})
        groups.append({"params": plain, "weight_decay": 0.0, "share": share})
    adam = torch.optim.AdamW(groups, lr=rate, betas=(0.9, 0.95), fused=True)
    return [adam, Muon(inner, rate, weight_decay=weight_decay)] if muon else [adam]
