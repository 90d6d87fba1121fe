"""Autoregression writes from left to right, each position given the ones before, and stops."""

from dataclasses import dataclass, field

import pytest
import torch
from torch import Tensor

from flow.modality import Modality, TokenSpace
from flow.sequence import OmniSequence, prompt, response
from samplers.autoregressive import AutoregressiveSampler, CausalDenoiser
from samplers.counter_rng import CounterRNG
from samplers.source import masked_source, random_source
from tests.fakes import FakePosterior

TEXT = TokenSpace(Modality.TEXT, num_codebooks=1, cardinality=30, forbidden=(0,))
IMAGE = TokenSpace(Modality.IMAGE, num_codebooks=2, cardinality=30)
SPACES = {Modality.TEXT: TEXT, Modality.IMAGE: IMAGE}


@dataclass
class Markov:
    """A causal network whose next code is the one before plus one, modulo the cardinality, with a
    given certainty; the second sub-code repeats the first. The row's prompt sets the start."""

    space: TokenSpace
    scale: float = 100.0
    given: list[Tensor | None] = field(default_factory=list)

    def begin(self, x_0: OmniSequence) -> "Markov":
        self.given = []
        self._start = x_0.segments[0].tokens[:, -1, 0]
        return self

    def next(self, tokens: Tensor | None, index: Tensor) -> FakePosterior:
        self.given.append(tokens)
        before = self._start if tokens is None else tokens[:, 0]

        def logits(chosen: Tensor) -> Tensor:
            wanted = (before + 1) % self.space.cardinality
            if chosen.shape[-1] == 1:
                wanted = chosen[:, 0, 0]
            hot = torch.nn.functional.one_hot(wanted, self.space.cardinality)
            return (self.scale * hot)[:, None].float()

        return FakePosterior(self.space.num_codebooks, logits)


def _ask(space: TokenSpace, starts: list[int], length: int) -> tuple[OmniSequence, CounterRNG]:
    draws = CounterRNG.for_seed(0, len(starts))
    asked = prompt(Modality.TEXT, torch.tensor(starts)[:, None, None])
    source = masked_source(space, len(starts), length, draws, segment=1)
    return OmniSequence((asked, response(space.modality, source))), draws


def test_each_position_follows_from_the_one_before() -> None:
    x_0, draws = _ask(IMAGE, [4, 27], 6)
    chain = Markov(IMAGE)
    assert isinstance(chain, CausalDenoiser)
    run = list(AutoregressiveSampler(SPACES).sample(chain, x_0, draws=draws))
    codes = run[-1].x_t.segments[1].tokens
    assert codes[..., 0].tolist() == [[5, 6, 7, 8, 9, 10], [28, 29, 0, 1, 2, 3]]
    assert torch.equal(codes[..., 0], codes[..., 1])
    assert chain.given[0] is None
    for i, given in enumerate(chain.given[1:]):
        assert given is not None
        assert torch.equal(given, codes[:, i])


def test_a_step_a_position_and_the_rest_is_masked() -> None:
    x_0, draws = _ask(IMAGE, [4], 5)
    run = list(AutoregressiveSampler(SPACES).sample(Markov(IMAGE, 1.0), x_0, draws=draws))
    assert [s.t for s in run] == [0.2, 0.4, 0.6, 0.8, 1.0]
    assert [s.nfe for s in run] == [1, 2, 3, 4, 5]
    assert [s.last for s in run] == [False] * 4 + [True]
    for i, step in enumerate(run):
        tokens = step.x_t.segments[1].tokens
        assert bool((tokens[:, : i + 1] < 30).all())
        assert bool((tokens[:, i + 1 :] == IMAGE.mask_id).all())
        assert torch.equal(step.x_1[1], tokens)
        assert step.changed[1][0].any(-1).nonzero().flatten().tolist() == [i]
        assert bool((step.confidence[1][:, : i + 1] < 1).all())
        assert torch.equal(tokens[:, : i + 1], run[-1].x_t.segments[1].tokens[:, : i + 1])


def test_rows_and_seeds_are_their_own() -> None:
    x_0, draws = _ask(IMAGE, [4, 4, 4], 8)
    sampler = AutoregressiveSampler(SPACES)
    *_, together = sampler.sample(Markov(IMAGE, 2.0), x_0, draws=draws)
    codes = together.x_t.segments[1].tokens
    assert not torch.equal(codes[0], codes[1])
    for row in range(3):
        alone, _ = _ask(IMAGE, [4], 8)
        *_, last = sampler.sample(Markov(IMAGE, 2.0), alone, draws=CounterRNG.for_seed(row))
        assert torch.equal(last.x_t.segments[1].tokens[0], codes[row])


def test_it_stops_when_every_row_has_ended() -> None:
    x_0, draws = _ask(TEXT, [5, 7], 12)
    sampler = AutoregressiveSampler(SPACES, stop=(10,), fill=1)
    run = list(sampler.sample(Markov(TEXT), x_0, draws=draws))
    assert len(run) == 5
    assert run[-1].last
    assert run[-1].x_t.segments[1].tokens[..., 0].tolist() == [
        [6, 7, 8, 9, 10, 1, 1, 1, 1, 1, 1, 1],
        [8, 9, 10, 1, 1, 1, 1, 1, 1, 1, 1, 1],
    ]


def test_given_positions_are_read_and_not_written() -> None:
    x_0, draws = _ask(TEXT, [5], 6)
    segment = x_0.segments[1]
    segment.tokens[:, 2] = 20
    segment.editable[:, 2] = False
    *_, last = AutoregressiveSampler(SPACES).sample(Markov(TEXT), x_0, draws=draws)
    assert last.x_t.segments[1].tokens[0, :, 0].tolist() == [6, 7, 20, 21, 22, 23]


def test_only_the_last_segment_can_be_written() -> None:
    x_0, draws = _ask(TEXT, [5], 6)
    other = response(Modality.IMAGE, random_source(IMAGE, 1, 4, draws))
    for bad in (
        OmniSequence((*x_0.segments, other)),
        OmniSequence((*x_0.segments, prompt(Modality.IMAGE, other.tokens))),
    ):
        with pytest.raises(ValueError, match="the last segment"):
            next(AutoregressiveSampler(SPACES).sample(Markov(TEXT), bad, draws=draws))


@pytest.mark.parametrize("settings", [{"temperature": -1.0}, {"top_p": 0.0}])
def test_settings_out_of_range_are_refused(settings: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=next(iter(settings))):
        AutoregressiveSampler(SPACES, **settings)  # type: ignore[arg-type]
