"""Unit vectors of messages, by which anything is found by anything.

Messages of one structure (a picture; a picture and words; ..) share a network call. Source: Luo et
al. 2025 (arXiv:2510.13721), Section 3.5. Owns: batching. Does not own: the feature
(`model.omni.OmniModel.embedding`), an index of vectors (`retrieval`).
"""

from collections import defaultdict
from collections.abc import Callable, Sequence

import numpy as np
import torch

from engine.request import Part
from flow.modality import Modality
from flow.sequence import OmniSequence
from model.omni import OmniModel
from model.template import Span, collate_prompts, embedded
from model.text import TextTokenizer

BATCH_POSITIONS = 4096
"""Of a network call; at least one message."""


def embed(
    model: OmniModel,
    tokenizer: TextTokenizer,
    encode: Callable[[Part], Span],
    items: Sequence[tuple[Part, ...]],
) -> np.ndarray:
    """float32 "N D" of N messages, each of unit length; a vector does not depend on the others.

    Raises: ValueError where a message is empty, or `encode` does.
    """
    spans = [_spans(tokenizer, encode, parts) for parts in items]
    lengths = [sum(len(s.tokens) for s in found) for found in spans]
    alike: defaultdict[tuple[Modality, ...], list[int]] = defaultdict(list)
    for i in np.argsort(lengths, kind="stable").tolist():
        alike[tuple(s.modality for s in spans[i])].append(i)
    vectors = np.zeros((len(items), model.config.backbone.width), np.float32)
    for rows in alike.values():
        for batch in _batches(rows, lengths):
            segments = collate_prompts([spans[i] for i in batch], model.device)
            with torch.inference_mode():
                vectors[batch] = model.embedding(OmniSequence(tuple(segments))).cpu().numpy()
    return vectors


def _spans(
    tokenizer: TextTokenizer, encode: Callable[[Part], Span], parts: tuple[Part, ...]
) -> list[Span]:
    if not any(p.text is None or p.text.strip() for p in parts):
        raise ValueError("there is nothing to look for: write something, or give a file")
    return embedded(tokenizer, tuple(p.text or encode(p) for p in parts if p.text != ""))


def _batches(rows: Sequence[int], lengths: Sequence[int]) -> list[list[int]]:
    """Neighbours in length, as many as fit into a call."""
    found: list[list[int]] = []
    for i in rows:
        if not found or (len(found[-1]) + 1) * lengths[i] > BATCH_POSITIONS:
            found.append([])
        found[-1].append(i)
    return found
