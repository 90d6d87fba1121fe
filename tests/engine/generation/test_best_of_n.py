"""Of several drafts the one is kept that the model itself finds nearest to what was asked."""

from collections.abc import Generator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from engine.__main__ import main
from engine.api.conversation import Conversation, Part
from engine.api.events import Answer, CandidateDone, Completed, Event, Refined, SegmentStarted
from engine.api.request import Modality, Request
from engine.api.sampling import MAX_DRAFTS, MAX_SEED, Sampling
from engine.best_of_n import best_of, best_of_all, drafts_of
from engine.engine import Engine

ASKED = Request(Conversation.ask("a dog"), Modality.IMAGE, Sampling(seed=7, steps=3, drafts=3))


def test_drafts_have_the_seeds_that_follow() -> None:
    assert [one.sampling.seed for one in drafts_of(ASKED)] == [7, 8, 9]
    assert all(one.sampling.drafts == 1 for one in drafts_of(ASKED))
    last = replace(ASKED, sampling=replace(ASKED.sampling, seed=MAX_SEED))
    assert [one.sampling.seed for one in drafts_of(last)] == [MAX_SEED, 0, 1]


def _answer(seed: int) -> Answer:
    return Answer(Modality.IMAGE, np.zeros((1, 1)), image=np.full((2, 2, 3), seed, np.uint8))


def _run(request: Request) -> Generator[Event]:
    yield SegmentStarted(request, 0, Modality.IMAGE, 1, 0.0)
    yield Completed(request, (_answer(request.sampling.seed),), 1, 0.1)


class Embedding:
    """Puts each picture as near to any words as `near` says of its colour."""

    def __init__(self, near: dict[int, float]) -> None:
        self.near = near

    def __call__(self, items: Sequence[tuple[Part, ...]]) -> np.ndarray:
        cosines = [
            1.0 if parts[0].image is None else self.near[int(parts[0].image[0, 0, 0])]
            for parts in items
        ]
        return np.array([(c, (1 - c * c) ** 0.5) for c in cosines])


@pytest.mark.parametrize(("nearest", "runs"), [(7, 4), (8, 4), (9, 3)])
def test_the_nearest_is_kept_and_shown_again_where_it_was_not_the_last(
    nearest: int, runs: int
) -> None:
    near = {seed: 0.9 if seed == nearest else 0.2 for seed in (7, 8, 9)}
    events = list(best_of(ASKED, _run, Embedding(near)))
    drafted = [e for e in events if isinstance(e, CandidateDone)]
    assert [(d.number, d.num, d.seed) for d in drafted] == [(0, 3, 7), (1, 3, 8), (2, 3, 9)]
    assert [d.score for d in drafted] == pytest.approx([near[seed] for seed in (7, 8, 9)])
    assert drafted[-1].best == (7, 8, 9).index(nearest)
    started = [e.request.sampling.seed for e in events if isinstance(e, SegmentStarted)]
    assert len(started) == runs
    assert started[-1] == nearest
    completed = [e for e in events if isinstance(e, Completed)]
    assert completed == [events[-1]]
    assert completed[0].request.sampling == replace(ASKED.sampling, seed=nearest, drafts=1)


def test_many_requests_get_each_its_own_best() -> None:
    def run(requests: Sequence[Request]) -> list[tuple[Answer, ...]]:
        return [(_answer(r.sampling.seed),) for r in requests]

    other = replace(ASKED, sampling=Sampling(seed=20, drafts=2))
    near = {7: 0.1, 8: 0.8, 9: 0.3, 20: 0.4, 21: 0.2}
    found = best_of_all([ASKED, other], run, Embedding(near))
    shades = [int(answer.image[0, 0, 0]) for (answer,) in found if answer.image is not None]
    assert shades == [8, 20]


def test_a_stop_closes_the_draft_that_runs() -> None:
    closed: list[int] = []

    def run(request: Request) -> Generator[Event]:
        try:
            yield from _run(request)
        finally:
            closed.append(request.sampling.seed)

    events = best_of(ASKED, run, Embedding({7: 0.5, 8: 0.5, 9: 0.5}))
    while not isinstance(next(events), CandidateDone):
        pass
    next(events)
    events.close()
    assert closed == [7, 8]


@pytest.mark.parametrize("to", [Modality.IMAGE, Modality.VIDEO])
def test_the_engine_gives_what_that_seed_alone_gives(tiny_engine: Engine, to: Modality) -> None:
    asked = replace(ASKED, to=to)
    *events, done = tiny_engine.generate(asked)
    assert isinstance(done, Completed)
    drafted = [e for e in events if isinstance(e, CandidateDone)]
    best = max(drafted, key=lambda d: d.score)
    assert done.request.sampling.seed == best.seed
    *_, alone = tiny_engine.generate(done.request)
    assert isinstance(alone, Completed)
    assert np.array_equal(alone.answers[0].tokens, done.answers[0].tokens)
    ((together,),) = tiny_engine.generate_batch([asked])
    assert np.array_equal(together.tokens, done.answers[0].tokens)


def test_a_trace_keeps_the_run_of_the_best(tiny_engine: Engine) -> None:
    recorder = tiny_engine.recorder()
    done: Event | None = None
    for event in tiny_engine.generate(ASKED):
        recorder.see(event)
        done = event
    trace = recorder.trace()
    assert isinstance(done, Completed)
    assert len(trace.segments) == 1
    assert trace.segments[0].num_steps == 3
    assert trace.request.sampling.seed == done.request.sampling.seed
    assert np.array_equal(trace.segments[0].answer.tokens, done.answers[0].tokens)


def test_one_draft_is_a_plain_run(tiny_engine: Engine) -> None:
    events = list(tiny_engine.generate(replace(ASKED, sampling=Sampling(seed=7, steps=3))))
    assert [type(e) for e in events] == [SegmentStarted, Refined, Refined, Refined, Completed]


def test_words_have_no_drafts() -> None:
    with pytest.raises(ValueError, match="a picture or a film"):
        replace(ASKED, to=Modality.TEXT)


@pytest.mark.parametrize("drafts", [0, MAX_DRAFTS + 1])
def test_there_are_a_few(drafts: int) -> None:
    with pytest.raises(ValueError, match="drafts must be from 1 to 8"):
        Sampling(drafts=drafts)


def test_the_command_line_says_each_draft_and_keeps_the_seed_of_the_best(
    tiny_checkpoint: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "dog.png"
    said = ["--prompt", "a dog", "--to", "image", "--out", str(out), "--steps", "2"]
    said += ["--drafts", "2", "--seed", "5", "--checkpoint", str(tiny_checkpoint)]
    assert main(["generate", *said, "--device", "cpu"]) == 0
    notes = [line for line in capsys.readouterr().err.splitlines() if "draft" in line]
    assert "draft 1 of 2, seed 5" in notes[0]
    assert "draft 2 of 2, seed 6" in notes[1]
    scores = [float(line.split(": ")[-1].split()[0]) for line in notes]
    with Image.open(out) as picture:
        assert picture.info["seed"] == str(5 + int(np.argmax(scores)))
