"""A recorded run is the run: what is read of its file, what is made again from it."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from engine.api.conversation import Conversation
from engine.api.events import Completed, Event, Refined, SegmentStarted
from engine.api.request import InitialState, Request
from engine.api.sampling import Sampling
from engine.engine import Engine
from engine.inspection.trace import Trace, events_of
from engine.inspection.trace_file import read_trace, trace_bytes
from flow.modality import Modality

WATCH = 3


def recorded(engine: Engine, request: Request, watch: int = WATCH) -> tuple[list[Event], Trace]:
    recorder = engine.recorder()
    events: list[Event] = []
    for event in engine.generate(request, preview_hz=0, watch=watch):
        recorder.see(event)
        events.append(event)
    return events, recorder.trace()


def asking(to: Modality | None, **settings: Any) -> Request:
    picture = np.full((32, 32, 3), 90, np.uint8)
    return Request(Conversation.ask("draw a dog", picture), to, Sampling(seed=4, **settings))


@pytest.mark.parametrize("to", [Modality.IMAGE, Modality.TEXT])
@pytest.mark.parametrize("sampler", ["flow", "masked", "autoregressive"])
def test_what_is_read_is_what_ran(tiny_engine: Engine, to: Modality, sampler: str) -> None:
    request = asking(to, sampler=sampler, steps=3, guidance_scale=1.0)
    events, trace = recorded(tiny_engine, request)
    read = read_trace(trace_bytes(trace))
    assert read.checkpoint == {"name": "tiny", "digest": tiny_engine.digest}
    assert read.request.sampling == request.sampling
    asked, kept = request.conversation.turns[0].parts, read.request.conversation.turns[0].parts
    assert kept[1] == asked[1]
    assert np.array_equal(kept[0].image, asked[0].image)  # type: ignore[arg-type]
    for before, after in zip(events, events_of(read), strict=True):
        assert type(before) is type(after)
        if isinstance(before, Refined) and isinstance(after, Refined):
            assert (before.index, before.last, before.nfe) == (after.index, after.last, after.nfe)
            assert before.words_t == after.words_t
            assert before.words_1 == after.words_1
            assert np.array_equal(before.tokens_t, after.tokens_t)
            assert np.array_equal(before.changed, after.changed)
            assert before.likely is not None
            assert after.likely is not None
            assert np.array_equal(before.likely.ids, after.likely.ids)
            assert after.confidence == pytest.approx(before.confidence, abs=1e-3)
        if isinstance(before, Completed) and isinstance(after, Completed):
            assert np.array_equal(before.answers[0].tokens, after.answers[0].tokens)
            assert before.answers[0].text == after.answers[0].text


def test_a_trace_makes_its_run_again(tiny_engine: Engine) -> None:
    request = asking(None, steps=3)
    _, trace = recorded(tiny_engine, request)
    _, again = recorded(tiny_engine, read_trace(trace_bytes(trace)).request)
    for before, after in zip(trace.segments, again.segments, strict=True):
        assert np.array_equal(before.arrays["x_t"], after.arrays["x_t"])
        assert np.array_equal(before.arrays["x_1"], after.arrays["x_1"])


def test_a_run_that_goes_on_from_a_state_is_made_again(tiny_engine: Engine) -> None:
    request = asking(Modality.IMAGE, steps=4)
    _, first = recorded(tiny_engine, request)
    a = first.segments[0].arrays
    start = InitialState(
        Modality.IMAGE,
        a["x_t"][1].astype(np.int64),
        a["x_1"][1].astype(np.int64),
        float(a["t"][1]),
        np.array([True, False, False, False]),
        segment=1,
        said=("here you go",),
    )
    _, trace = recorded(tiny_engine, replace(request, start=start))
    read = read_trace(trace_bytes(trace))
    assert read.request.start is not None
    assert (read.request.start.said, read.request.start.segment) == (start.said, 1)
    _, again = recorded(tiny_engine, read.request)
    assert np.array_equal(again.segments[0].arrays["x_t"], trace.segments[0].arrays["x_t"])
    assert again.segments[0].num_steps == 2


@pytest.mark.parametrize("sampler", ["flow", "masked", "autoregressive"])
@pytest.mark.parametrize("scale", [0.0, 1.0])
def test_watching_changes_nothing(tiny_engine: Engine, sampler: str, scale: float) -> None:
    request = asking(Modality.IMAGE, sampler=sampler, steps=3, guidance_scale=scale)
    watched, plain = (recorded(tiny_engine, request, watch)[0] for watch in (WATCH, 0))
    for a, b in zip(watched, plain, strict=True):
        if isinstance(a, Refined) and isinstance(b, Refined):
            assert np.array_equal(a.tokens_t, b.tokens_t)
            assert np.array_equal(a.confidence, b.confidence)
            assert b.likely is None


def test_alternatives_are_of_the_distribution_that_was_drawn_from(tiny_engine: Engine) -> None:
    events, _ = recorded(tiny_engine, asking(Modality.IMAGE, steps=3), watch=16)
    for event in events:
        if not isinstance(event, Refined):
            continue
        assert event.likely is not None
        p = event.likely.probabilities
        assert p.sum(-1) == pytest.approx(np.ones(p.shape[:2]), abs=1e-4)
        assert bool((np.diff(p, axis=-1) <= 0).all())
        entropy = -(p * np.log(np.maximum(p, 1e-30))).sum(-1)
        assert event.likely.entropy == pytest.approx(entropy, abs=1e-3)
        drawn = (event.likely.ids == event.tokens_1[..., None]).argmax(-1)
        sure = np.take_along_axis(p, drawn[..., None], -1)[..., 0]
        assert event.confidence == pytest.approx(sure, abs=1e-5)


def test_a_stopped_run_can_be_kept(tiny_engine: Engine) -> None:
    recorder = tiny_engine.recorder()
    with pytest.raises(ValueError, match="not a step"):
        recorder.trace()
    for event in tiny_engine.generate(asking(Modality.IMAGE, steps=5), watch=WATCH):
        recorder.see(event)
        if isinstance(event, Refined) and event.index == 1:
            break
    kept = recorder.trace()
    assert kept.segments[0].num_steps == 2
    assert kept.segments[0].arrays["likely_p"].shape == (2, 4, 4, WATCH)


def test_a_started_segment_has_its_complete_settings(tiny_engine: Engine) -> None:
    events, trace = recorded(tiny_engine, asking(Modality.IMAGE, steps=3))
    assert isinstance(events[0], SegmentStarted)
    assert trace.segments[0].sampling == events[0].request.sampling
    assert trace.request.sampling == replace(events[0].request.sampling, **_asked(trace))


def _asked(trace: Trace) -> dict[str, Any]:
    """What the request left to the checkpoint."""
    asked = trace.request.sampling
    open_names = ("sampler", "transition", "guidance_scale", "temperature", "top_p", "grid")
    return {
        name: None
        for name in (*open_names, "c", "a", "mask_schedule")
        if getattr(asked, name) is None
    }
