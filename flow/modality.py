"""Modalities and their token spaces: the only source of special ids.

A modality is data (a value carried by a segment), never a method name or an offset into one big
vocabulary. Owns: `Modality`, `TokenSpace`. Does not own: embeddings, tokenizers, networks.
"""

from dataclasses import dataclass
from enum import StrEnum


class Modality(StrEnum):
    """The modality of a segment's tokens."""

    TEXT = "text"
    IMAGE = "image"
    AUDIO = "audio"
    VIDEO = "video"


@dataclass(frozen=True)
class TokenSpace:
    """The state space of one position of one modality: `num_codebooks` ids in `[0, cardinality)`.

    `forbidden` ids are never a state of the flow: x_0 is not drawn from them and no posterior may
    choose them (role markers, reserved rows). The masked state of masked diffusion is one extra id,
    `mask_id`, that exists in x_t only and is never a target.
    """

    modality: Modality
    num_codebooks: int
    cardinality: int
    forbidden: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        if self.num_codebooks < 1 or self.cardinality < 2:
            raise ValueError(
                f"a token space needs at least 1 codebook of 2 codes, "
                f"not {self.num_codebooks} of {self.cardinality}"
            )
        outside = [i for i in self.forbidden if not 0 <= i < self.cardinality]
        if outside:
            raise ValueError(f"forbidden ids {outside} are outside [0, {self.cardinality})")

    @property
    def mask_id(self) -> int:
        """The masked state: one past the last code."""
        return self.cardinality
