"""Runs that share their steps have the codes that they have alone, whoever joins or leaves."""

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from engine.api.conversation import Conversation
from engine.api.events import Event, Refined
from engine.api.request import Modality, Request
from engine.api.sampling import Sampling
from engine.engine import Engine
from engine.step_batch import StepBatch

NANO = Path(__file__).parents[2] / "assets/nano"
IMAGE, TEXT = Modality.IMAGE, Modality.TEXT
PICTURE = np.full((64, 64, 3), (200, 30, 30), np.uint8)


def asked(number: int) -> Request:
    """A request whose kind, prompt, steps, seed and settings go by its number."""
    words = ("draw a red heart", "a big blue circle on a white background", "a dog")[number % 3]
    to = IMAGE if number % 4 else TEXT
    how = Sampling(
        seed=number,
        steps=2 + number % 5,
        temperature=(None, 0.7, 0.0)[number % 3],
        transition=("midpoint", "coupling", "euler", None)[number % 8 // 2],
    )
    return Request(Conversation.ask(words), to, how)


def together(
    engine: Engine, requests: list[Request], batch: StepBatch, *, join_every: int
) -> list[list[Event]]:
    """The events of each, in turn; one more joins every so many rounds, all at once where that is
    0."""
    found: list[list[Event]] = [[] for _ in requests]
    waiting, live = list(enumerate(requests)), dict[int, Iterator[Event]]()
    for turn in range(10_000):
        while waiting and (not join_every or turn == join_every * (len(requests) - len(waiting))):
            number, request = waiting.pop(0)
            live[number] = engine.generate(request, preview_hz=0, batch=batch)
        for number in list(live):
            event = next(live[number], None)
            if event is None:
                del live[number]
            else:
                found[number].append(event)
        if not waiting and not live:
            return found
    raise AssertionError("a run does not end")


def steps(events: list[Event]) -> list[tuple]:
    """All that a refinement says but the time that it took."""
    return [
        (
            *(e.segment, e.index, e.num_steps, e.last, e.t, e.nfe, e.num_active, e.words_1),
            *(codes.tolist() for codes in (e.tokens_t, e.tokens_1, e.changed)),
        )
        for e in events
        if isinstance(e, Refined)
    ]


@pytest.mark.parametrize(("join_every", "most_rows"), [(0, 32), (1, 8), (3, 2)])
def test_codes_are_those_of_running_alone(
    tiny_engine: Engine, join_every: int, most_rows: int
) -> None:
    requests = [asked(number) for number in range(24)]
    sizes: list[int] = []
    batch = StepBatch(most_rows, sizes.append)
    found = together(tiny_engine, requests, batch, join_every=join_every)
    assert max(sizes) > 1
    assert max(sizes) <= most_rows
    for request, events in zip(requests, found, strict=True):
        alone = list(tiny_engine.generate(request, preview_hz=0))
        assert steps(events) == steps(alone)


def test_the_embedded_model_has_the_same_codes_in_a_batch() -> None:
    engine = Engine.load(NANO, "cpu")
    prompts = ("a red car", "two green apples", "what can you do?", "a dog below a moon")
    requests = [
        Request(
            Conversation.ask(prompts[number % 4]),
            TEXT if number % 4 == 2 else IMAGE,
            Sampling(seed=number, steps=3 + number % 4),
        )
        for number in range(8)
    ]
    change = Conversation.ask("make it blue", image=PICTURE)
    requests += [Request(change, IMAGE, Sampling(seed=s, steps=3 + s)) for s in (1, 2)]
    sizes: list[int] = []
    found = together(engine, requests, StepBatch(8, sizes.append), join_every=0)
    assert max(sizes) >= 4
    for request, events in zip(requests, found, strict=True):
        assert steps(events) == steps(list(engine.generate(request, preview_hz=0)))


def test_requests_that_ask_in_turn_share_every_call(tiny_engine: Engine) -> None:
    sizes: list[int] = []
    batch = StepBatch(8, sizes.append)
    runs = [
        tiny_engine.generate(
            Request(Conversation.ask("a dog"), IMAGE, Sampling(seed=seed, steps=5)),
            preview_hz=0,
            batch=batch,
        )
        for seed in range(3)
    ]
    for _ in range(2):  # each joins with its first step, which the others do not wait for
        for run in runs:
            next(run)
    sizes.clear()
    for _ in range(3):
        for run in runs:
            next(run)
    assert max(sizes) == 3
    assert len(sizes) <= 4


def test_leaving_in_the_middle_changes_nothing_for_the_others(tiny_engine: Engine) -> None:
    batch = StepBatch(8)
    request = Request(Conversation.ask("a dog"), IMAGE, Sampling(seed=1, steps=6))
    stays = tiny_engine.generate(request, preview_hz=0, batch=batch)
    leaves = tiny_engine.generate(request, preview_hz=0, batch=batch)
    events: list[Event] = []
    for _ in range(4):
        events.append(next(stays))
        next(leaves)
    leaves.close()
    events += stays
    assert steps(events) == steps(list(tiny_engine.generate(request, preview_hz=0)))


@pytest.mark.parametrize(
    "how",
    [
        lambda: Sampling(steps=3, transition="thinning"),
        lambda: Sampling(steps=3, guidance_every=2, guidance_scale=2.0),
        lambda: Sampling(steps=3, cache_share=0.5),
        lambda: Sampling(steps=3, guidance_interval=(0.4, 1.0), guidance_scale=2.0),
        lambda: Sampling(steps=9, patience=1, temperature=0.0),
    ],
    ids=["thinning", "guidance in turns", "cache", "late guidance", "patience"],
)
def test_what_cannot_be_shared_runs_as_it_does_alone(
    tiny_engine: Engine, how: Callable[[], Sampling]
) -> None:
    requests = [Request(Conversation.ask(w), IMAGE, how()) for w in ("a dog", "a red heart")]
    found = together(tiny_engine, requests, StepBatch(8), join_every=1)
    for request, events in zip(requests, found, strict=True):
        assert steps(events) == steps(list(tiny_engine.generate(request, preview_hz=0)))


def test_a_batch_has_room_for_a_row() -> None:
    with pytest.raises(ValueError, match="at least 1 row"):
        StepBatch(0)
