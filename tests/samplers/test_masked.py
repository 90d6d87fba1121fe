"""Masked diffusion commits as many as its schedule says, the surest first, and never takes back."""

import math
from collections.abc import Mapping

import pytest
import torch
from torch import Tensor

from flow.modality import Modality, TokenSpace
from flow.sequence import OmniSequence, response
from samplers.counter_rng import CounterRNG
from samplers.denoiser import Posterior
from samplers.masked import MaskedSampler, MaskSchedule
from samplers.source import masked_source
from samplers.step import Step
from tests.fakes import CountingDenoiser, FakePosterior, RandomDenoiser, UniformDenoiser

SPACE = TokenSpace(Modality.IMAGE, num_codebooks=2, cardinality=8)
SPACES = {Modality.IMAGE: SPACE}
LENGTH = 40


def _source(draws: CounterRNG, length: int = LENGTH) -> OmniSequence:
    return OmniSequence(
        (response(Modality.IMAGE, masked_source(SPACE, draws.batch, length, draws)),)
    )


def _masked(step: Step) -> Tensor:
    """bool "B L"."""
    return (step.x_t.segments[0].tokens == SPACE.mask_id).all(-1)


class RankedDenoiser:
    """Position l is sure of code 1 with logit scale * (order[l] + 1) against 0 for the others, in
    every sub-codebook."""

    def __init__(self, order: Tensor, scale: float = 0.1) -> None:
        self.strength = scale * (order + 1).float()

    def __call__(self, x_t: OmniSequence, t: float) -> Mapping[int, Posterior]:
        def logits(chosen: Tensor) -> Tensor:
            batch, length = x_t.segments[0].tokens.shape[:2]
            found = torch.zeros(batch, length, SPACE.cardinality)
            found[..., 1] = self.strength
            return found

        return {0: FakePosterior(2, logits)}


@pytest.mark.parametrize("schedule", list(MaskSchedule))
def test_as_many_stay_masked_as_the_schedule_says(schedule: str) -> None:
    draws = CounterRNG.for_seed(0, 3)
    sampler = MaskedSampler(SPACES, steps=9, schedule=schedule)
    for step in sampler.sample(RandomDenoiser(SPACES), _source(draws), draws=draws):
        r = (step.index + 1) / 9
        share = math.cos(math.pi * r / 2) if schedule == "cosine" else 1 - r
        left = 0 if step.last else math.floor(LENGTH * share)
        assert _masked(step).sum(1).tolist() == [left] * 3


@pytest.mark.parametrize("threshold", [None, 0.0, 0.2, 1.0])
@pytest.mark.parametrize("steps", [3, 8, LENGTH])
def test_a_block_is_whole_before_the_next_one_begins(steps: int, threshold: float | None) -> None:
    draws, block = CounterRNG.for_seed(2, 3), 8
    sampler = MaskedSampler(
        SPACES, steps=steps, schedule="linear", block=block, threshold=threshold
    )
    for step in sampler.sample(RandomDenoiser(SPACES), _source(draws), draws=draws):
        left = _masked(step).unflatten(1, (-1, block)).sum(2)
        begun = left < block
        assert not bool((begun[:, 1:] & (left[:, :-1] > 0)).any())


def test_blocks_that_steps_divide_take_equal_turns() -> None:
    """As LLaDA samples: steps / blocks steps a block, as many positions in each."""
    draws = CounterRNG.for_seed(2, 2)
    sampler = MaskedSampler(SPACES, steps=20, schedule="linear", block=10)
    for step in sampler.sample(RandomDenoiser(SPACES), _source(draws), draws=draws):
        done = (~_masked(step)).unflatten(1, (-1, 10)).sum(2)
        turn, within = divmod(step.index, 5)
        wanted = [10] * turn + [2 * (within + 1)] + [0] * (3 - turn)
        assert done.tolist() == [wanted] * 2


def test_what_is_committed_stays() -> None:
    draws = CounterRNG.for_seed(1, 2)
    sampler = MaskedSampler(SPACES, steps=8, choice_temperature=2.0)
    before: Step | None = None
    for step in sampler.sample(RandomDenoiser(SPACES), _source(draws), draws=draws):
        if before is not None:
            done = ~_masked(before)
            assert bool(done.any())
            for now, then in (
                (step.x_t.segments[0].tokens, before.x_t.segments[0].tokens),
                (step.x_1[0], before.x_t.segments[0].tokens),
                (step.confidence[0], before.confidence[0]),
            ):
                assert torch.equal(now[done], then[done])
            assert not bool(step.changed[0][done].any())
        before = step


