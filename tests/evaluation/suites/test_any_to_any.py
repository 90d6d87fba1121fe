"""The table of any-to-any cells: lessons, reasons, the command, the page that shows it."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from pkgutil import resolve_name
from types import SimpleNamespace

import numpy as np
import pytest

import evaluation.__main__ as command
from app.benchmark_card import benchmarks_html
from engine.api.conversation import Conversation
from engine.api.events import Answer
from engine.api.request import Request
from engine.api.sampling import Sampling
from engine.prompt.task_coverage import no_lesson
from evaluation.requirements import NOT_TRAINED, Requirement
from evaluation.result import Measurement, Result
from evaluation.suites import (
    any_to_any,
    captions,
    cells_image,
    scenes,
)
from evaluation.suites.cell_item import Item, Material, in_words, item_with_answer
from evaluation.suites.cells import CELLS, Cell
from flow.modality import Modality
from tests.evaluation.perfect import PixelTokenizer, said, shown
from tests.evaluation.talker import PACK, Talker
from world.text.dialogue import sample_dialogue

SAMPLING = Sampling(steps=4)
Answers = tuple[Answer, ...]


def test_every_cell_of_four_by_four_comes_first_and_once() -> None:
    names = [c.name for c in CELLS]
    kinds = ("text", "image", "audio", "video")
    assert names[:16] == [f"{a}_to_{b}" for a in kinds for b in kinds]
    assert len(set(names)) == len(names)


@pytest.mark.parametrize("cell", CELLS, ids=lambda c: c.name)
def test_a_cell_has_a_lesson_of_the_training_or_says_why_not(cell: Cell) -> None:
    assert bool(cell.task) != bool(cell.untaught)
    assert (cell.plan is None) == (not cell.task)
    assert bool(cell.judge) == bool(cell.task)
    for task in cell.task.split(" + ") if cell.task else ():
        assert callable(resolve_name(f"training.{task}"))


@pytest.mark.parametrize("cell", CELLS, ids=lambda c: c.name)
def test_a_cell_of_one_lesson_is_taught_as_the_engine_says(cell: Cell) -> None:
    """Others go by words in between."""
    heard = {"speech": Modality.AUDIO, "sound": Modality.AUDIO}
    given, made = cell.name.split("_to_")
    kinds = [heard.get(kind) or Modality(kind) for kind in given.split("_and_")]
    why = no_lesson(kinds, heard.get(made) or Modality(made))
    assert (why == cell.untaught) or cell.by_words


def test_what_a_checkpoint_did_not_learn_is_not_trained() -> None:
    by_name = {c.name: c for c in CELLS}
    everything = frozenset(Requirement)
    assert by_name["text_to_video"].missing(everything, listens=True) is None
    assert by_name["text_to_video"].missing(frozenset({Requirement.SOUND}), listens=True) == (
        f"not trained: {Requirement.VIDEO}"
    )
    for untaught in ("audio_to_video", "sound_to_image"):
        reason = by_name[untaught].missing(everything, listens=True)
        assert reason is not None
        assert reason.startswith("not trained: ")
    unheard = by_name["text_to_audio"].missing(everything, listens=False)
    assert unheard is not None
    assert unheard.startswith("no judge: ")
    assert by_name["audio_to_text"].missing(everything, listens=False) is None


def engine(
    rule: Callable[[Request], Answers], *, sound: bool, films: bool, makes: bool = True
) -> Talker:
    media = (Modality.VIDEO,) if films and makes else ()
    config = SimpleNamespace(video_frames=8 if films else 0, media=media)
    model = SimpleNamespace(config=config, vision=PixelTokenizer())
    return Talker(rule, max_audio_s=8.0 if sound else 0.0, model=model)


def _same_items_in_all(monkeypatch: pytest.MonkeyPatch) -> None:
    def plan(material: Material) -> list[Item]:
        asked = Conversation.ask("x")
        item = item_with_answer(asked, Modality.TEXT, lambda a: a[0].text == "x", in_words("x"))
        return [item] * material.num

    four = [replace(c, plan=plan) if c.plan else c for c in CELLS]
    monkeypatch.setattr(any_to_any, "CELLS", tuple(four))


def test_the_table_has_a_number_or_a_reason_in_every_cell(monkeypatch: pytest.MonkeyPatch) -> None:
    _same_items_in_all(monkeypatch)
    half = iter([said("x"), said("y")] * 100)
    talker = engine(lambda _: next(half), sound=True, films=False)
    measured = any_to_any.evaluate(talker, Material(2, 3, PACK, None), SAMPLING)
    assert measured.metrics["text_to_image"] == 0.5
    assert measured.metrics["text_to_image_low"] < 0.5 < measured.metrics["text_to_image_high"]
    assert (measured.judge["text_to_image"], measured.judge["text_to_image_num"]) == (1, 2)
    names = {c.name for c in CELLS}
    assert names == set(measured.left_out) | (set(measured.metrics) & names)
    assert measured.metrics["trained"] == len(names) - len(measured.left_out)
    assert measured.left_out["text_to_audio"].startswith("no judge")
    assert measured.left_out["image_to_video"] == f"not trained: {Requirement.VIDEO}"
    lines = any_to_any.table(measured).splitlines()
    assert lines[0].split() == ["given", "text", "image", "audio", "video"]
    assert lines[1].split() == ["text", "0.50", "(0.09-0.91)", "0.50", "(0.09-0.91)", "no",
                                "judge", "not", "trained"]  # fmt: skip
    for name in names:
        assert any(line.startswith(f"{name} ") for line in lines)
    assert any(NOT_TRAINED in line and "nobody wishes for a film" in line for line in lines)


def test_a_matrix_without_sound_and_films_from_the_command_line(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rng = np.random.default_rng(1)
    kinds = [cells_image.STRICT[i % 2] for i in range(6)]
    talk = [sample_dialogue(rng, kind, test=True).utterances[-1] for kind in kinds]
    asked = captions.plan(6, 1)
    script = [said(u.text, suggest=u.suggest) for u in talk]
    script += [shown(w.scene) for w in scenes.plan(6, 1)]
    script += [said(asked[cells_image.ASKED[i % 3]][i].question.answer) for i in range(6)]
    answers = iter(script)
    talker = engine(lambda _: next(answers), sound=False, films=False)
    monkeypatch.setattr(command.Engine, "load", lambda *_, **__: talker)
    file = tmp_path / "matrix.json"
    options = ["--num", "6", "--seed", "1", "--steps", "3", "--json", str(file)]
    assert command.main(["matrix", *options]) == 0
    printed = capsys.readouterr().out.splitlines()
    values = json.loads(printed[-1])
    assert values == json.loads(file.read_text())
    assert printed[0].startswith("given ")
    for name in ("text_to_text", "text_to_image", "image_to_text"):
        assert values["metrics"][name] == values["judge"][name] == 1
    assert values["metrics"]["trained"] == 3
    assert values["left_out"]["audio_to_audio"] == f"not trained: {Requirement.SOUND}"
    assert [r.sampling.seed for r in talker.asked] == list(range(1, 7)) * 3
    assert command.main(["matrix", "--num", "5"]) == 2
    assert "multiple of 6" in capsys.readouterr().err
    assert len(talker.asked) == 18


def test_a_checkpoint_that_only_watches_films_makes_none(monkeypatch: pytest.MonkeyPatch) -> None:
    _same_items_in_all(monkeypatch)
    talker = engine(lambda _: said("x"), sound=True, films=True, makes=False)
    measured = any_to_any.evaluate(talker, Material(2, 3, PACK, None), SAMPLING)
    assert measured.metrics["video_to_text"] == 1
    reason = f"not trained: {Requirement.VIDEO_GENERATION}"
    for name in ("text_to_video", "image_to_video", "video_to_video", "image_and_text_to_video"):
        assert measured.left_out[name] == reason


def test_the_page_shows_what_the_suite_wrote() -> None:
    measured = Measurement(
        {"text_to_image": 0.5, "text_to_image_low": 0.1, "text_to_image_high": 0.9},
        {"text_to_image": 1.0},
        {c.name: "not trained: <why>" for c in CELLS if c.name != "text_to_image"},
    )
    result = Result(
        "matrix", "2026-11-22", "assets/nano", "cpu", 0, 6, 1.0, measured.metrics, measured.judge,
        measured.left_out,
    )  # fmt: skip
    measured = {"digest": "abc", "date": "2026", "suites": {"matrix": json.loads(result.to_json())}}
    page = benchmarks_html("abc", measured)
    assert "<td>50 %</td>" in page
    assert page.count("not trained") == len(CELLS) - 1
    assert "&lt;why&gt;" in page
    assert "image and text to video" in page
