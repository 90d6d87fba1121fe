"""Distances between the codes of a codebook, which define the path.

Owns: `Metric`, `distances`, `CodebookMetric`. A codebook of a few thousand codes
has a table; for a text vocabulary (up to 152k) only requested rows are computed, never a V x V
matrix. Does not own: the codes (`model/`), or the clock beta (`flow.schedule`).
"""

from dataclasses import dataclass, replace
from enum import StrEnum

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, Int
from torch import Tensor

TABLE_ELEMENTS = 2**26
"""Largest "Q V V" table that is built: 256 MiB of float32."""


class Metric(StrEnum):
    """Distance d(x, y) of two unit vectors with cosine similarity cos. Each needs its own (c, a).

    COSINE: 1 - cos, the paper's. L2_POWER4: (2 - 2 cos)^2, used by FUDOKI's code. L2_SQUARED: 2 - 2
    cos.
    """

    COSINE = "cosine"
    L2_POWER4 = "l2_power4"
    L2_SQUARED = "l2_squared"


def distances(
    codes: Float[Tensor, "V D"], targets: Int[Tensor, " N"], metric: Metric
) -> Float[Tensor, "N V"]:
    """Return row n = d(x, targets[n]) for every x; codes are unit vectors.

    Exactly 0 at x = targets[n], at least 0 elsewhere. N x V values: callers chunk over N.
    """
    cosine = codes[targets] @ codes.T
    gap = (1 - cosine).clamp_(min=0).scatter_(1, targets.unsqueeze(1), 0.0)
    match metric:
        case Metric.COSINE:
            return gap
        case Metric.L2_SQUARED:
            return gap.mul_(2)
        case Metric.L2_POWER4:
            return gap.mul_(2).square_()


@dataclass(frozen=True)
class CodebookMetric:
    """Distances of the Q codebooks of one token space; build it with `of`.

    codes: float32 "Q V D", unit rows. allowed: bool "Q V", ids that may be a state (not forbidden).
    representative: int64 "Q V", the first allowed id with an equal row (itself, if rows differ).
    table: float32 "Q V V", or None where it would be too large. A forbidden id and a duplicate are
    at infinite distance from every target, so that no path and no jump ever reaches them.
    """

    kind: Metric
    codes: Tensor
    allowed: Tensor
    representative: Tensor
    table: Tensor | None

    @classmethod
    def of(
        cls,
        codes: Float[Tensor, "Q V D"],
        kind: Metric = Metric.COSINE,
        *,
        forbidden: tuple[int, ...] = (),
        dedupe: bool = True,
    ) -> "CodebookMetric":
        """Build the metric of `codes` of any scale; the ids `forbidden` are no states.

        Raises: ValueError where an allowed row is zero or not finite, or fewer than 2 ids remain.
        """
        unit = F.normalize(codes.detach().float(), dim=-1)
        allowed = torch.ones(unit.shape[:2], dtype=torch.bool, device=unit.device)
        allowed[:, list(forbidden)] = False
        squared_norm = (unit * unit).sum(dim=-1)  # 1, but 0 for a zero row and NaN for a NaN
        broken = (allowed & ~(squared_norm > 0.9)).nonzero()
        if len(broken):
            raise ValueError(
                f"codes without a direction, as [codebook, id]: {broken[:8].numpy(force=True)}"
            )
        representative = torch.stack(
            [_first_equal_rows(u, a, dedupe) for u, a in zip(unit, allowed, strict=True)]
        )
        metric = cls(kind, unit, allowed, representative, table=None)
        if int(metric.states.sum(dim=-1).min()) < 2:
            raise ValueError("a codebook needs at least 2 allowed codes that differ")
        if metric.num_codebooks * metric.cardinality**2 <= TABLE_ELEMENTS:
            every_id = torch.arange(metric.cardinality, device=unit.device)
            rows = [metric.distances(q, every_id) for q in range(metric.num_codebooks)]
            metric = replace(metric, table=torch.stack(rows))
        return metric

    @property
    def num_codebooks(self) -> int:
        return self.codes.shape[0]

    @property
    def cardinality(self) -> int:
        return self.codes.shape[1]

    @property
    def states(self) -> Bool[Tensor, "Q V"]:
        """The ids that the path can reach: allowed, and the first of equal rows."""
        every_id = torch.arange(self.cardinality, device=self.codes.device)
        return self.allowed & (self.representative == every_id)

    def distances(self, codebook: int, targets: Int[Tensor, " N"]) -> Float[Tensor, "N V"]:
        """Return row n = d(x, targets[n]) for every x of one codebook; infinite where x is no
        state.

        A new tensor, from the table if there is one. Without a table the rows come from a matrix
        product, whose last bits may depend on N.
        """
        if self.table is not None:
            return self.table[codebook][targets]
        rows = distances(self.codes[codebook], targets, self.kind)
        return rows.masked_fill_(~self.states[codebook], torch.inf)

    def canonical(self, tokens: Int[Tensor, "B L Q"]) -> Int[Tensor, "B L Q"]:
        """Replace each id by the first allowed id with an equal row; a forbidden id is
        unchanged."""
        return _per_codebook(self.representative, tokens)

    def is_allowed(self, tokens: Int[Tensor, "B L Q"]) -> Bool[Tensor, "B L Q"]:
        """Return True where an id is in range and not forbidden."""
        inside = (tokens >= 0) & (tokens < self.cardinality)
        return inside & _per_codebook(self.allowed, tokens.clamp(0, self.cardinality - 1))

    def to(self, device: torch.device | str) -> "CodebookMetric":
        """Return the metric on another device."""
        return CodebookMetric(
            kind=self.kind,
            codes=self.codes.to(device),
            allowed=self.allowed.to(device),
            representative=self.representative.to(device),
            table=None if self.table is None else self.table.to(device),
        )


def _per_codebook(lookup: Tensor, tokens: Tensor) -> Tensor:
    """Return lookup[q, tokens[b, l, q]]."""
    codebooks = torch.arange(lookup.shape[0], device=tokens.device)
    return lookup[codebooks, tokens]


def _first_equal_rows(unit: Tensor, allowed: Tensor, dedupe: bool) -> Tensor:
    """Return the first allowed id with an equal row, for each row of unit "V D"; a forbidden id is
    unchanged."""
    every_id = torch.arange(len(unit), device=unit.device)
    if not dedupe:
        return every_id
    ids = every_id[allowed]
    _, group = torch.unique(  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]
        unit[ids], dim=0, return_inverse=True
    )
    assert isinstance(group, Tensor)
    first = torch.full_like(ids, len(unit)).scatter_reduce_(0, group, ids, "amin")
    return every_id.masked_scatter(allowed, first[group])
