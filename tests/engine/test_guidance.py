"""Guidance mixes logits as (1 + s) cond - s uncond, given the same chosen codes, in one network
call."""

from collections.abc import Mapping

import torch
from torch import Tensor

from engine.guidance import GuidedDenoiser
from flow.modality import Modality
from flow.sequence import OmniSequence, prompt, response


class _Posterior:
    """Logits that tell apart the rows that see the prompt, and remember the chosen codes."""

    num_codebooks = 2

    def __init__(self, seen: Tensor, length: int) -> None:
        self.seen, self.length = seen, length
        self.chosen: list[Tensor] = []

    def logits(self, chosen: Tensor) -> Tensor:
        self.chosen.append(chosen)
        base = torch.arange(3.0).expand(len(self.seen), self.length, 3).clone()
        base += self.seen[:, None, None] * torch.tensor([1.0, 0.0, 5.0])
        base[..., 0] = torch.where(self.seen[:, None] > 0, -torch.inf, base[..., 0])
        return base


class _Denoiser:
    """Counts its calls and reports how many prompt positions each row can see."""

    def __init__(self) -> None:
        self.calls: list[OmniSequence] = []
        self.posterior: _Posterior | None = None

    def __call__(self, x_t: OmniSequence, t: float) -> Mapping[int, _Posterior]:
        self.calls.append(x_t)
        seen = x_t.segments[0].valid.sum(1).float() - 1
        self.posterior = _Posterior(seen, x_t.segments[1].length)
        return {1: self.posterior}


def _sequence() -> OmniSequence:
    return OmniSequence(
        (
            prompt(Modality.TEXT, torch.full((1, 2, 1), 5)),
            response(Modality.IMAGE, torch.zeros(1, 4, 2, dtype=torch.long)),
        )
    )


def test_formula_and_one_call() -> None:
    inner = _Denoiser()
    posterior = GuidedDenoiser(inner, 3.0)(_sequence(), 0.25)[1]
    assert len(inner.calls) == 1
    logits = posterior.logits(torch.empty(1, 4, 0, dtype=torch.long))
    cond, uncond = torch.tensor([1.0, 7.0]), torch.tensor([1.0, 2.0])
    torch.testing.assert_close(logits[0, 0, 1:], 4 * cond - 3 * uncond)
    assert bool(logits[..., 0].isneginf().all()), "impossible with the prompt is impossible"


def test_both_branches_follow_the_chosen_codes() -> None:
    inner = _Denoiser()
    posterior = GuidedDenoiser(inner, 1.0)(_sequence(), 0.0)[1]
    posterior.logits(torch.empty(1, 4, 0, dtype=torch.long))
    posterior.logits(torch.full((1, 4, 1), 2))
    assert inner.posterior is not None
    assert torch.equal(inner.posterior.chosen[1], torch.full((2, 4, 1), 2))


def test_unconditional_branch_drops_exactly_the_prompt() -> None:
    """Everything but the marker that opens the response; the state is the same in both branches."""
    inner = _Denoiser()
    GuidedDenoiser(inner, 1.0)(_sequence(), 0.0)
    doubled = inner.calls[0]
    assert doubled.segments[0].valid.tolist() == [[True, True], [False, True]]
    assert torch.equal(doubled.segments[1].tokens[0], doubled.segments[1].tokens[1])
    assert bool(doubled.segments[1].valid.all())
