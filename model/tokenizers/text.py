"""The text tokenizer: a byte-level BPE, lower case, with the markers of all modalities in its first
rows.

Unknown words split into bytes. Markers of audio, video and thoughts exist from the first checkpoint
on, so that later ones extend it.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers

from flow.modality import Modality, TokenSpace
from model.tokenizer_config import NUM_MARKERS

PAD, EOS, BOS, USER, ASSISTANT = range(5)
BEGIN_IMAGE, END_IMAGE, BEGIN_AUDIO, END_AUDIO, BEGIN_VIDEO, FRAME, END_VIDEO = range(5, 12)
THINK, END_THINK, SUGGEST = range(12, 15)
MASKED = 15
"""Row of a published vocabulary's own mask token, see `model.convert.layouts.text_tokenizer`."""
MARKERS: tuple[str, ...] = (
    "<pad>", "<eos>", "<bos>", "<user>", "<assistant>", "<image>", "</image>", "<audio>",
    "</audio>", "<video>", "<frame>", "</video>", "<think>", "</think>", "<suggest>",
    *(f"<reserved{i}>" for i in range(NUM_MARKERS - 15)),
)  # fmt: skip
OPENING: Mapping[Modality, int] = {
    Modality.IMAGE: BEGIN_IMAGE,
    Modality.AUDIO: BEGIN_AUDIO,
    Modality.VIDEO: BEGIN_VIDEO,
}
"""Marker after the text of an answer that opens a piece of media."""
ENDS = (EOS, *OPENING.values())
"""Markers that end the text of an answer."""


class TextTokenizer:
    """A text tokenizer: str <-> ids in [0, cardinality)."""

    def __init__(self, tokenizer: Tokenizer, cardinality: int) -> None:
        if tokenizer.get_vocab_size() > cardinality:
            raise ValueError(
                f"the tokenizer has {tokenizer.get_vocab_size()} entries, "
                f"the model only {cardinality} rows"
            )
        self._tokenizer = tokenizer
        self._tokenizer.encode_special_tokens = True  # what a visitor writes is never one
        self.cardinality = cardinality
        self._signs = MARKERS if tokenizer.token_to_id(MARKERS[EOS]) == EOS else ()
        added = tokenizer.get_added_tokens_decoder().items()
        self._special = {token.content: i for i, token in added if token.special}
        self._between = re.compile(f"({'|'.join(map(re.escape, self._special))})")
        self._pieces = tuple(
            "" if i < NUM_MARKERS else tokenizer.decode([i], skip_special_tokens=False)
            for i in range(tokenizer.get_vocab_size())
        )

    @classmethod
    def train(cls, texts: Iterable[str], cardinality: int) -> "TextTokenizer":
        """Train a tokenizer on texts."""
        tokenizer = Tokenizer(models.BPE())
        tokenizer.normalizer = normalizers.Sequence([normalizers.NFKC(), normalizers.Lowercase()])
        tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=True)
        tokenizer.decoder = decoders.ByteLevel()
        trainer = trainers.BpeTrainer(
            vocab_size=cardinality,
            special_tokens=list(MARKERS),
            initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
            show_progress=False,
        )
        tokenizer.train_from_iterator(texts, trainer)
        return cls(tokenizer, cardinality)

    @classmethod
    def load(cls, file: Path, cardinality: int) -> "TextTokenizer":
        """Read a tokenizer's JSON file. Raises: ValueError where it is missing or broken."""
        if not file.exists():
            raise ValueError(f"the checkpoint has no text tokenizer: {file} is missing")
        try:
            return cls(Tokenizer.from_file(str(file)), cardinality)
        except Exception as error:  # the library raises its bare Exception for a broken file
            raise ValueError(f"{file} is not a text tokenizer: {error}") from error

    def save(self, file: Path) -> None:
        """Write the tokenizer as JSON."""
        self._tokenizer.save(str(file))

    def space(
        self,
        media: Sequence[Modality] = tuple(OPENING),
        *,
        thinks: bool = True,
        opens_thoughts: bool = False,
        suggests: bool = True,
    ) -> TokenSpace:
        """Return the state space of text.

        Forbidden are rows without a token, and markers that no answer of this checkpoint contains,
        given the media that it generates and the abilities to think and to suggest. opens_thoughts:
        see `OmniConfig`.
        """
        answerable = {PAD, EOS, *(OPENING[m] for m in media)}
        answerable |= {END_THINK} if thinks else set()
        answerable |= {THINK} if thinks and opens_thoughts else set()
        answerable |= {SUGGEST} if suggests else set()
        markers = {*range(NUM_MARKERS), *map(self._tokenizer.token_to_id, MARKERS)}
        empty = range(len(self._pieces), self.cardinality)
        forbidden = (*sorted(markers - answerable), *empty)
        return TokenSpace(Modality.TEXT, 1, self.cardinality, forbidden)

    def encode(self, text: str) -> list[int]:
        """Return the ids of a text. Text that looks like a marker is encoded as plain text."""
        for marker in self._signs:
            text = text.replace(marker, marker[1:-1])
        return self._tokenizer.encode(text, add_special_tokens=False).ids

    def parts(self, text: str) -> list[int | str]:
        """Split a template into the ids of its special tokens and the text between them."""
        return [self._special.get(piece, piece) for piece in self._between.split(text) if piece]

    def decode(self, ids: Sequence[int]) -> str:
        """Decode ids up to the first <eos> or media marker; markers and the leading space are left
        out."""
        return self._tokenizer.decode([i for i in until_end(ids) if i >= NUM_MARKERS]).strip()

    def stored(self) -> tuple[str, ...]:
        """Return the pieces by id as they are stored, with a sign for each byte."""
        return tuple(
            str(self._tokenizer.id_to_token(i)) for i in range(self._tokenizer.get_vocab_size())
        )

    def spelled(self, piece: str) -> list[int]:
        """Return the ids that spell a stored piece of another tokenizer of bytes."""
        return [token.id for token in self._tokenizer.model.tokenize(piece)]

    def pieces(self, ids: Sequence[int]) -> tuple[str, ...]:
        """Return the text of each id, "" for markers; joined they are the text."""
        return tuple(self._pieces[i] if i < len(self._pieces) else "" for i in ids)


def thought_of(ids: Sequence[int]) -> tuple[list[int], list[int]]:
    """Split ids into thought and answer.

    A thought begins at <think>, or at the first id where only </think> follows. One that begins at
    <think> and does not end leaves no answer after it.
    """
    if THINK not in ids and END_THINK not in ids:
        return [], list(ids)
    found = list(ids)
    end = found.index(END_THINK) if END_THINK in found else len(found)
    begin = found.index(THINK) + 1 if THINK in found[:end] else 0
    return found[begin:end], [*found[: max(begin - 1, 0)], *found[end + 1 :]]


def until_end(ids: Sequence[int]) -> list[int]:
    """Return the ids before the first <eos> or media marker."""
    ends = [i for i, token in enumerate(ids) if token in ENDS]
    return list(ids[: ends[0]] if ends else ids)
