"""The suite of changes with engines that always change, never change, and change too much."""

import json
from dataclasses import replace
from functools import cache

import numpy as np
import pytest

import evaluation.__main__ as command
from engine.api.sampling import Sampling
from evaluation.judges.editing_judge import PLACE_PX
from evaluation.judges.image_parser import Detected, Parsed, parse
from evaluation.suites import editing
from flow.modality import Modality
from tests.evaluation.perfect import ScriptedAnswerer, shown
from world.edits.edits import Change, Edit
from world.image.rendering import render
from world.image.scenes import Background, Scene

NUM, SEED = 7, 2
SAMPLING = Sampling(steps=4)
KINDS = [f"done_and_kept_{c}" for c in Change]


@cache
def parsed(pixels: bytes) -> Parsed:
    return parse(np.frombuffer(pixels, np.uint8).reshape(128, 128, 3))


@pytest.fixture(autouse=True)
def parsed_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same pixels are read once in all tests."""
    monkeypatch.setattr(editing, "parse", lambda picture: parsed(picture.tobytes()))


@cache
def plan() -> tuple[Edit, ...]:
    return tuple(editing.plan(NUM, SEED))


def shares(scenes: list[Scene]) -> dict[str, float]:
    """The figures, without intervals, of an engine that answers with these scenes."""
    engine = ScriptedAnswerer([shown(s) for s in scenes])
    was = [parsed(render(e.before).tobytes()) for e in plan()]
    found = editing.figures(editing.change(engine, list(plan()), was, SAMPLING))
    return {k: v for k, v in found.items() if not k.endswith(("_low", "_high"))}


def test_an_engine_that_changes_what_it_should() -> None:
    engine = ScriptedAnswerer([shown(e.after) for e in plan()])
    measured = editing.evaluate(engine, NUM, SEED, SAMPLING)
    metrics = {k: v for k, v in measured.metrics.items() if not k.endswith(("_low", "_high"))}
    assert metrics.pop("unchanged") == 0
    assert set(metrics) == {"done", "kept", "done_and_kept", *KINDS}
    assert set(metrics.values()) == {1.0}
    assert measured.metrics["done_low"] == pytest.approx(1 / (1 + 1.96**2 / NUM))
    assert measured.judge == {
        "num": NUM, "true_renders": 1, "round_trips": 1, "false_accepts": 0,
        **{f"{name}_{c}": 1 for name in ("true_renders", "round_trips") for c in Change},
    }  # fmt: skip
    assert [r.to for r in engine.asked] == [Modality.IMAGE] * NUM
    assert [r.sampling for r in engine.asked] == [
        replace(SAMPLING, seed=SEED + i) for i in range(NUM)
    ]
    for edit, request in zip(plan(), engine.asked, strict=True):
        picture, words = request.conversation.turns[0].parts
        assert picture.image is not None
        assert (picture.image == render(edit.before)).all()
        assert words.text == edit.words


def test_an_engine_that_only_copies() -> None:
    found = shares([e.before for e in plan()])
    assert (found.pop("kept"), found.pop("unchanged")) == (1, 1)
    assert set(found.values()) == {0.0}


def test_an_engine_that_draws_something_else() -> None:
    """The changed pictures of other changes."""
    found = shares([e.after for e in plan()[1:] + plan()[:1]])
    assert found["done_and_kept"] == found["kept"] == found["unchanged"] == 0


def test_an_engine_that_changes_the_background_too() -> None:
    other = Background("gradient", ("pink", "purple"))
    found = shares([replace(e.after, background=other) for e in plan()])
    others = (NUM - 1) / NUM
    assert (found["done"], found["kept"], found["done_and_kept"]) == (others, 1 / NUM, 0)


def test_the_same_is_shown_up_to_a_few_pixels() -> None:
    dog, star = Detected("dog", None, 48, (40, 40), 0.9), Detected("star", "red", 32, (90, 40), 0.8)
    one = Parsed(Background("sky"), (dog, star))
    moved = replace(star, centre_px=(90 + PLACE_PX, 40), score=0.6)
    assert editing.shows_the_same(one, Parsed(Background("sky"), (moved, dog)))
    for spoilt in (
        Parsed(Background("sea"), (dog, star)),
        Parsed(Background("sky"), (dog,)),
        Parsed(Background("sky"), (dog, dog)),
        Parsed(Background("sky"), (dog, replace(star, colour="blue"))),
        Parsed(Background("sky"), (dog, replace(star, size_px=48))),
        Parsed(Background("sky"), (dog, replace(star, centre_px=(90, 41 + PLACE_PX)))),
    ):
        assert not editing.shows_the_same(one, spoilt)
        assert not editing.shows_the_same(spoilt, one)


def test_the_kinds_take_turns_and_depend_on_the_seed_only() -> None:
    assert [e.change for e in editing.plan(9, 0)] == [*Change, *list(Change)[:2]]
    assert editing.plan(3, SEED) == list(plan()[:3])
    assert editing.plan(3, SEED + 1) != list(plan()[:3])


def test_from_the_command_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    engine = ScriptedAnswerer([shown(plan()[0].after)])
    monkeypatch.setattr(command.Engine, "load", lambda *_, **__: engine)
    assert command.main(["editing", "--num", "1", "--seed", str(SEED), "--steps", "3"]) == 0
    values = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert (values["name"], values["num"], values["metrics"]["done"]) == ("editing", 1, 1)
    assert engine.asked[0].sampling.steps == 3
    assert command.main(["editing", "--num", "0"]) == 2
    assert "--num must be at least 1" in capsys.readouterr().err
