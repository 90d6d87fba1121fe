"""The alternatives to every draw: the likeliest codes and the entropy, as a wrapper.

A watched posterior passes its logits on unchanged and keeps a few numbers of them, so the sampler
runs as it would alone. Owns: `Alternatives`, `TopKRecorder`, `CausalTopKRecorder`. Does not
own: their recording (`engine.inspection.trace`).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

import torch
from torch import Tensor

from flow.inverse_cdf import row_chunks
from flow.sequence import OmniSequence
from samplers.autoregressive import CausalDenoiser, Decoding
from samplers.denoiser import Denoiser, PartialEvaluation, Posterior
from samplers.step import Alternatives

SMALLEST_LOG = -1e4
"""Stands in for the logarithm of 0, which times 0 is not a number."""


@dataclass
class TopKRecorder:
    """denoiser: is called as ever. num: how many of the likeliest codes are kept. Belongs to one
    generation."""

    denoiser: Denoiser
    num: int
    _seen: dict[int, "_RecordedPosterior"] = field(default_factory=dict, init=False)

    @property
    def evaluated(self) -> int | None:
        """The number that the network reports."""
        return self.denoiser.evaluated if isinstance(self.denoiser, PartialEvaluation) else None

    def __call__(self, x_t: OmniSequence, t: float) -> Mapping[int, Posterior]:
        posteriors = self.denoiser(x_t, t)
        self._seen = {i: _RecordedPosterior(p, self.num) for i, p in posteriors.items()}
        return self._seen

    def alternatives(self) -> dict[int, Alternatives]:
        """Behind the draws of the last call, by segment."""
        return {i: posterior.alternatives() for i, posterior in self._seen.items()}


@dataclass
class CausalTopKRecorder:
    """The same from left to right: only the position that was just written has alternatives, the
    others have none (id 0, probability 0)."""

    denoiser: CausalDenoiser
    num: int
    _decoding: "_RecordedDecoding | None" = field(default=None, init=False)

    def begin(self, x_0: OmniSequence) -> "_RecordedDecoding":
        """A watched run over the last segment."""
        self._decoding = _RecordedDecoding(self.denoiser.begin(x_0), self.num, x_0)
        return self._decoding

    def alternatives(self) -> dict[int, Alternatives]:
        """Behind the draw of the last position, by segment."""
        assert self._decoding is not None
        return self._decoding.alternatives()


class _RecordedDecoding:
    def __init__(self, inside: Decoding, num: int, x_0: OmniSequence) -> None:
        self._inside, self._num = inside, num
        self._place, self._shape = len(x_0.segments) - 1, x_0.segments[-1].tokens.shape
        self._last: tuple[_RecordedPosterior, Tensor] | None = None

    def next(self, tokens: Tensor | None, index: Tensor) -> "_RecordedPosterior":
        posterior = _RecordedPosterior(self._inside.next(tokens, index), self._num)
        self._last = posterior, index.view(1).clone()
        return posterior

    def alternatives(self) -> dict[int, Alternatives]:
        assert self._last is not None
        found, index = self._last[0].alternatives(), self._last[1]

        def placed(one: Tensor) -> Tensor:
            """The numbers "B 1 .." of one position among zeros "B L .."."""
            whole = one.new_zeros(self._shape[0], self._shape[1], *one.shape[2:])
            return whole.index_copy_(1, index, one)

        return {
            self._place: Alternatives(
                placed(found.ids), placed(found.probabilities), placed(found.entropy)
            )
        }


class _RecordedPosterior:
    """Pass logits on, keep them for one step, and then return the alternatives of all codes."""

    def __init__(self, inside: Posterior, num: int) -> None:
        self.num_codebooks = inside.num_codebooks
        self._inside, self._num = inside, num
        self._passed: list[Tensor] = []

    def logits(self, chosen: Tensor) -> Tensor:
        logits = self._inside.logits(chosen)
        self._passed.append(logits)
        return logits

    def alternatives(self) -> Alternatives:
        passed = torch.stack(self._passed, 2)
        flat = passed.flatten(0, 2)
        parts = [self._note(flat[rows]) for rows in row_chunks(len(flat), flat.shape[1])]
        notes = (torch.cat(column) for column in zip(*parts, strict=True))
        return Alternatives(*(note.unflatten(0, passed.shape[:3]) for note in notes))

    def _note(self, logits: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """The likeliest ids "N k", their probabilities, and the entropy "N" in nats."""
        log_p = logits.float().log_softmax(dim=-1)
        likeliest, ids = log_p.topk(min(self._num, log_p.shape[1]), dim=-1)
        entropy = -torch.linalg.vecdot(log_p.exp(), log_p.clamp(min=SMALLEST_LOG))
        return ids, likeliest.exp(), entropy