@pytest.mark.parametrize("remasking", ["low_confidence", "entropy", "margin"])
def test_the_surest_positions_come_first(remasking: str) -> None:
    draws = CounterRNG.for_seed(2)
    order = torch.randperm(LENGTH, generator=torch.Generator().manual_seed(0))
    sampler = MaskedSampler(
        SPACES, steps=LENGTH, remasking=remasking, schedule="linear", temperature=0.0
    )
    denoiser = RankedDenoiser(order)
    committed = [
        int(step.changed[0][0].any(-1).nonzero().squeeze())
        for step in sampler.sample(denoiser, _source(draws), draws=draws)
    ]
    assert order[committed].tolist() == list(range(LENGTH))[::-1]


def test_the_product_over_sub_codes_is_the_confidence() -> None:
    """Three positions that the score of one sub-code alone would order otherwise."""
    first = torch.tensor([0.90, 0.70, 0.60])
    second = torch.tensor([0.30, 0.50, 0.80])  # products .27, .35, .48

    def denoiser(x_t: OmniSequence, t: float) -> Mapping[int, Posterior]:
        def logits(chosen: Tensor) -> Tensor:
            p = first if chosen.shape[-1] == 0 else second
            rest = ((1 - p) / 7).log()[:, None].expand(3, 8).clone()
            rest[:, 4] = p.log()
            return rest[None]

        return {0: FakePosterior(2, logits)}

    draws = CounterRNG.for_seed(3)
    sampler = MaskedSampler(SPACES, steps=3, schedule="linear", temperature=0.0)
    committed = [
        int(step.changed[0][0].any(-1).nonzero().squeeze())
        for step in sampler.sample(denoiser, _source(draws, 3), draws=draws)
    ]
    assert committed == [2, 1, 0]


def test_random_order_prefers_nobody() -> None:
    draws = CounterRNG.for_seed(4, 3000)
    sampler = MaskedSampler(SPACES, steps=4, schedule="linear", remasking="random")
    first = next(sampler.sample(UniformDenoiser(SPACES), _source(draws, 8), draws=draws))
    counts = (~_masked(first)).sum(0).float()
    assert int(counts.sum()) == 6000
    assert float((counts - 750).abs().max()) < 5 * 750**0.5


