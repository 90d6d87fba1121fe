"""A run that goes on from a step of another: unedited it is that run, and what is pinned stays."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from engine.api.conversation import Conversation
from engine.api.events import Completed, Refined, SegmentStarted
from engine.api.request import InitialState, Request
from engine.api.sampling import Sampling
from engine.engine import Engine
from flow.modality import Modality

STEPS = 6
METHODS = ("midpoint", "euler", "thinning", "masked", "autoregressive")


def _request(method: str, to: Modality, **settings: Any) -> Request:
    sampling = Sampling(steps=STEPS, seed=5, guidance_scale=1.0, **settings).by(method)
    return Request(Conversation.ask("draw a red dog"), to, sampling)


def _steps(engine: Engine, request: Request) -> list[Refined]:
    events = list(engine.generate(request, preview_hz=0))
    found = [e for e in events if isinstance(e, Refined)]
    assert isinstance(events[0], SegmentStarted)
    assert events[0].num_steps == found[0].num_steps
    assert isinstance(events[-1], Completed)
    assert np.array_equal(events[-1].answers[0].tokens, found[-1].tokens_t)
    return found


def _at(step: Refined, pinned: tuple[int, ...] = ()) -> InitialState:
    held = np.isin(np.arange(len(step.tokens_t)), pinned)
    return InitialState(step.modality, step.tokens_t, step.tokens_1, step.t, held)


@pytest.mark.parametrize("to", [Modality.IMAGE, Modality.TEXT])
@pytest.mark.parametrize("method", METHODS)
def test_unedited_it_is_the_same_run(tiny_engine: Engine, method: str, to: Modality) -> None:
    request = _request(method, to)
    whole = _steps(tiny_engine, request)
    k = 1
    rest = _steps(tiny_engine, replace(request, start=_at(whole[k])))
    assert np.array_equal(rest[-1].tokens_t, whole[-1].tokens_t)
    if method != "autoregressive":
        assert [s.t for s in rest] == pytest.approx([s.t for s in whole[k + 1 :]])
        for one, other in zip(rest, whole[k + 1 :], strict=True):
            assert np.array_equal(one.tokens_t, other.tokens_t)
            assert np.array_equal(one.tokens_1, other.tokens_1)


@pytest.mark.parametrize("to", [Modality.IMAGE, Modality.TEXT])
@pytest.mark.parametrize("after", METHODS)
@pytest.mark.parametrize("before", ["midpoint", "masked", "autoregressive"])
def test_every_sampler_takes_over_from_every_other_and_keeps_what_is_pinned(
    tiny_engine: Engine, before: str, after: str, to: Modality
) -> None:
    middle = _steps(tiny_engine, _request(before, to))[2]
    tokens = middle.tokens_t.copy()
    tokens[0] = code = 20 if to is Modality.TEXT else 5
    start = replace(_at(middle, pinned=(0,)), tokens=tokens)
    steps = _steps(tiny_engine, replace(_request(after, to), start=start))
    mask_id = tiny_engine.model.spaces[to].mask_id
    assert all((s.tokens_t[0] == code).all() for s in steps)
    assert (steps[-1].tokens_t != mask_id).all()
    assert len(steps[-1].tokens_t) == len(tokens)


def test_other_settings_lead_elsewhere(tiny_engine: Engine) -> None:
    request = _request("midpoint", Modality.IMAGE)
    whole = _steps(tiny_engine, request)
    start = _at(whole[1])
    for changed in ({"seed": 6}, {"temperature": 1.5}, {"steps": 12}, {"grid": "uniform"}):
        other = replace(request, sampling=replace(request.sampling, **changed), start=start)
        assert not np.array_equal(_steps(tiny_engine, other)[-1].tokens_t, whole[-1].tokens_t), (
            changed
        )


def test_a_picture_behind_words_goes_on_behind_the_same_words(tiny_engine: Engine) -> None:
    """What was said before the segment is a part of its prompt."""
    request = _request("midpoint", Modality.IMAGE)
    start = _at(_steps(tiny_engine, request)[1])
    alone = _steps(tiny_engine, replace(request, start=start))
    said = replace(start, said=("here is a blue circle",), segment=1)
    behind = _steps(tiny_engine, replace(request, start=said))
    assert not np.array_equal(alone[0].confidence, behind[0].confidence)


def _start(tokens: np.ndarray, t: float = 0.5, pinned: int = 0) -> InitialState:
    held = np.arange(len(tokens)) < pinned
    return InitialState(Modality.IMAGE, tokens, tokens, t, held)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"t": 1.0}, "go on from an earlier one"),
        ({"pinned": np.ones(4, bool)}, "leave at least one free"),
        ({"pinned": np.zeros(3, bool)}, "of one shape"),
        ({"predicted": np.zeros((4, 3), np.int64)}, "of one shape"),
    ],
)
def test_a_start_that_makes_no_sense_is_refused(change: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        replace(_start(np.zeros((4, 4), np.int64)), **change)


def test_a_start_of_another_checkpoint_is_refused(tiny_engine: Engine) -> None:
    request = _request("midpoint", Modality.IMAGE)
    mask_id = tiny_engine.model.spaces[Modality.IMAGE].mask_id
    cases = {
        "not of 9 with 4": _start(np.zeros((9, 4), np.int64)),
        "not of 4 with 2": _start(np.zeros((4, 2), np.int64)),
        "no code 99999": _start(np.full((4, 4), 99999)),
        "has no code yet": _start(np.full((4, 4), mask_id), pinned=1),
    }
    for sentence, start in cases.items():
        with pytest.raises(ValueError, match=sentence):
            list(tiny_engine.generate(replace(request, start=start)))
    done = replace(_request("masked", Modality.IMAGE), start=_start(np.zeros((4, 4), np.int64)))
    with pytest.raises(ValueError, match="every position has its code"):
        list(tiny_engine.generate(done))
    with pytest.raises(ValueError, match="one by one"):
        tiny_engine.generate_batch([replace(request, start=_start(np.zeros((4, 4), np.int64)))])
