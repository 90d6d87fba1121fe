"""The protocols of a network that a sampler calls; prompt, guidance and cache are wrappers.

A model fits `Denoiser` by its shape, it does not inherit from it.
"""

from collections.abc import Mapping
from typing import Protocol, runtime_checkable

from torch import Tensor

from flow.sequence import OmniSequence


@runtime_checkable
class Posterior(Protocol):
    """p_{1|t}(x_1 | x_t) of one segment, read one sub-codebook at a time.

    `num_codebooks` is Q. Sub-codebooks are predicted autoregressively inside a position, so the
    logits of sub-codebook q depend on the codes chosen for 0 .. q-1.
    """

    num_codebooks: int

    def logits(self, chosen: Tensor) -> Tensor:
        """Logits float32 "B L V" of sub-codebook q, where `chosen` "B L q" holds the codes of 0 ..
        q-1.

        Calls come in order q = 0, 1, .., Q-1 and each extends the codes of the one before, so that
        an implementation may keep keys and values. Ids that cannot be drawn have logit -inf.
        """
        ...


@runtime_checkable
class Denoiser(Protocol):
    """Posterior of x_1 given the state, for each segment that has an editable position."""

    def __call__(self, x_t: OmniSequence, t: float) -> Mapping[int, Posterior]:
        """One network evaluation: segment index -> posterior. `t` is a hint that a model may
        ignore."""
        ...


@runtime_checkable
class PartialEvaluation(Protocol):
    """A denoiser that may evaluate fewer positions than there are. evaluated: editable positions a
    row in its last call, or None where it was all of them."""

    @property
    def evaluated(self) -> int | None: ...


def evaluated_positions(denoiser: Denoiser, everything: int) -> int:
    """The number of editable positions a row that the last call evaluated."""
    found = denoiser.evaluated if isinstance(denoiser, PartialEvaluation) else None
    return everything if found is None else found
