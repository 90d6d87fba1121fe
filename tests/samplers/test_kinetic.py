from itertools import pairwise

import pytest
import torch
from scipy.stats import chisquare

from flow.metric import CodebookMetric
from flow.modality import Modality, TokenSpace
from flow.path import path_probabilities, sample_path
from flow.schedule import PAPER, Schedule, uniform_grid
from flow.sequence import OmniSequence, prompt, response
from samplers.counter_rng import CounterRNG
from samplers.kinetic import KineticSampler
from samplers.source import random_source
from tests.fakes import OracleDenoiser, RandomDenoiser, UniformDenoiser

SPACE = TokenSpace(Modality.IMAGE, num_codebooks=2, cardinality=12, forbidden=(0, 5, 11))
DUPLICATE, ORIGINAL = 7, 3


@pytest.fixture(scope="module")
def metric() -> CodebookMetric:
    codes = torch.randn(2, 12, 4, generator=torch.Generator().manual_seed(0))
    codes[:, DUPLICATE] = codes[:, ORIGINAL]
    return CodebookMetric.of(codes, forbidden=SPACE.forbidden)


def _source(draws: CounterRNG, length: int) -> OmniSequence:
    tokens = random_source(SPACE, draws.batch, length, draws)
    return OmniSequence((response(Modality.IMAGE, tokens),))


def test_the_source_is_uniform_over_allowed_ids() -> None:
    tokens = random_source(SPACE, 2, 9000, CounterRNG.for_seed(0, 2))
    assert tokens.shape == (2, 9000, 2)
    counts = tokens.flatten().bincount(minlength=SPACE.cardinality + 1)
    allowed = [i for i in range(12) if i not in SPACE.forbidden]
    assert int(counts.sum()) == int(counts[allowed].sum())
    assert counts[SPACE.mask_id] == 0
    assert chisquare(counts[allowed].numpy()).pvalue > 1e-3


def test_segments_get_different_noise_and_rows_their_own_seed() -> None:
    draws = CounterRNG.for_seed(3, 2)
    first, second = (random_source(SPACE, 2, 50, draws, segment=i) for i in (0, 1))
    assert (first != second).float().mean() > 0.7
    assert torch.equal(first[1:], random_source(SPACE, 1, 50, CounterRNG.for_seed(4)))
    with pytest.raises(ValueError, match="2 seeds"):
        random_source(SPACE, 3, 50, draws)


def test_duplicates_are_merged_and_never_appear(metric: CodebookMetric) -> None:
    draws = CounterRNG.for_seed(1, 4)
    x_0 = _source(draws, 60)
    assert (x_0.segments[0].tokens == DUPLICATE).any()
    sampler = KineticSampler({Modality.IMAGE: metric}, times=uniform_grid(5))
    drawn = UniformDenoiser({Modality.IMAGE: SPACE})
    for step in sampler.sample(drawn, x_0, draws=draws):
        for tokens in (step.x_t.segments[0].tokens, step.x_1[0]):
            assert not torch.isin(tokens, torch.tensor([*SPACE.forbidden, DUPLICATE])).any()


def test_euler_wastes_its_first_step_and_midpoint_does_not(metric: CodebookMetric) -> None:
    draws = CounterRNG.for_seed(2, 4)
    x_0 = _source(draws, 100)
    x_1 = {0: torch.full((4, 100, 2), 9)}
    moved = {
        name: [
            int(step.changed[0].sum())
            for step in KineticSampler(
                {Modality.IMAGE: metric}, times=uniform_grid(6), transition=name
            ).sample(OracleDenoiser({Modality.IMAGE: SPACE}, x_1), x_0, draws=draws)
        ]
        for name in ("euler", "midpoint")
    }
    assert moved["midpoint"][0] > 50
    assert moved["euler"][0] == 0
    assert min(moved["euler"][1:]) > 0


