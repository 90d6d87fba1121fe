"""Posteriors over x_1 of the positions of a segment, by `samplers.denoiser.Posterior`'s protocol.

Axes: B batch, L positions, Q codebooks, V or K cardinality.
"""

from torch import Tensor

from model.network.heads import SubCodebookHead


class SingleCodebookPosterior:
    """The posterior of positions with one code each, given by logits "B L V"."""

    num_codebooks = 1

    def __init__(self, logits: Tensor) -> None:
        self._logits = logits

    def logits(self, chosen: Tensor) -> Tensor:
        """Return the logits "B L V". chosen: "B L 0", no code is drawn before."""
        assert chosen.shape[-1] == 0
        return self._logits


class MultiCodebookPosterior:
    """The posterior of positions with Q codes each, factorised in codebook order.

    The head's keys and values are cached between the codes of a position.
    """

    def __init__(self, head: SubCodebookHead, features: Tensor) -> None:
        self.num_codebooks = head.num_codebooks
        self._head = head
        self._features = features
        self._past: list[tuple[Tensor, Tensor]] | None = None
        self._next = 0

    def logits(self, chosen: Tensor) -> Tensor:
        """Return the logits "B L K" of code q = chosen.shape[-1], given the codes "B L q" before
        it. Calls come in the order q = 0, 1, .., Q-1."""
        q = chosen.shape[-1]
        if q == 0:
            self._past, self._next = None, 0
        assert q == self._next, "sub-codebooks are read in order"
        entering = self._features if q == 0 else chosen[..., -1]
        logits, self._past = self._head.step(entering.flatten(0, 1), q, self._past)
        self._next = q + 1
        return logits.float().unflatten(0, chosen.shape[:2])
