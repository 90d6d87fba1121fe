"""The text of token ids: the pieces, and the end of an answer. Owns: `TokenText`."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import numpy as np

from model.tokenizers.text import END_THINK, ENDS, TextTokenizer

MASK_SIGN = " ▒"
"""The text of a masked token."""
THOUGHT_SIGN = " →"
"""The sign between the reasoning and the answer."""


@dataclass(frozen=True)
class TokenText:
    """pieces: id -> its text. ends: ids behind which nothing is read."""

    pieces: Mapping[int, str] = field(default_factory=dict)
    ends: tuple[int, ...] = ()

    @classmethod
    def of(cls, tokenizer: TextTokenizer, mask_id: int) -> "TokenText":
        """The whole vocabulary of a tokenizer, and the masked state."""
        pieces = dict(enumerate(tokenizer.pieces(range(tokenizer.cardinality))))
        return cls(pieces | {mask_id: MASK_SIGN, END_THINK: THOUGHT_SIGN}, ENDS)

    def shown(self, tokens: np.ndarray) -> tuple[str, ...]:
        """The pieces of ids "L 1", which join to the text; "" from the end on."""
        ids = tokens[:, 0].tolist()
        end = next((i for i, token in enumerate(ids) if token in self.ends), len(ids))
        return (*(self.pieces.get(i, "") for i in ids[:end]), *([""] * (len(ids) - end)))

    def among(self, ids: Iterable[int]) -> "TokenText":
        """The same for these ids only."""
        return TokenText(
            {i: self.pieces[i] for i in sorted(set(ids)) if i in self.pieces}, self.ends
        )
