"""The text tokenizer of a published checkpoint, with our markers in the first rows.

All source ids move up by `NUM_MARKERS`, as their rows do. Bytes and merges are unchanged, so text
is split as by the source. Where a source token has the meaning of one of our markers, the two swap
places. Owns: the tokenizer, and the order of rows that belongs to it.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers
from torch import Tensor

from model.tokenizers.text import MARKERS, NUM_MARKERS, TextTokenizer

FILE, SETTINGS = "tokenizer.json", "tokenizer_config.json"
VOCABULARY, MERGES = "vocab.json", "merges.txt"
QWEN_PIECES = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*"
    r"|\s*[\r\n]+|\s+(?!\S)|\s+"
)
"""Pre-tokenizer pattern of Qwen2. Source: its tokenizer.json."""


@dataclass(frozen=True)
class Exchange:
    """Swapped places. ids: our marker -> the source id that takes its place."""

    ids: Mapping[int, int]

    def place(self, theirs: int) -> int:
        """Return our id for a source id."""
        return next((m for m, i in self.ids.items() if i == theirs), theirs + NUM_MARKERS)

    def marker_place(self, marker: int) -> int:
        """Return the id of one of our markers."""
        return self.ids[marker] + NUM_MARKERS if marker in self.ids else marker

    def rows(self, tensor: Tensor) -> Tensor:
        """Reorder source rows "V .." to our order; the last ones, which have no token, become the
        first."""
        order = torch.arange(len(tensor)).roll(NUM_MARKERS)
        for marker, theirs in self.ids.items():
            other = theirs + NUM_MARKERS
            order[marker], order[other] = order[other].clone(), order[marker].clone()
        return tensor[order]


NONE = Exchange({})


def published(folder: Path) -> dict[str, Any]:
    """Return the content of a folder's tokenizer.json, or of one made from the older files of
    Qwen2.

    Raises: ValueError where files are missing or broken, or hold another kind of tokenizer.
    """
    file = folder / FILE
    older = [folder / name for name in (VOCABULARY, MERGES, SETTINGS)]
    if not file.is_file() and not all(f.is_file() for f in older):
        raise ValueError(f"{file} is missing: fetch it beside the weights")
    try:
        whole = json.loads(file.read_text() if file.is_file() else _qwen(folder))
        known = {
            **whole["model"]["vocab"],
            **{t["content"]: t["id"] for t in whole["added_tokens"]},
        }
        if not all(isinstance(number, int) for number in known.values()):
            raise TypeError("an id is no number")
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise ValueError(
            f"{file} is no byte-level BPE tokenizer ({error}): fetch it again"
        ) from error
    return whole


def with_markers(folder: Path, cardinality: int, exchange: Exchange = NONE) -> TextTokenizer:
    """Return the folder's byte-level BPE tokenizer, moved behind our markers.

    Raises: ValueError as `published`, and where it has more than `cardinality` entries.
    """
    file, whole = folder / FILE, published(folder)
    words: dict[str, int] = whole["model"]["vocab"]
    others = [t for t in whole["added_tokens"] if t["content"] not in MARKERS]
    if set(MARKERS) & set(words):
        raise ValueError(f"{file} has words that are our markers: use the tokenizer of Qwen2")
    others = [{**t, "id": exchange.place(t["id"])} for t in others]
    ours = {marker: exchange.marker_place(i) for i, marker in enumerate(MARKERS)}
    moved = {token: exchange.place(number) for token, number in words.items()}
    whole["model"]["vocab"] = {**ours, **moved, **{t["content"]: t["id"] for t in others}}
    markers = [_marker(i, m) for m, i in ours.items()]
    whole["added_tokens"] = sorted(markers + others, key=lambda t: t["id"])
    whole["post_processor"] = None
    try:
        tokenizer = Tokenizer.from_str(json.dumps(whole))
    except Exception as error:  # the library raises its bare Exception for a broken file
        raise ValueError(f"{file} is not a text tokenizer: {error}") from error
    if len(set(whole["model"]["vocab"].values())) != max(whole["model"]["vocab"].values()) + 1:
        raise ValueError(f"{file} leaves gaps between its words: use the checkpoint's own")
    return TextTokenizer(tokenizer, cardinality)


def _marker(number: int, content: str) -> dict[str, Any]:
    flags = dict.fromkeys(("single_word", "lstrip", "rstrip", "normalized"), False)
    return {"id": number, "content": content, **flags, "special": True}


def _qwen(folder: Path) -> str:
    """Build the JSON of Qwen2's tokenizer from vocabulary, merges and settings."""
    tokenizer = Tokenizer(
        models.BPE.from_file(str(folder / VOCABULARY), str(folder / MERGES))  # pyright: ignore
    )
    tokenizer.normalizer = normalizers.NFC()
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(QWEN_PIECES), "isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    tokenizer.decoder = decoders.ByteLevel()
    whole = json.loads(tokenizer.to_str())
    added = json.loads((folder / SETTINGS).read_text())["added_tokens_decoder"]
    whole["added_tokens"] = [{**token, "id": int(number)} for number, token in added.items()]
    return json.dumps(whole)