def test_every_step_draws_afresh(metric: CodebookMetric) -> None:
    draws = CounterRNG.for_seed(6, 4)
    sampler = KineticSampler({Modality.IMAGE: metric}, times=uniform_grid(4))
    denoiser = UniformDenoiser({Modality.IMAGE: SPACE})
    run = list(sampler.sample(denoiser, _source(draws, 500), draws=draws))
    for before, after in pairwise(run):
        same = float((before.x_1[0] == after.x_1[0]).float().mean())
        # nine ids, two of them merged: seven of probability 1/9 and one of 2/9
        assert same == pytest.approx(7 / 81 + 4 / 81, abs=0.02)


def test_the_whole_run_follows_the_path() -> None:
    """All parts together: x_t of a run towards a known x_1 is distributed as p_t(. | x_1)."""
    space = TokenSpace(Modality.IMAGE, num_codebooks=2, cardinality=16)
    metric = CodebookMetric.of(torch.randn(2, 16, 4, generator=torch.Generator().manual_seed(0)))
    draws = CounterRNG.for_seed(7, 20)
    target = torch.tensor([3, 8])
    x_0 = OmniSequence((response(Modality.IMAGE, random_source(space, 20, 1000, draws)),))
    oracle = OracleDenoiser({Modality.IMAGE: space}, {0: target.expand(20, 1000, 2)})
    sampler = KineticSampler({Modality.IMAGE: metric}, times=uniform_grid(32))
    for step in list(sampler.sample(oracle, x_0, draws=draws))[:-1]:
        for q in range(2):
            p = path_probabilities(metric.distances(q, target[q : q + 1]), PAPER.beta(step.t))[0]
            seen = step.x_t.segments[0].tokens[..., q].flatten().bincount(minlength=16) / 20_000
            assert float((p - seen).abs().sum()) / 2 < 0.025, (step.index, q)


def test_a_faster_schedule_arrives_earlier(metric: CodebookMetric) -> None:
    draws = CounterRNG.for_seed(3, 2)
    x_1 = {0: torch.full((2, 200, 2), 9)}
    there = []
    for c in (1.0, 3.0, 9.0):
        sampler = KineticSampler(
            {Modality.IMAGE: metric}, times=uniform_grid(8), schedule=Schedule(c=c, a=0.9)
        )
        run = list(
            sampler.sample(
                OracleDenoiser({Modality.IMAGE: SPACE}, x_1), _source(draws, 200), draws=draws
            )
        )
        there.append(float((run[4].x_t.segments[0].tokens == 9).float().mean()))
    assert there[0] + 0.1 < there[1] < there[2] - 0.1


def test_temperature_and_top_p_reach_the_draw(metric: CodebookMetric) -> None:
    draws = CounterRNG.for_seed(4, 2)
    confidence = {}
    for how in ((1.0, 1.0), (0.2, 1.0), (1.0, 0.5), (0.0, 1.0)):
        sampler = KineticSampler(
            {Modality.IMAGE: metric}, times=uniform_grid(1), temperature=how[0], top_p=how[1]
        )
        denoiser = RandomDenoiser({Modality.IMAGE: SPACE})
        (step,) = sampler.sample(denoiser, _source(draws, 200), draws=draws)
        confidence[how] = float(step.confidence[0].mean())
    assert confidence[1.0, 1.0] < confidence[0.2, 1.0] <= confidence[0.0, 1.0]
    assert confidence[1.0, 1.0] < confidence[1.0, 0.5] < confidence[0.0, 1.0]


