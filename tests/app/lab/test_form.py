"""The Lab's controls become requests, and bad ones become sentences beside the right control."""

from collections.abc import Mapping
from dataclasses import replace
from functools import cache
from pathlib import Path

import gradio as gr
import numpy as np
import pytest

from app.forms.parse import InputError
from app.lab.form import LabForm, controls_of
from app.session import Session
from app.stream.encode import png, recipe_of
from app.tabs.lab import LabTab
from engine.api.request import Modality
from engine.inspection.trace import Trace
from tests.app.lab.test_trace_view import recorded
from tests.fake_engine import FakeEngine

FORM = LabForm("a red heart", "image", 8, 2.0, "midpoint", 0.5, "uniform", 2.0, 1.5, "7")


@cache
def trace() -> Trace:
    return recorded(FakeEngine(step_s=0.0), None)


def test_the_controls_are_the_request() -> None:
    request = FORM.request()
    s = request.sampling
    assert (s.steps, s.guidance_scale, s.transition, s.temperature) == (8, 2.0, "midpoint", 0.5)
    assert (s.grid, s.c, s.a, s.seed) == ("uniform", 2.0, 1.5, 7)
    assert request.to is Modality.IMAGE
    assert replace(FORM, kind="auto").request().to is None
    masked = replace(FORM, method="masked").request().sampling
    assert (masked.sampler, masked.grid, masked.c) == ("masked", None, None)


def test_a_recipe_fills_the_controls_again() -> None:
    assert LabForm(*controls_of(recipe_of(FORM.request()), ["image"])).request() == FORM.request()  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("bad", "sentence"),
    [
        ({"seed": "x"}, "seed must be"),
        ({"steps": 0}, "steps must be"),
        ({"method": "magic"}, "no method"),
        ({"more": {"c": -1}}, "c of the path"),
        ({"more": {"grid": "oval"}}, "unknown grid"),
        ({"guidance": "much"}, "could not convert"),
    ],
)
def test_a_recipe_with_a_bad_value_is_refused(bad: dict[str, object], sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        controls_of({"prompt": "a dog", **bad}, [])


@pytest.mark.parametrize(
    ("to", "kind"), [("video", "video"), ("audio", "auto"), (None, "auto"), ("image", "image")]
)
def test_a_kind_that_is_not_made_here_is_left_to_the_model(to: str | None, kind: str) -> None:
    assert controls_of({"prompt": "a dog", "to": to}, ["image", "video"])[1] == kind
    assert controls_of({"prompt": "a dog"}, ["image"])[1] == "image", "files from before"


def test_null_in_a_recipe_is_the_checkpoints_default() -> None:
    own = {"steps": 12, "guidance_scale": 2.5, "transition": "euler", "temperature": 0.4}
    nothing = dict.fromkeys(("temperature", "grid", "c", "a"))
    recipe = {"prompt": "a dog", "to": "video", "steps": None, "guidance": None, "method": None}
    asked: list[str] = []

    def defaults(kind: str) -> Mapping[str, object]:
        asked.append(kind)
        return {**own, "grid": "uniform", "c": 8.5, "a": 0.28}

    controls = controls_of({**recipe, "seed": None, "more": nothing}, ["video"], defaults)
    assert controls == ("a dog", "video", 12, 2.5, "euler", 0.4, "uniform", 8.5, 0.28, "0")
    assert asked == ["video"]
    silent = controls_of({**recipe, "more": nothing}, ["video"])
    assert silent == controls_of({"prompt": "a dog", "to": "video"}, ["video"], defaults)


def test_a_file_that_leaves_guidance_to_the_checkpoint_is_opened(tmp_path: Path) -> None:
    recipe = {"prompt": "a dog", "to": "image", "seed": 3, "steps": 8, "guidance": None}
    recipe |= {"method": "midpoint", "more": {"c": None}}
    file = tmp_path / "dog.png"
    file.write_bytes(png(np.zeros((8, 8, 3), np.uint8), recipe).content)
    session = Session(FakeEngine(step_s=0.0))
    session.capabilities = replace(
        session.capabilities, config={"image_flow": {"guidance_scale": 2.0, "c": 4.0}}
    )
    tab = LabTab(session)
    with gr.Blocks():
        tab.build()
    _, notice, *controls = tab.open_file(str(file))
    assert "The settings of this file" in str(notice)
    assert controls == ["a dog", "image", 8, 2.0, "midpoint", 0.2, "tuned", 4.0, 0.9, "3"]


def test_a_film_has_more_steps_from_left_to_right_than_can_be_shown() -> None:
    film = replace(FORM, kind="video")
    assert film.request().to is Modality.VIDEO
    with pytest.raises(InputError, match="choose another method") as refused:
        film.compared(["midpoint", "autoregressive"])
    assert refused.value.control == "settings"


def test_compared_runs_differ_in_their_method_alone() -> None:
    requests = FORM.compared(["euler", "masked"])
    assert [r.sampling.method for r in requests] == ["euler", "masked"]
    assert {r.sampling.seed for r in requests} == {7}
    assert {r.conversation for r in requests} == {FORM.request().conversation}
    for wrong in ([], ["euler"], ["euler"] * 5):
        with pytest.raises(InputError, match="two to 4"):
            FORM.compared(wrong)


def test_going_on_takes_the_state_its_edits_and_the_controls_settings() -> None:
    place = {"segment": 1, "step": 2, "edits": [[3, [5, None, None, 6], True], [4, [1] * 4, False]]}
    request = FORM.resumed(trace(), place)
    arrays = trace().segments[1].arrays
    start = request.start
    assert start is not None
    assert request.conversation == trace().request.conversation
    assert request.sampling == FORM.sampling()
    expected = arrays["x_t"][2].astype(np.int64)
    expected[3, [0, 3]] = 5, 6
    expected[4] = 1
    assert np.array_equal(start.tokens, expected)
    assert np.array_equal(start.predicted, arrays["x_1"][2])
    assert np.flatnonzero(start.pinned).tolist() == [3]
    assert start.t == pytest.approx(float(arrays["t"][2]))
    assert (start.segment, start.said) == (1, (trace().segments[0].text,))


@pytest.mark.parametrize(
    ("place", "sentence"),
    [
        ({"segment": 1, "step": 4}, "go on from an earlier one"),
        ({"segment": 7, "step": 0}, "no part 7"),
        ({"segment": 1, "step": 50}, "no step 51"),
        ({"segment": "1", "step": None}, "whole number"),
        ({"segment": 1, "step": 0, "edits": [[900, [1] * 4, True]]}, "no position 900"),
        ({"segment": 1, "step": 0, "edits": [[1, [1], True]]}, "of 1 codes"),
        ({"segment": 1, "step": 0, "edits": ["nonsense"]}, "is a position, its codes"),
    ],
)
def test_nowhere_to_go_on_from(place: dict[str, object], sentence: str) -> None:
    with pytest.raises(InputError, match=sentence) as refused:
        FORM.resumed(trace(), place)
    assert refused.value.control == "prompt"


@pytest.mark.parametrize(
    ("change", "control"),
    [({"seed": "-1"}, "settings"), ({"c": 0.0}, "settings"), ({"prompt": " "}, "prompt")],
)
def test_a_bad_control_is_told_beside_itself(change: dict[str, object], control: str) -> None:
    with pytest.raises(InputError) as refused:
        replace(FORM, **change).request()  # type: ignore[arg-type]
    assert refused.value.control == control
