"""An answer gets as many blocks as it needs, each row its own, and never fails on an odd length."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import pytest
import torch
from torch import Tensor

from flow.metric import CodebookMetric
from flow.modality import Modality, TokenSpace
from flow.sequence import OmniSequence, prompt, response
from samplers.blockwise import BlockwiseSampler
from samplers.counter_rng import CounterRNG
from samplers.denoiser import Posterior
from samplers.kinetic import KineticSampler
from samplers.masked import MaskedSampler
from samplers.source import random_source
from tests.fakes import FakePosterior

SPACE = TokenSpace(Modality.TEXT, num_codebooks=1, cardinality=20)
END = 3


@dataclass
class Speaker:
    """Knows that row b's answer ends at position `stops[b]`, and says 5 before and 4 after it."""

    stops: list[int]
    lengths: list[int] = field(default_factory=list)
    valid: list[Tensor] = field(default_factory=list)

    def __call__(self, x_t: OmniSequence, t: float) -> Mapping[int, Posterior]:
        segment = x_t.segments[-1]
        self.lengths.append(segment.length)
        self.valid.append(segment.valid)
        places = torch.arange(segment.length)
        stops = torch.tensor(self.stops)[:, None]
        said = torch.where(places == stops, END, torch.where(places < stops, 5, 4))
        logits = 50.0 * torch.nn.functional.one_hot(said, SPACE.cardinality)

        def given(chosen: Tensor) -> Tensor:
            return logits

        return {len(x_t.segments) - 1: FakePosterior(1, given)}


def _x_0(draws: CounterRNG, longest: int) -> OmniSequence:
    asked = prompt(Modality.TEXT, torch.full((draws.batch, 3, 1), 7))
    source = random_source(SPACE, draws.batch, longest, draws, segment=1)
    return OmniSequence((asked, response(Modality.TEXT, source)))


def _kinetic() -> KineticSampler:
    codes = torch.randn(1, 20, 6, generator=torch.Generator().manual_seed(0))
    return KineticSampler({Modality.TEXT: CodebookMetric.of(codes)}, times=(0.0, 0.5, 1.0))


@pytest.mark.parametrize(
    ("stop", "longest", "length", "calls"),
    [(0, 16, 4, 1), (3, 16, 4, 1), (4, 16, 8, 2), (9, 16, 12, 3), (15, 16, 16, 3), (99, 16, 16, 3),
     (9, 10, 10, 2), (2, 3, 3, 0), (2, 4, 4, 0)],
)  # fmt: skip
def test_blocks_are_added_until_the_end_is_seen(
    stop: int, longest: int, length: int, calls: int
) -> None:
    """Also where the longest length is no multiple of the block."""
    draws, speaker = CounterRNG.for_seed(0), Speaker([stop])
    sampler = BlockwiseSampler(_kinetic(), block=4, ends=(END,))
    lengths, taken = sampler.fitted(speaker, _x_0(draws, longest))
    assert (lengths.tolist(), taken) == ([length], calls)
    run = list(sampler.sample(speaker, _x_0(draws, longest), draws=draws))
    assert [s.nfe for s in run] == [calls + 1, calls + 2]
    said = run[-1].x_t.segments[-1].tokens[0, :, 0].tolist()
    assert said == [END if i == stop else 5 if i < stop else 4 for i in range(length)]


@pytest.mark.parametrize("stop", [0, 4, 9])
def test_an_answer_in_more_room_is_the_same_answer(stop: int) -> None:
    """What lies behind it does not exist, and is in no step."""
    draws, speaker = CounterRNG.for_seed(0), Speaker([stop])
    plain = BlockwiseSampler(_kinetic(), block=4, ends=(END,))
    roomy = replace(plain, padded=lambda length: 16)
    runs = [list(s.sample(speaker, _x_0(draws, 14), draws=draws)) for s in (plain, roomy)]
    for one, other in zip(*runs, strict=True):
        segment = other.x_t.segments[-1]
        assert torch.equal(one.x_t.segments[-1].tokens, segment.tokens)
        assert bool(segment.valid.all())
        for name in ("x_1", "changed", "confidence"):
            assert torch.equal(getattr(one, name)[1], getattr(other, name)[1])


def test_each_row_has_the_length_it_would_have_alone() -> None:
    stops = [2, 9, 5]
    draws = CounterRNG.for_seed(4, 3)
    sampler = BlockwiseSampler(_kinetic(), block=4, ends=(END,))
    speaker = Speaker(stops)
    *_, together = sampler.sample(speaker, _x_0(draws, 16), draws=draws)
    segment = together.x_t.segments[-1]
    assert segment.valid.sum(1).tolist() == [4, 12, 8]
    assert speaker.lengths == [4, 8, 12, 12, 12]
    for row, stop in enumerate(stops):
        alone = CounterRNG.for_seed(4 + row)
        *_, last = sampler.sample(Speaker([stop]), _x_0(alone, 16), draws=alone)
        kept = last.x_t.segments[-1].tokens[0]
        assert torch.equal(segment.tokens[row, segment.valid[row]], kept)


def test_masked_diffusion_runs_in_blocks_too() -> None:
    draws = CounterRNG.for_seed(1)
    inside = MaskedSampler({Modality.TEXT: SPACE}, steps=3)
    x_0 = _x_0(draws, 16)
    masked = x_0.with_tokens({1: torch.full_like(x_0.segments[1].tokens, SPACE.mask_id)})
    sampler = BlockwiseSampler(inside, block=4, ends=(END,))
    *_, last = sampler.sample(Speaker([6]), masked, draws=draws)
    assert last.x_t.segments[-1].tokens[0, :, 0].tolist() == [5] * 6 + [END, 4]


def test_an_unsure_end_is_not_an_end() -> None:
    """P(end) = 1/20 everywhere: under the threshold the answer grows, over it it does not."""

    def shrug(x_t: OmniSequence, t: float) -> Mapping[int, Posterior]:
        logits = torch.zeros(x_t.batch, x_t.segments[-1].length, 20)

        def given(chosen: Tensor) -> Tensor:
            return logits

        return {1: FakePosterior(1, given)}

    draws = CounterRNG.for_seed(2)
    for threshold, length in ((0.06, 12), (0.04, 4)):
        sampler = BlockwiseSampler(_kinetic(), 4, (END,), threshold)
        lengths, _ = sampler.fitted(shrug, _x_0(draws, 12))
        assert lengths.tolist() == [length]


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"block": 0}, "at least 1 position"),
        ({"threshold": 1.5}, "threshold"),
        ({"ends": ()}, "ends an answer"),
    ],
)
def test_settings_out_of_range_are_refused(settings: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        BlockwiseSampler(_kinetic(), **{"block": 4, "ends": (END,), **settings})  # type: ignore[arg-type]