def test_what_cannot_be_sampled_is_refused(metric: CodebookMetric) -> None:
    draws = CounterRNG.for_seed(5)
    denoiser = UniformDenoiser({Modality.IMAGE: SPACE})
    sampler = KineticSampler({Modality.IMAGE: metric}, times=uniform_grid(2))
    for bad in (5, SPACE.mask_id, -1):
        tokens = torch.full((1, 3, 2), 2)
        tokens[0, 1, 0] = bad
        x_0 = OmniSequence((response(Modality.IMAGE, tokens),))
        with pytest.raises(ValueError, match="no states"):
            next(sampler.sample(denoiser, x_0, draws=draws))
        kept = OmniSequence((prompt(Modality.IMAGE, tokens), *_source(draws, 3).segments))
        assert len(list(sampler.sample(denoiser, kept, draws=draws))) == 2  # a prompt may hold it
    text = OmniSequence((response(Modality.TEXT, torch.ones(1, 3, 1, dtype=torch.int64)),))
    with pytest.raises(ValueError, match="no metric"):
        next(sampler.sample(denoiser, text, draws=draws))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"times": (0.0,)}, "at least 1 step"),
        ({"times": (-0.1, 1.0)}, "not from -0.1"),
        ({"times": (0.0, 0.9)}, "not from 0.0 to 0.9"),
        ({"times": (0.0, 0.5, 0.5, 1.0)}, "0.5 follows 0.5"),
        ({"transition": "heun"}, "unknown transition 'heun': choose one of euler, euler_beta"),
        ({"patience": 0}, "patience"),
        ({"temperature": -0.1}, "temperature"),
        ({"temperature": float("nan")}, "temperature"),
        ({"top_p": 0.0}, "top_p"),
        ({"top_p": 1.1}, "top_p"),
    ],
)
def test_settings_out_of_range_are_refused(settings: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        KineticSampler({}, **settings)  # type: ignore[arg-type]


def test_the_temperature_moves_linearly_from_its_start() -> None:
    cooling = KineticSampler({}, temperature=0.2, initial_temperature=1.0)
    assert [cooling.temperature_at(t) for t in (0.0, 0.5)] == pytest.approx([1.0, 0.6])
    assert KineticSampler({}, temperature=0.2).temperature_at(0.0) == 0.2


def test_a_run_may_start_late_and_stop_anywhere(metric: CodebookMetric) -> None:
    """Editing: from a noisy answer at t = .2 the oracle's answer is reached over any times."""
    draws = CounterRNG.for_seed(8, 3)
    answer = torch.full((3, 40, 2), 9)
    noise = draws.uniform(0, 5, (40, 2))
    x_t = sample_path(metric, answer, torch.full((3,), 0.2), noise)
    x_0 = OmniSequence((response(Modality.IMAGE, x_t),))
    assert 0 < int((x_t != answer).sum()) < answer.numel()
    sampler = KineticSampler({Modality.IMAGE: metric}, times=(0.2, 0.21, 0.5, 1.0))
    oracle = OracleDenoiser({Modality.IMAGE: SPACE}, {0: answer})
    run = list(sampler.sample(oracle, x_0, draws=draws))
    assert [step.t for step in run] == [0.21, 0.5, 1.0]
    off = [int((step.x_t.segments[0].tokens != answer).sum()) for step in run]
    assert off[0] > off[1] > off[2] == 0


def test_early_exit_gives_what_the_whole_run_gives(metric: CodebookMetric) -> None:
    """The oracle's prediction never changes: the run ends when x_t has arrived, not before."""
    draws = CounterRNG.for_seed(9, 2)
    x_0 = _source(draws, 60)
    oracle = OracleDenoiser({Modality.IMAGE: SPACE}, {0: torch.full((2, 60, 2), 9)})
    whole, early = (
        list(
            KineticSampler(
                {Modality.IMAGE: metric}, times=uniform_grid(40), patience=patience
            ).sample(oracle, x_0, draws=draws)
        )
        for patience in (None, 3)
    )
    assert 4 <= len(early) < len(whole) == 40
    assert [step.last for step in early] == [*[False] * (len(early) - 1), True]
    for a, b in zip(whole, early, strict=False):
        assert torch.equal(a.x_t.segments[0].tokens, b.x_t.segments[0].tokens)
    assert torch.equal(whole[-1].x_t.segments[0].tokens, early[-1].x_t.segments[0].tokens)
    assert (early[-2].x_t.segments[0].tokens != 9).any(), "it stops as soon as it has arrived"


def test_early_exit_waits_while_the_prediction_changes(metric: CodebookMetric) -> None:
    draws = CounterRNG.for_seed(10)
    sampler = KineticSampler({Modality.IMAGE: metric}, times=uniform_grid(30), patience=1)
    drawn = UniformDenoiser({Modality.IMAGE: SPACE})
    assert len(list(sampler.sample(drawn, _source(draws, 20), draws=draws))) == 30
