"""A shared file is the run that was seen: its steps in order, its words, its recipe inside."""

import io
import json
from dataclasses import replace
from functools import cache
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

from app.forms.recipe import read_recipe
from app.page import FIRST_FILM, FIRST_RUN
from app.sharing.animation import (
    BEAT_MS,
    FIRST_MS,
    LAST_MS,
    SIDE_PX,
    STEP_MS,
    TYPES,
    caption,
    file,
    large,
    timeline,
)
from app.sharing.formation import MAX_STEPS_SHOWN, Formation, of_recording, of_trace
from engine.api.request import Modality
from tests.app.lab.test_trace_view import recorded
from tests.fake_engine import FakeEngine, FakeLens


@cache
def drawn(to: Modality = Modality.IMAGE) -> Formation:
    found = of_trace(recorded(FakeEngine(step_s=0.0), to), FakeLens())
    assert found is not None
    return found


def test_every_step_of_a_picture_is_shown_once_and_the_end_stays() -> None:
    frames, times = timeline(drawn())
    assert len(frames) == drawn().num_steps == len(drawn().states)
    assert times == [FIRST_MS, *[STEP_MS] * (len(frames) - 2), LAST_MS]
    assert frames.shape[1:] == (SIDE_PX, SIDE_PX, 3)
    plain = np.asarray(caption(drawn().prompt))[..., 3] == 0
    for frame, state in zip(frames, drawn().states, strict=True):
        assert np.array_equal(frame[plain], large(state[0])[plain])


def test_a_film_plays_while_it_forms_and_twice_when_it_has() -> None:
    film = drawn(Modality.VIDEO)
    frames, times = timeline(film)
    num = film.states.shape[1]
    assert len(frames) == len(times) == -(-len(film.states) // num) * num + 2 * num
    plain = np.asarray(caption(film.prompt))[..., 3] == 0
    for i, frame in enumerate(frames):
        shown = film.states[min(i, len(film.states) - 1)][i % num]
        assert np.array_equal(frame[plain], large(shown)[plain])


@pytest.mark.parametrize("kind", TYPES)
def test_each_kind_is_of_its_size_and_carries_the_recipe(kind: str, tmp_path: Path) -> None:
    made = tmp_path / f"run.{kind}"
    made.write_bytes(file(drawn(), kind))
    assert read_recipe(made) == drawn().recipe
    if kind == "mp4":
        with av.open(str(made)) as film:
            stream = film.streams.video[0]
            assert (stream.width, stream.height) == (SIDE_PX, SIDE_PX)
            shown = sum(1 for _ in film.decode(video=0))
            assert shown == sum(timeline(drawn())[1]) // BEAT_MS
    else:
        with Image.open(made) as picture:
            assert picture.size == (SIDE_PX, SIDE_PX)


def test_the_picture_alone_has_no_words_on_it() -> None:
    with Image.open(io.BytesIO(file(drawn(), "png"))) as picture:
        assert np.array_equal(np.asarray(picture), large(drawn().answer[0]))


def test_another_kind_is_refused() -> None:
    with pytest.raises(ValueError, match="not as 'exe'"):
        file(drawn(), "exe")


def test_a_run_in_words_shows_nothing() -> None:
    trace = recorded(FakeEngine(step_s=0.0), None)
    written = tuple(s for s in trace.segments if s.modality is Modality.TEXT)
    assert written
    assert of_trace(replace(trace, segments=written), FakeLens()) is None


def test_a_stopped_run_ends_with_the_prediction() -> None:
    trace = recorded(FakeEngine(step_s=0.0), Modality.IMAGE)
    (segment,) = trace.segments
    arrays = {name: values[:3] for name, values in segment.arrays.items()}
    stopped = replace(trace, segments=(replace(segment, arrays=arrays),))
    found = of_trace(stopped, FakeLens())
    assert found is not None
    assert np.array_equal(found.answer, FakeLens().pictures(arrays["x_1"][-1:]))


def test_a_long_run_is_shown_by_some_of_its_steps() -> None:
    trace = recorded(FakeEngine(step_s=0.0), Modality.IMAGE)
    (segment,) = trace.segments
    arrays = {name: values.repeat(40, 0) for name, values in segment.arrays.items()}
    found = of_trace(replace(trace, segments=(replace(segment, arrays=arrays),)), FakeLens())
    assert found is not None
    assert len(found.states) == MAX_STEPS_SHOWN
    assert (found.steps[0], found.steps[-1]) == (1, found.num_steps)


@pytest.mark.parametrize("recording", [FIRST_RUN, FIRST_FILM], ids=lambda f: f.stem)
def test_what_the_page_opens_with_can_be_shared(recording: Path) -> None:
    run = json.loads(recording.read_text())
    found = of_recording(run)
    assert run["name"] == recording.stem
    assert len(found.states) == found.num_steps == 16
    assert found.recipe == run["messages"][-1]["recipe"]


@pytest.mark.parametrize("prompt", ["a", "a dog " * 40, "x" * 400, "", "é 漢"])
def test_words_of_any_length_stay_in_the_corner(prompt: str) -> None:
    marked = np.asarray(caption(prompt))[..., 3] > 0
    rows, columns = np.where(marked)
    assert rows.min() > SIDE_PX * 0.85
    assert columns.max() < SIDE_PX - 4
