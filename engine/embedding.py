"""Unit vectors of messages, by which anything is found by anything.

Messages of one structure (a picture; a picture and words; ..) share a network call. Source: Luo et
al. 2025 (arXiv:2510.13721), Section 3.5. Owns: batching. Does not own: the feature
(`model.network.omni.OmniModel.embedding`), an index of vectors (`retrieval`).
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from typing import Protocol

import numpy as np
import torch

from engine.api.conversation import Part
from flow.modality import Modality
from flow.sequence import OmniSequence
from model.network.omni import OmniModel
from model.prompt_template import Span, collate_prompts, embedded
from model.tokenizers.text import TextTokenizer
from model.tokenizers.whisper_encoder import SAMPLE_RATE

BATCH_POSITIONS = 4096
"""The most positions of a network call; a call has at least one message."""


class Reader(Protocol):
    """The interface that embedding needs of an engine."""

    model: OmniModel
    tokenizer: TextTokenizer

    @property
    def max_audio_s(self) -> float: ...

    def encode(self, part: Part) -> Span: ...

    def write_down(self, sounds: Sequence[np.ndarray]) -> list[str]: ...


def embed(reader: Reader, items: Sequence[tuple[Part, ...]]) -> np.ndarray:
    """float32 "N D" of N messages, each of unit length; a vector does not depend on the others.

    Of a sound the beginning counts, as long as the model hears at once. A message of sound alone
    lies in the middle between the sound and the words that are heard in it: speech finds by both
    what by either it would miss.

    Raises: ValueError where a message is empty, or `encode` does.
    """
    items = [tuple(_beginning(part, reader.max_audio_s) for part in parts) for parts in items]
    vectors = _vectors(reader, items)
    sounds = {i: p.audio for i, (p, *more) in enumerate(items) if p.audio is not None and not more}
    heard = reader.write_down(list(sounds.values())) if sounds else []
    said = {i: words for i, words in zip(sounds, heard, strict=True) if words.strip()}
    if said:
        rows = list(said)
        both = vectors[rows] + _vectors(reader, [(Part(text=words),) for words in said.values()])
        vectors[rows] = both / np.linalg.norm(both, axis=1, keepdims=True)
    return vectors


def _beginning(part: Part, max_audio_s: float) -> Part:
    if part.audio is None or not max_audio_s:
        return part
    return replace(part, audio=part.audio[: int(max_audio_s * SAMPLE_RATE)])


def _vectors(reader: Reader, items: Sequence[tuple[Part, ...]]) -> np.ndarray:
    """The vector of each message, taken as it is."""
    spans = [_spans(reader, parts) for parts in items]
    lengths = [sum(len(s.tokens) for s in found) for found in spans]
    alike: defaultdict[tuple[Modality, ...], list[int]] = defaultdict(list)
    for i in np.argsort(lengths, kind="stable").tolist():
        alike[tuple(s.modality for s in spans[i])].append(i)
    model = reader.model
    vectors = np.zeros((len(items), model.config.backbone.width), np.float32)
    for rows in alike.values():
        for batch in _batches(rows, lengths):
            segments = collate_prompts([spans[i] for i in batch], model.device)
            with torch.inference_mode():
                vectors[batch] = model.embedding(OmniSequence(tuple(segments))).cpu().numpy()
    return vectors


def _spans(reader: Reader, parts: tuple[Part, ...]) -> list[Span]:
    if not any(p.text is None or p.text.strip() for p in parts):
        raise ValueError("there is nothing to look for: write something, or give a file")
    seen = tuple(p.text or reader.encode(p) for p in parts if p.text != "")
    return embedded(reader.tokenizer, seen)


def _batches(rows: Sequence[int], lengths: Sequence[int]) -> list[list[int]]:
    """Neighbours in length, as many as fit into a call."""
    found: list[list[int]] = []
    for i in rows:
        if not found or (len(found[-1]) + 1) * lengths[i] > BATCH_POSITIONS:
            found.append([])
        found[-1].append(i)
    return found