def test_a_threshold_commits_what_is_above_it_and_ends_early() -> None:
    order = torch.arange(LENGTH)
    draws = CounterRNG.for_seed(5)
    p = torch.tensor([torch.exp(torch.tensor(0.1 * (i + 1))) for i in range(LENGTH)])
    sure = (p / (p + 7)) ** 2
    threshold = float(sure[LENGTH // 2])
    sampler = MaskedSampler(SPACES, steps=64, threshold=threshold, temperature=0.0)
    counting = CountingDenoiser(RankedDenoiser(order))
    run = list(sampler.sample(counting, _source(draws), draws=draws))
    moved = [int(step.changed[0][0].any(-1).sum()) for step in run]
    assert moved[0] == int((sure > threshold).sum()) > 10
    assert moved[1:] == [1] * (LENGTH - moved[0]), "at least one a step"
    assert [step.last for step in run] == [*[False] * (len(run) - 1), True]
    assert len(counting.times) == len(run) < 64


def test_a_threshold_that_nothing_reaches_still_ends_in_time() -> None:
    draws = CounterRNG.for_seed(6, 2)
    sampler = MaskedSampler(SPACES, steps=5, threshold=1.0)
    run = list(sampler.sample(UniformDenoiser(SPACES), _source(draws), draws=draws))
    assert [int(_masked(step)[0].sum()) for step in run] == [39, 38, 37, 36, 0]
    assert run[-1].last


def test_only_masked_positions_are_filled() -> None:
    """Inpainting: what x_0 shows stays, also where it may be edited."""
    draws = CounterRNG.for_seed(7, 2)
    x_0 = _source(draws)
    tokens = x_0.segments[0].tokens.clone()
    tokens[:, ::2] = 5
    x_0 = x_0.with_tokens({0: tokens})
    *_, last = MaskedSampler(SPACES, steps=4).sample(RandomDenoiser(SPACES), x_0, draws=draws)
    final = last.x_t.segments[0].tokens
    assert bool((final[:, ::2] == 5).all())
    assert bool((final[:, 1::2] != SPACE.mask_id).all())
    assert bool((last.confidence[0][:, ::2] == 1).all())
    assert bool((last.confidence[0][:, 1::2] < 1).any())


def test_choice_temperature_mixes_the_order() -> None:
    draws = CounterRNG.for_seed(8, 200)
    order = torch.arange(10)
    found: list[float] = []
    for heat in (0.0, 1.0, 50.0):
        sampler = MaskedSampler(
            SPACES, steps=10, schedule="linear", temperature=0.0, choice_temperature=heat
        )
        first = next(sampler.sample(RankedDenoiser(order, 1.0), _source(draws, 10), draws=draws))
        found.append(float((~_masked(first)[:, 9]).float().mean()))
    assert found[0] == 1.0 > found[1] > found[2]
    assert found[2] == pytest.approx(0.1, abs=0.08)


WORDS = TokenSpace(Modality.TEXT, num_codebooks=1, cardinality=12)
END, FILL = 7, 0


def _written(
    stop: tuple[int, ...], rows: int = 8, first: int = 0, block: int | None = 8
) -> list[Step]:
    """A run over 32 words in which an end is not rare. first: the seed of its first row."""
    draws = CounterRNG(torch.arange(first, first + rows))
    x_0 = OmniSequence((response(Modality.TEXT, masked_source(WORDS, rows, 32, draws)),))
    sampler = MaskedSampler(
        {Modality.TEXT: WORDS}, steps=32, schedule="linear", block=block, stop=stop, fill=FILL
    )
    denoiser = CountingDenoiser(RandomDenoiser({Modality.TEXT: WORDS}))
    run = list(sampler.sample(denoiser, x_0, draws=draws))
    assert len(denoiser.times) == len(run) == run[-1].nfe
    return run


def _final(run: list[Step]) -> list[list[int]]:
    return run[-1].x_t.segments[0].tokens[..., 0].tolist()


@pytest.mark.parametrize("block", [8, None])
def test_what_is_behind_an_end_is_filled_and_changes_nothing_before_it(block: int | None) -> None:
    """Each row alone: the random denoiser sees every position of its own row."""
    saved = 0
    for seed in range(12):
        whole, short = _written((), 1, seed, block), _written((END,), 1, seed, block)
        assert len(short) <= len(whole) == 32
        assert short[-1].last
        assert not any(step.last for step in short[:-1])
        ((long,), (brief,)) = _final(whole), _final(short)
        assert WORDS.mask_id not in brief
        ended = END in long
        place = long.index(END) if ended else 32
        assert brief[: place + 1] == long[: place + 1]
        if len(short) < 32:
            assert ended
            assert FILL in brief[place + 1 :]
            assert bool(short[-1].changed[0].any())
            assert torch.equal(short[-1].x_1[0], short[-1].x_t.segments[0].tokens)
            saved += 32 - len(short)
    assert saved > 0


def test_rows_that_end_are_the_same_alone_and_together() -> None:
    together = _written((END,))
    alone = [_written((END,), 1, first) for first in range(8)]
    assert _final(together) == [row for run in alone for row in _final(run)]
    assert len(together) == max(len(run) for run in alone)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"steps": 0}, "at least 1 step"),
        ({"remasking": "best"}, "unknown remasking 'best': choose one of low_confidence"),
        ({"schedule": "square"}, "unknown mask schedule 'square': choose one of cosine, linear"),
        ({"threshold": 1.5}, "threshold"),
        ({"threshold": -0.5}, "threshold"),
        ({"temperature": -1.0}, "temperature"),
        ({"choice_temperature": -1.0}, "choice_temperature"),
        ({"top_p": 0.0}, "top_p"),
    ],
)
def test_settings_out_of_range_are_refused(settings: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        MaskedSampler(SPACES, **settings)  # type: ignore[arg-type]


def test_the_seeds_must_be_as_many_as_the_rows() -> None:
    with pytest.raises(ValueError, match="2 seeds"):
        masked_source(SPACE, 3, 5, CounterRNG.for_seed(0, 2))
