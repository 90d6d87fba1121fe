"""The cache approximates by less and less as its share grows, and by nothing at the end."""

from collections.abc import Iterator

import pytest
import torch
from torch import Tensor

from engine.denoisers.cache import CachedDenoiser
from engine.denoisers.guidance import GuidedDenoiser
from flow.modality import Modality
from flow.sequence import OmniSequence, prompt, response
from model.network.omni import OmniModel
from samplers.counter_rng import CounterRNG
from samplers.denoiser import Denoiser
from samplers.kinetic import KineticSampler
from samplers.source import random_source
from samplers.step import Step


def _x_0(model: OmniModel, draws: CounterRNG, words: int = 6) -> OmniSequence:
    rng = torch.Generator().manual_seed(0)
    asked = torch.randint(40, 290, (draws.batch, words, 1), generator=rng)
    valid = torch.ones(draws.batch, words, dtype=torch.bool)
    valid[1:, words - 2 :] = False
    length = model.config.vision.positions
    source = random_source(model.spaces[Modality.IMAGE], draws.batch, length, draws, segment=1)
    return OmniSequence((prompt(Modality.TEXT, asked, valid), response(Modality.IMAGE, source)))


def _run(model: OmniModel, denoiser: Denoiser, batch: int = 2) -> Iterator[Step]:
    draws = CounterRNG.for_seed(5, batch)
    return KineticSampler(model.metrics(), times=tuple(i / 6 for i in range(7))).sample(
        denoiser, _x_0(model, draws), draws=draws
    )


def _logits(denoiser: Denoiser, x_t: OmniSequence) -> Tensor:
    with torch.inference_mode():
        posterior = denoiser(x_t, 0.5)[1]
        x_1 = torch.zeros(x_t.batch, x_t.segments[1].length, 0, dtype=torch.int64)
        return posterior.logits(x_1)


@pytest.mark.parametrize("scale", [0.0, 2.0])
def test_everything_due_is_no_cache_bit_for_bit(tiny_model: OmniModel, scale: float) -> None:
    def wrapped(inner: Denoiser) -> Denoiser:
        return GuidedDenoiser(inner, scale) if scale else inner

    plain = list(_run(tiny_model, wrapped(tiny_model)))
    cached = list(_run(tiny_model, wrapped(CachedDenoiser(tiny_model, 1.0, 1))))
    for a, b in zip(plain, cached, strict=True):
        assert torch.equal(a.x_t.segments[1].tokens, b.x_t.segments[1].tokens)
        assert torch.equal(a.confidence[1], b.confidence[1])
        assert a.num_active == b.num_active == 4


def test_a_state_that_did_not_change_is_as_it_was(tiny_model: OmniModel) -> None:
    """Nothing is due in the second call, and every kept feature is right."""
    x_t = _x_0(tiny_model, CounterRNG.for_seed(1, 2))
    cached = CachedDenoiser(tiny_model, share=0.0)
    first, second = (_logits(cached, x_t) for _ in range(2))
    assert cached.evaluated == 0
    torch.testing.assert_close(first, second, atol=1e-6, rtol=0)
    torch.testing.assert_close(first, _logits(tiny_model, x_t), atol=1e-6, rtol=0)


def test_what_changed_is_always_evaluated(tiny_model: OmniModel) -> None:
    x_t = _x_0(tiny_model, CounterRNG.for_seed(2, 2))
    cached = CachedDenoiser(tiny_model, share=0.0)
    before = _logits(cached, x_t)
    tokens = x_t.segments[1].tokens.clone()
    tokens[:, 2] = (tokens[:, 2] + 5) % 16
    changed = x_t.with_tokens({1: tokens})
    after = _logits(cached, changed)
    assert cached.evaluated == 1
    exact = _logits(tiny_model, changed)
    assert not torch.allclose(after[:, 2], before[:, 2], atol=1e-4)
    assert torch.equal(after[:, [0, 1, 3]], before[:, [0, 1, 3]]), "nothing else was due"
    error = (after[:, 2] - exact[:, 2]).abs().max()
    assert float(error) < 0.2 * float((before[:, 2] - exact[:, 2]).abs().max())


def test_a_larger_share_is_nearer_to_the_truth(tiny_model: OmniModel) -> None:
    x_t = _x_0(tiny_model, CounterRNG.for_seed(3, 8))
    tokens = x_t.segments[1].tokens.clone()
    tokens[:, 1] = (tokens[:, 1] + 3) % 16
    changed = x_t.with_tokens({1: tokens})
    exact = _logits(tiny_model, changed)
    errors: list[float] = []
    for share, num in ((0.0, 1), (0.5, 2), (0.75, 3), (1.0, 4)):
        cached = CachedDenoiser(tiny_model, share)
        _logits(cached, x_t)
        errors.append(float((_logits(cached, changed) - exact).abs().mean()))
        assert cached.evaluated == num
    assert errors[0] > errors[1] > errors[2] > errors[3]
    assert errors[3] < 0.5 * errors[0], "what is left is the prompt, kept from the call before"


def test_the_prompt_is_evaluated_when_it_is_due(tiny_model: OmniModel) -> None:
    """With the whole response evaluated, the error of kept prompt features is gone at once."""
    x_t = _x_0(tiny_model, CounterRNG.for_seed(4, 2))
    cached = CachedDenoiser(tiny_model, share=1.0, prompt_every=3)
    exact_at: list[bool] = []
    for step in range(7):
        tokens = (x_t.segments[1].tokens + step) % 16
        state = x_t.with_tokens({1: tokens})
        exact_at.append(torch.equal(_logits(cached, state), _logits(tiny_model, state)))
    assert exact_at == [True, False, False, True, False, False, True]


def test_two_runs_share_nothing(tiny_model: OmniModel) -> None:
    one = CachedDenoiser(tiny_model, 0.5)
    runs = [[s.x_t.segments[1].tokens for s in _run(tiny_model, CachedDenoiser(tiny_model, 0.5))]
            for _ in range(2)]  # fmt: skip
    mixed = [s.x_t.segments[1].tokens for s in _run(tiny_model, one)]
    for a, b, c in zip(*runs, mixed, strict=True):
        assert torch.equal(a, b)
        assert torch.equal(a, c)


def test_every_step_reports_what_was_evaluated(tiny_model: OmniModel) -> None:
    for scale in (0.0, 1.0):
        cached = CachedDenoiser(tiny_model, 0.25)
        steps = list(_run(tiny_model, GuidedDenoiser(cached, scale) if scale else cached))
        assert steps[0].num_active == 4
        assert all(1 <= s.num_active <= 4 for s in steps)
    draws = CounterRNG.for_seed(5)
    x_0 = _x_0(tiny_model, draws)
    calm = CachedDenoiser(tiny_model, 0.25)
    for _ in range(3):
        _logits(calm, x_0)
    assert calm.evaluated == 1


@pytest.mark.parametrize("settings", [{"share": -0.1}, {"share": 1.1}, {"prompt_every": -1}])
def test_settings_out_of_range(tiny_model: OmniModel, settings: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="must be"):
        CachedDenoiser(tiny_model, **settings)  # type: ignore[arg-type]
