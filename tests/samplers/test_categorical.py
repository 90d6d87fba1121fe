import pytest
import torch
from scipy.stats import chisquare
from torch import Tensor

from samplers.categorical import draw_categorical, draw_posterior
from samplers.counter_rng import CounterRNG
from tests.fakes import FakePosterior

NUM = 20_000
LOGITS = torch.tensor([1.0, -torch.inf, 0.0, 2.0, -1.5, -torch.inf])
EDGES = torch.tensor([1e-38, 2.0**-24, 0.5, 1 - 2.0**-24, 1.0])


def _uniforms(*, seed: int = 0) -> Tensor:
    return CounterRNG.for_seed(seed).uniform(0, 0, (NUM, 1)).flatten()


def _counts(**how: float) -> Tensor:
    ids, _ = draw_categorical(LOGITS.expand(NUM, 6), _uniforms(), **how)
    return ids.bincount(minlength=6)


def _fits(counts: Tensor, p: Tensor) -> bool:
    """Whether `counts` "V" could have been drawn from p, float64 "V"."""
    if int((p > 0).sum()) == 1:
        return bool(counts[p > 0] == NUM)
    if bool((counts[p == 0] > 0).any()):
        return False
    return bool(chisquare(counts[p > 0].numpy(), (NUM * p[p > 0]).numpy()).pvalue > 1e-3)


@pytest.mark.parametrize("temperature", [0.3, 1.0, 1.7])
def test_frequencies_are_the_tempered_softmax(temperature: float) -> None:
    p = (LOGITS.double() / temperature).softmax(-1)
    assert _fits(_counts(temperature=temperature), p)


def test_temperature_zero_is_the_argmax_and_tiny_ones_do_not_overflow() -> None:
    for temperature in (0.0, 1e-300, 1e-5, 1e-3):
        assert _counts(temperature=temperature).tolist() == [0, 0, 0, NUM, 0, 0]


@pytest.mark.parametrize(("top_p", "kept"), [(0.01, [3]), (0.7, [0, 3]), (0.95, [0, 2, 3])])
def test_the_nucleus_is_the_fewest_likeliest(top_p: float, kept: list[int]) -> None:
    p = torch.zeros(6, dtype=torch.float64)
    p[kept] = LOGITS.double()[kept].softmax(-1)
    assert _fits(_counts(top_p=top_p), p)


def test_the_nucleus_is_cut_after_the_temperature() -> None:
    hot, cold = (_counts(temperature=t, top_p=0.7) for t in (3.0, 0.3))
    assert (hot > 0).nonzero().flatten().tolist() == [0, 2, 3]
    assert (cold > 0).nonzero().flatten().tolist() == [3]


@pytest.mark.parametrize("how", [{}, {"temperature": 0.4}, {"top_p": 0.999}, {"temperature": 0.0}])
@pytest.mark.parametrize("size", [6, 5000])
def test_ids_of_logit_minus_infinity_are_never_drawn(how: dict[str, float], size: int) -> None:
    logits = torch.randn(len(EDGES), size, generator=torch.Generator().manual_seed(1))
    logits[:, ::2] = -torch.inf
    logits[:, -1] = -torch.inf
    logits[:, 0] = -torch.inf
    ids, confidence = draw_categorical(logits, EDGES, **how)
    assert bool(logits.gather(1, ids[:, None]).isfinite().all())
    assert bool((confidence > 0).all())


@pytest.mark.parametrize("how", [{}, {"temperature": 0.4, "top_p": 0.8}, {"temperature": 0.0}])
def test_confidence_is_the_untempered_probability(how: dict[str, float]) -> None:
    ids, confidence = draw_categorical(LOGITS.expand(NUM, 6), _uniforms(), **how)
    torch.testing.assert_close(confidence, LOGITS.softmax(-1)[ids])


def test_a_codebook_is_drawn_given_the_codes_before_it() -> None:
    """Code 0 is free; code 1 equals code 0 plus one; code 2 is the sum of both. Six ids each."""

    def logits(chosen: Tensor) -> Tensor:
        if chosen.shape[-1] == 0:
            return torch.zeros(1, NUM, 6)
        answer = (chosen.sum(-1) + (chosen.shape[-1] == 1)) % 6
        return torch.nn.functional.one_hot(answer, 6).float().log()

    posterior = FakePosterior(3, logits)
    codes, confidence = draw_posterior(posterior, CounterRNG.for_seed(0).uniform(0, 0, (NUM, 3)))
    assert posterior.calls == [0, 1, 2]
    first, second, third = codes[0].unbind(-1)
    assert _fits(first.bincount(minlength=6), torch.full((6,), 1 / 6, dtype=torch.float64))
    assert torch.equal(second, (first + 1) % 6)
    assert torch.equal(third, (first + second) % 6)
    torch.testing.assert_close(confidence, torch.tensor([1 / 6, 1, 1]).expand(1, NUM, 3))


def test_text_has_one_codebook() -> None:
    posterior = FakePosterior(1, lambda _: LOGITS.expand(2, 4, 6))
    codes, confidence = draw_posterior(posterior, torch.full((2, 4, 1), 0.5), temperature=0.0)
    assert codes.tolist() == [[[3]] * 4] * 2
    assert confidence.shape == (2, 4, 1)


@pytest.mark.parametrize("top_p", [1.0, 0.8])
def test_each_row_is_drawn_at_its_own_temperature(top_p: float) -> None:
    generator = torch.Generator().manual_seed(0)
    logits = 3 * torch.randn(6, 50, generator=generator)
    uniforms = torch.rand(6, generator=generator)
    own = torch.tensor([0.0, 0.3, 0.7, 1.0, 1.3, 2.0], dtype=torch.float64)
    ids, sure = draw_categorical(logits, uniforms, temperature=own, top_p=top_p)
    for row, temperature in enumerate(own.tolist()):
        one = slice(row, row + 1)
        alone = draw_categorical(logits[one], uniforms[one], temperature=temperature, top_p=top_p)
        assert (ids[row], sure[row]) == alone
