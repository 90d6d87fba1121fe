"""The specification of one segment to sample, and of the block that follows a block of sound.

Owns: `SegmentSpec`, and which specs one batch can hold. Does not own: the order of an answer's
segments (`engine.prompt.answer_plan`), what runs (`engine.generation.planner`).
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from engine.api.request import InitialState
from engine.api.sampling import Sampling
from engine.media.voice import shared_ids
from flow.modality import Modality
from model.prompt_template import Span


@dataclass(frozen=True)
class SegmentSpec:
    """One segment to sample.

    spans: its prompt; says: of speech the words that it says, in place of a prompt. sampling:
    complete settings. segment: its number in the answer. noise: the number that seeds its noise.
    start: where it begins, None is noise. block: of a sound the number of its block; prefix_codes:
    the codes "L Q" before that, of speech those of the speaker. nfe: network evaluations that it
    took to know where it begins.
    """

    spans: list[Span]
    modality: Modality
    sampling: Sampling
    segment: int
    noise: int
    start: InitialState | None = None
    block: int = 0
    prefix_codes: Tensor | None = None
    nfe: int = 0
    says: str | None = None

    @property
    def frozen_positions(self) -> tuple[int, ...]:
        """The positions that keep their codes from the start on."""
        return () if self.start is None else tuple(np.flatnonzero(self.start.pinned).tolist())

    def share_kept(self, tokens: np.ndarray) -> float | None:
        """Return the share of places at which tokens "L Q" are those of the picture that is
        changed; None where none is."""
        given = [s.tokens for s in self.spans if s.modality is Modality.IMAGE]
        if self.modality is not Modality.IMAGE or not given or given[-1].shape != tokens.shape:
            return None
        return float((given[-1].numpy() == tokens).all(1).mean())

    def ids(self, tokens: np.ndarray) -> np.ndarray:
        """Return the ids that events have for the tokens of its sampler."""
        return tokens if self.says is None else shared_ids(tokens)

    def next_block(
        self, tokens: np.ndarray, end: int, blocks: int
    ) -> tuple["SegmentSpec", Tensor, bool]:
        """Return the spec of the block after this one of tokens "L Q", the codes "L Q" of this one
        up to the end of the sound, and whether the sound ends in this one. end: the first token
        that is none of a sound; blocks: the most of a sound."""
        ends = np.flatnonzero((tokens >= end).any(1))
        added = torch.from_numpy(tokens[: ends[0]] if len(ends) else tokens)
        codes = added if self.prefix_codes is None else torch.cat([self.prefix_codes, added])
        block = self.block + 1
        last = bool(len(ends)) or block == blocks
        spans = self.spans if self.prefix_codes is None else self.spans[:-1]
        follows = replace(
            self,
            spans=[*spans, Span(Modality.AUDIO, codes)],
            block=block,
            prefix_codes=codes,
            start=None,
        )
        return follows, added, last


def batches(specs: Mapping[int, SegmentSpec]) -> list[list[int]]:
    """Return the keys of specs that one batch can hold; one that begins somewhere is alone."""
    found: dict[tuple[Any, ...], list[int]] = {}
    for i, spec in specs.items():
        shape = (tuple(s.modality for s in spec.spans), spec.says is None)
        key = (shape, spec.modality, spec.noise, replace(spec.sampling, seed=0))
        if spec.start is not None:
            key = (i,)
        found.setdefault(key, []).append(i)
    return list(found.values())
