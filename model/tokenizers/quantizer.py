"""Multi-codebook quantization: a position is `num_codebooks` independent nearest-code choices.

Each sub-quantizer L2-normalises its chunk of the feature and its codes and picks the code of
highest cosine similarity, with a straight-through gradient. Source: Luo et al. 2025
(arXiv:2510.13721), Section 2.1; UniTok (arXiv:2502.20321).
"""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

COMMITMENT = 0.25
ENTROPY_TEMPERATURE = 0.05


@dataclass(frozen=True)
class Quantized:
    """The result of quantization. codes: int64 "B L Q". vectors: "B L Q*code_dim", unit per chunk,
    straight-through. loss, entropy: scalars."""

    codes: Tensor
    vectors: Tensor
    loss: Tensor
    entropy: Tensor


class MultiCodebookQuantizer(nn.Module):
    """The quantizer: features "B L Q*code_dim" <-> codes "B L Q"."""

    used: Tensor

    def __init__(self, num_codebooks: int, cardinality: int, code_dim: int) -> None:
        super().__init__()
        self.num_codebooks, self.cardinality, self.code_dim = num_codebooks, cardinality, code_dim
        start = torch.randn(num_codebooks, cardinality, code_dim)
        self.codebooks = nn.Parameter(F.normalize(start, dim=-1))
        self.register_buffer("used", torch.ones(num_codebooks, cardinality), persistent=False)

    def unit_codebooks(self) -> Tensor:
        """Return the unit codes "Q K code_dim"."""
        return F.normalize(self.codebooks, dim=-1)

    def chunks(self, features: Tensor) -> Tensor:
        """Return the unit chunks "B L Q code_dim" of the features."""
        return F.normalize(features.unflatten(-1, (self.num_codebooks, self.code_dim)), dim=-1)

    def encode(self, features: Tensor) -> Tensor:
        """Return the codes "B L Q" of highest cosine similarity."""
        return torch.einsum("blqd,qkd->blqk", self.chunks(features), self.unit_codebooks()).argmax(
            -1
        )

    def decode(self, codes: Tensor) -> Tensor:
        """Return the vectors "B L Q*code_dim" of the codes."""
        books = self.unit_codebooks()
        return torch.cat(
            [F.embedding(codes[..., q], books[q]) for q in range(self.num_codebooks)], -1
        )

    def forward(self, features: Tensor) -> Quantized:
        z = self.chunks(features)
        if self.training:
            self._revive(z.detach())
        similarity = torch.einsum("blqd,qkd->blqk", z, self.unit_codebooks())
        codes = similarity.argmax(-1)
        vectors = self.decode(codes).unflatten(-1, (self.num_codebooks, self.code_dim))
        codebook = (vectors - z.detach()).square().sum(-1).mean()
        commitment = (vectors.detach() - z).square().sum(-1).mean()
        p = (similarity / ENTROPY_TEMPERATURE).softmax(-1)
        mean = p.flatten(0, 1).mean(0)
        entropy = -(mean * (mean + 1e-9).log()).sum(-1).mean()
        if self.training:
            self._count(codes)
        straight = z + (vectors - z).detach()
        return Quantized(codes, straight.flatten(-2), codebook + COMMITMENT * commitment, entropy)

    @torch.no_grad()
    def _revive(self, z: Tensor) -> None:
        """Move codes that were long unused to random features of this batch."""
        for q in range(self.num_codebooks):
            dead = (self.used[q] < 0.01).nonzero()[:, 0]
            if len(dead):
                pool = z[..., q, :].flatten(0, 1)
                chosen = torch.randint(len(pool), (len(dead),), device=z.device)
                self.codebooks[q, dead] = pool[chosen]
                self.used[q, dead] = 0.1

    @torch.no_grad()
    def _count(self, codes: Tensor) -> None:
        for q in range(self.num_codebooks):
            counts = torch.bincount(codes[..., q].flatten(), minlength=self.cardinality)
            self.used[q].mul_(0.99).add_(counts, alpha=0.01)
