"""Guidance mixes logits as (1 + s) cond - s uncond, given the same chosen codes, in one network
call."""

from collections.abc import Mapping

import torch
from torch import Tensor

from engine.denoisers.guidance import GuidedDenoiser
from flow.modality import Modality
from flow.sequence import OmniSequence, prompt, response
from model.network.omni import OmniModel
from samplers.counter_rng import CounterRNG
from samplers.source import random_source


class _Posterior:
    """Logits that tell apart the rows that see the prompt, and remember the chosen codes."""

    num_codebooks = 2

    def __init__(self, seen: Tensor, length: int) -> None:
        self.seen, self.length = seen, length
        self.chosen: list[Tensor] = []

    def logits(self, chosen: Tensor) -> Tensor:
        self.chosen.append(chosen)
        assert chosen.shape[0] == len(self.seen)
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


def test_outside_its_interval_the_prompt_alone_decides() -> None:
    inner = _Denoiser()
    guided = GuidedDenoiser(inner, 3.0, interval=(0.25, 0.5))
    sizes: list[int] = []
    for t in (0.0, 0.25, 0.5, 0.75):
        posterior = guided(_sequence(), t)[1]
        sizes.append(inner.calls[-1].batch)
        logits = posterior.logits(torch.empty(1, 4, 0, dtype=torch.long))
        assert logits[0, 0, 2] == (22.0 if 0.25 <= t <= 0.5 else 7.0)
    assert sizes == [1, 2, 2, 1]


def test_the_unconditional_branch_can_be_used_again() -> None:
    """Half the rows in every second call; the formula and the chosen codes stay right."""
    inner = _Denoiser()
    guided = GuidedDenoiser(inner, 3.0, every=2)
    for step in range(4):
        posterior = guided(_sequence(), step / 4)[1]
        for q in range(2):
            logits = posterior.logits(torch.full((1, 4, q), step, dtype=torch.long))
            cond, uncond = torch.tensor([1.0, 7.0]), torch.tensor([1.0, 2.0])
            torch.testing.assert_close(logits[0, 0, 1:], 4 * cond - 3 * uncond)
            assert bool(logits[..., 0].isneginf().all())
    assert [x.batch for x in inner.calls] == [2, 1, 2, 1]


def test_an_unconditional_branch_of_the_same_state_changes_nothing(tiny_model: OmniModel) -> None:
    """With the state held still, every = 2 gives the logits of every = 1."""
    draws = CounterRNG.for_seed(3)
    words = prompt(Modality.TEXT, torch.tensor([[50, 60, 70]])[..., None])
    source = random_source(tiny_model.spaces[Modality.IMAGE], 1, 4, draws)
    x_t = OmniSequence((words, response(Modality.IMAGE, source)))
    found: list[Tensor] = []
    with torch.inference_mode():
        for every in (1, 2):
            guided = GuidedDenoiser(tiny_model, 2.0, every=every)
            for _ in range(2):
                posterior = guided(x_t, 0.5)[1]
                chosen = torch.empty(1, 4, 0, dtype=torch.long)
                for _ in range(4):
                    found.append(posterior.logits(chosen))
                    chosen = torch.cat([chosen, torch.full((1, 4, 1), 3)], -1)
    for q in range(4):
        for other in found[q + 4 :: 4]:
            torch.testing.assert_close(found[q], other, atol=1e-5, rtol=1e-5)
