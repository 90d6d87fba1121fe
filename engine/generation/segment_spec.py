"""A wish: one segment to sample, what comes before it, and the block that follows a block of sound.

Owns: `SegmentSpec`, and which wishes one batch can hold. Does not own: the order of an answer's
segments (`engine.prompt.answer_plan`), how a segment is sampled (`engine.generation.runner`).
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from engine.api.request import InitialState
from engine.api.sampling import Sampling
from flow.modality import Modality
from model.config import OmniConfig
from model.prompt_template import Span


@dataclass(frozen=True)
class SegmentSpec:
    """One segment to sample: its prompt, modality, complete settings, its number in the answer,
    the number that seeds its noise, and where it begins; of a sound the number of its block and the
    codes "L Q" before it. read: network calls that it took to know where it begins."""

    spans: list[Span]
    modality: Modality
    sampling: Sampling
    segment: int
    noise: int
    start: InitialState | None = None
    block: int = 0
    begun: Tensor | None = None
    read: int = 0

    @property
    def held(self) -> tuple[int, ...]:
        """The positions that stay as they are from its start."""
        return () if self.start is None else tuple(np.flatnonzero(self.start.pinned).tolist())

    def grown(self, tokens: np.ndarray, config: OmniConfig) -> tuple["SegmentSpec", Tensor, bool]:
        """The wish for the block after this one of tokens "L Q", the codes "L Q" of this one up to
        the end of the sound, and whether it ends in here."""
        assert config.audio is not None
        ends = np.flatnonzero((tokens >= config.audio.cardinality).any(1))
        added = torch.from_numpy(tokens[: ends[0]] if len(ends) else tokens)
        begun = added if self.begun is None else torch.cat([self.begun, added])
        block = self.block + 1
        last = bool(len(ends)) or block == config.audio_blocks
        spans = self.spans if self.begun is None else self.spans[:-1]
        follows = replace(
            self,
            spans=[*spans, Span(Modality.AUDIO, begun)],
            block=block,
            begun=begun,
            start=None,
        )
        return follows, added, last


def groups(wishes: Mapping[int, SegmentSpec]) -> list[list[int]]:
    """The numbers of wishes that one batch can hold; one that begins somewhere is alone."""
    found: dict[tuple[Any, ...], list[int]] = {}
    for i, wish in wishes.items():
        shape = tuple(s.modality for s in wish.spans)
        key = (shape, wish.modality, wish.noise, replace(wish.sampling, seed=0))
        if wish.start is not None:
            key = (i,)
        found.setdefault(key, []).append(i)
    return list(found.values())
