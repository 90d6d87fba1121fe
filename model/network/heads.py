"""The sub-codebook head: from backbone features to the logits of media codes.

A few small causal layers predict the codes of one position in order from [h, e(k_1), e(k_2), ..],
for all positions in parallel. Source: Luo et al. 2025 (arXiv:2510.13721), Section 2.3.
"""

import torch
from torch import Tensor, nn

from model.config import HeadConfig
from model.layers.logits import logits
from model.layers.transformer import Block


class SubCodebookHead(nn.Module):
    """The head "N D" -> logits of Q codes, each given the codes before it. named: the first code
    has rows of features besides (`OmniConfig.named_codes`)."""

    def __init__(
        self,
        feature_width: int,
        num_codebooks: int,
        cardinality: int,
        config: HeadConfig,
        *,
        named: bool = False,
    ) -> None:
        super().__init__()
        self.num_codebooks = num_codebooks
        self.enter = nn.Linear(feature_width, config.width)
        self.codes = nn.ModuleList(
            nn.Embedding(cardinality, config.width) for _ in range(num_codebooks - 1)
        )
        self.place = nn.Parameter(torch.randn(num_codebooks, config.width) * 0.02)
        self.layers = nn.ModuleList(
            Block(config.width, config.heads, config.mlp_width) for _ in range(config.layers)
        )
        self.names = nn.Linear(feature_width, cardinality, bias=False) if named else None
        self.norm = nn.RMSNorm(config.width)
        self.out = nn.ModuleList(
            nn.Linear(config.width, cardinality, bias=False) for _ in range(num_codebooks)
        )

    def forward(self, features: Tensor, codes: Tensor) -> list[Tensor]:
        """Return Q logits "N K" by teacher forcing, given features "N D" and true codes "N Q"."""
        inputs = [self.enter(features)]
        inputs += [embed(codes[:, q]) for q, embed in enumerate(self.codes)]
        x = torch.stack(inputs, 1) + self.place
        mask = torch.ones(len(inputs), len(inputs), dtype=torch.bool, device=x.device).tril()
        for layer in self.layers:
            x, _ = layer(x, None, mask)
        x = self.norm(x)
        found = [out(x[:, q]) for q, out in enumerate(self.out)]
        if self.names is not None:
            found[0] = found[0] + self.names(features)
        return found

    def step(
        self, entering: Tensor, q: int, past: list[tuple[Tensor, Tensor]] | None
    ) -> tuple[Tensor, list[tuple[Tensor, Tensor]]]:
        """Return the logits "N K" of code q, and keys and values so far. entering: the features "N
        D" for q = 0, otherwise the codes "N" chosen for q - 1."""
        x = self.enter(entering) if q == 0 else self.codes[q - 1](entering)
        x = (x + self.place[q])[:, None]
        present: list[tuple[Tensor, Tensor]] = []
        for i, layer in enumerate(self.layers):
            x, kept = layer(x, None, None, None if past is None else past[i])
            present.append(kept)
        last = self.out[q]
        assert isinstance(last, nn.Linear)
        found = logits(self.norm(x)[:, 0], last.weight)
        if q == 0 and self.names is not None:
            found = found + logits(entering, self.names.weight)
        return found, present
