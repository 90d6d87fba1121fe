"""The matrix: its cells, their items with engines that are always right or never, and its table."""

import json
from collections.abc import Callable
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

import evaluation.__main__ as command
from app.benchmark_card import measured_html
from engine.api.conversation import Conversation
from engine.api.events import Answer
from engine.api.request import Request
from engine.api.sampling import Sampling
from engine.prompt.task_coverage import no_lesson
from evaluation.judges import video_judge
from evaluation.report.result import Measured, Result
from evaluation.requirements import NOT_TRAINED, Needs
from evaluation.suites import (
    any_to_any,
    captions,
    cells_audio,
    cells_image,
    cells_video,
    scenes,
    video,
)
from evaluation.suites.cell_item import Item, Material, in_words, judged
from evaluation.suites.cells import CELLS, Cell
from flow.modality import Modality
from tests.evaluation.perfect import TOKENS, PixelTokenizer, ScriptedAnswerer, parsed, said, shown
from tests.evaluation.talker import PACK, Talker, heard, perfect, spoken
from world.audio.sounds import SOUND
from world.audio.speech import Clip
from world.image.scenes import Background, Family, Scene, render
from world.image.scenes import Item as Thing
from world.text.audio_visual_questions import AUDIO_VISUAL_SOUNDS
from world.text.dialogue import sample_dialogue
from world.video.captions import FRAME_REQUESTS

SAMPLING = Sampling(steps=4)
MATERIAL = Material(6, 1, PACK, heard)
FILMED = Material(2, 1, PACK, heard)
HEART = Scene(
    Family.SINGLE_OBJECT, Background("plain", ("white",)), (Thing("heart", "red", "", 2, 2),)
)
Answers = tuple[Answer, ...]


@pytest.fixture(autouse=True)
def parsed_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same pixels are read once in all tests."""
    for module in (video_judge, cells_video, cells_image, cells_audio):
        monkeypatch.setattr(module, "parse", lambda picture: parsed(picture.tobytes()))


def filmed(frames: np.ndarray) -> Answers:
    return (Answer(Modality.VIDEO, TOKENS, video=frames),)


def right(items: list[Item], script: list[Answers]) -> list[bool]:
    return any_to_any.outcomes(ScriptedAnswerer(script), "cell", items, SAMPLING)  # pyright: ignore


def test_every_cell_of_four_by_four_comes_first_and_once() -> None:
    names = [c.name for c in CELLS]
    kinds = ("text", "image", "audio", "video")
    assert names[:16] == [f"{a}_to_{b}" for a in kinds for b in kinds]
    assert len(set(names)) == len(names)


@pytest.mark.parametrize("cell", CELLS, ids=lambda c: c.name)
def test_a_cell_has_a_lesson_of_the_training_or_says_why_not(cell: Cell) -> None:
    assert bool(cell.lesson) != bool(cell.untaught)
    assert (cell.plan is None) == (not cell.lesson)
    assert bool(cell.judge) == bool(cell.lesson)
    for lesson in cell.lesson.split(" + ") if cell.lesson else ():
        package, module, *path = lesson.split(".")
        found = import_module(f"training.{package}.{module}")
        for name in path:
            found = getattr(found, name)
        assert callable(found)


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
    everything = frozenset(Needs)
    assert by_name["text_to_video"].missing(everything, listens=True) is None
    assert by_name["text_to_video"].missing(frozenset({Needs.SOUND}), listens=True) == (
        f"not trained: {Needs.FILMS}"
    )
    for untaught in ("audio_to_video", "sound_to_image"):
        reason = by_name[untaught].missing(everything, listens=True)
        assert reason is not None
        assert reason.startswith("not trained: ")
    unheard = by_name["text_to_audio"].missing(everything, listens=False)
    assert unheard is not None
    assert unheard.startswith("no judge: ")
    assert by_name["audio_to_text"].missing(everything, listens=False) is None


def test_pictures_and_words() -> None:
    wished = scenes.wishes(6, 1)
    items = cells_image.drawings(MATERIAL)
    assert right(items, [shown(w.scene) for w in wished]) == [True] * 6
    assert right(items, [shown(w.scene) for w in wished[1:] + wished[:1]]) == [False] * 6
    assert [i.true() for i in items] == [True] * 6
    asked = captions.plan(6, 1)
    answers = [asked[cells_image.ASKED[i % 3]][i].question.answer for i in range(6)]
    items = cells_image.questions(MATERIAL)
    assert right(items, [said(a) for a in answers]) == [True] * 6
    assert right(items, [said("")] * 6) == [False] * 6
    items = cells_image.facts(MATERIAL)
    assert [i.true() for i in items] == [True] * 6
    assert right(items, [said("a whale.")] * 6) == [False] * 6


def test_changes_of_pictures() -> None:
    for plan, kinds in (
        (cells_image.rearranged, cells_image.REARRANGED),
        (cells_image.changed, None),
    ):
        items = plan(replace(MATERIAL, num=3))
        edits = cells_image.editing.plan(3, 1, *(() if kinds is None else (kinds,)))
        assert [i.true() for i in items] == [True] * 3
        assert right(items, [shown(e.before) for e in edits]) == [False] * 3


def test_films() -> None:
    for plan in (
        cells_video.films,
        cells_video.animated,
        cells_video.rewound,
        cells_video.appearing,
    ):
        items = plan(FILMED)
        assert [i.true() for i in items] == [True] * 2
        blank = np.full((8, 128, 128, 3), 255, np.uint8)
        assert right(items, [filmed(blank)] * 2) == [False] * 2


def test_a_film_that_was_not_rewound_is_wrong() -> None:
    items = cells_video.rewound(FILMED)
    shown_films = [i.conversation.turns[0].parts[0].video for i in items]
    assert right(items, [filmed(f) for f in shown_films if f is not None]) == [False] * 2


def test_frames_of_films() -> None:
    items = cells_video.frames(replace(FILMED, num=3))
    assert [i.true() for i in items] == [True] * 3
    wishes = tuple(FRAME_REQUESTS)
    assert [i.conversation.turns[0].parts[1].text for i in items] == list(wishes[:3])
    films = [i.conversation.turns[0].parts[0].video for i in items]
    other = [
        (Answer(Modality.IMAGE, TOKENS, image=f[7 - FRAME_REQUESTS[w]]),)
        for f, w in zip(films, wishes, strict=False)
        if f is not None
    ]
    assert right(items, other) == [False] * 3


def test_questions_about_films() -> None:
    wished = video.plan(2, 1)
    items = cells_video.questions(FILMED)
    answers = [said(w.questions[i].answer) for i, w in enumerate(wished)]
    assert right(items, answers) == [True] * 2
    assert right(items, answers[::-1]) == [False] * 2
    aloud = cells_audio.told_aloud(FILMED)
    told = [(*said(""), *spoken(w.questions[-1].answer)) for w in wished]
    assert right(aloud, told) == [True] * 2
    assert right(aloud, told[::-1]) == [False] * 2


def _known() -> dict[tuple[str, bytes | None], str]:
    """The right answers to spoken questions, and to written ones about pictures."""
    known: dict[tuple[str, bytes | None], str] = {
        ("", render(a.scene).tobytes()): a.question.answer for a in captions.plan(6, 1)["object"]
    }
    for asked in (a for talk in cells_audio.spoken_qa.plan(PACK, 6, 1) for a in talk):
        scene = asked.dialogue.utterances[0].scene
        picture = None if scene is None else render(scene).tobytes()
        known[asked.clip.sentence, picture] = asked.right_answer
    return known


@pytest.mark.parametrize(
    "plan",
    [
        cells_audio.transcripts, cells_audio.sayings, cells_audio.described_aloud,
        cells_audio.spoken_questions,
        cells_audio.spoken_about_pictures, cells_audio.named_sounds, cells_audio.made_sounds,
    ],
)  # fmt: skip
def test_what_is_heard_and_said(plan: Callable[[Material], list[Item]]) -> None:
    items = plan(MATERIAL)
    assert items
    assert all(i.true() for i in items)
    assert all(any_to_any.outcomes(Talker(perfect(_known())), "right", items, SAMPLING))
    silent = (*said(""), *spoken("nobody knows what this is supposed to be"))
    assert not any(any_to_any.outcomes(Talker(lambda _: silent), "wrong", items, SAMPLING))


def test_what_was_heard_is_no_answer() -> None:
    """A transcript that happens to be the right answer."""
    item = judged(Conversation.ask("x"), Modality.TEXT, lambda a: a[0].text == "x", in_words("x"))
    heard_only = (replace(said("x")[0], heard=True), *said("y"))
    assert right([item], [heard_only]) == [False]
    assert item.true()


def test_a_spoken_wish_shows_all_that_was_said_and_nothing_else() -> None:
    (item,) = cells_audio.spoken_wishes(MATERIAL)
    assert item.to is None
    assert item.true()
    two = replace(HEART, items=(*HEART.items, Thing("dog", None, "", 5, 5)))
    assert right([item], [shown(HEART, "here you go!")]) == [True]
    assert right([item], [shown(two)]) == [False]
    assert right([item], [said("a red heart")]) == [False]


def test_sounds_with_pictures() -> None:
    sounds = [Clip(w, w, SOUND, np.full(100, 0.1, np.float32)) for w in AUDIO_VISUAL_SOUNDS]
    material = replace(MATERIAL, pack=replace(PACK, clips=tuple(sounds)))
    items = cells_audio.together(material)
    assert all(i.true() for i in items)
    assert right(items, [said("perhaps")] * 6) == [False] * 6


def engine(
    rule: Callable[[Request], Answers], *, sound: bool, films: bool, makes: bool = True
) -> Talker:
    media = (Modality.VIDEO,) if films and makes else ()
    config = SimpleNamespace(video_frames=8 if films else 0, media=media)
    model = SimpleNamespace(config=config, vision=PixelTokenizer())
    return Talker(rule, hears_s=8.0 if sound else 0.0, model=model)


def _same_items_in_all(monkeypatch: pytest.MonkeyPatch) -> None:
    def plan(material: Material) -> list[Item]:
        asked = Conversation.ask("x")
        item = judged(asked, Modality.TEXT, lambda a: a[0].text == "x", in_words("x"))
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
    assert measured.left_out["image_to_video"] == f"not trained: {Needs.FILMS}"
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
    script += [shown(w.scene) for w in scenes.wishes(6, 1)]
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
    assert values["left_out"]["audio_to_audio"] == f"not trained: {Needs.SOUND}"
    assert [r.sampling.seed for r in talker.asked] == list(range(1, 7)) * 3
    assert command.main(["matrix", "--num", "5"]) == 2
    assert "multiple of 6" in capsys.readouterr().err
    assert len(talker.asked) == 18


def test_a_checkpoint_that_only_watches_films_makes_none(monkeypatch: pytest.MonkeyPatch) -> None:
    _same_items_in_all(monkeypatch)
    talker = engine(lambda _: said("x"), sound=True, films=True, makes=False)
    measured = any_to_any.evaluate(talker, Material(2, 3, PACK, None), SAMPLING)
    assert measured.metrics["video_to_text"] == 1
    reason = f"not trained: {Needs.MAKING}"
    for name in ("text_to_video", "image_to_video", "video_to_video", "image_and_text_to_video"):
        assert measured.left_out[name] == reason


def test_the_page_shows_what_the_suite_wrote() -> None:
    measured = Measured(
        {"text_to_image": 0.5, "text_to_image_low": 0.1, "text_to_image_high": 0.9},
        {"text_to_image": 1.0},
        {c.name: "not trained: <why>" for c in CELLS if c.name != "text_to_image"},
    )
    result = Result(
        "matrix", "2026-11-22", "assets/nano", "cpu", 0, 6, 1.0, measured.metrics, measured.judge,
        measured.left_out,
    )  # fmt: skip
    measured = {"digest": "abc", "date": "2026", "suites": {"matrix": json.loads(result.to_json())}}
    page = measured_html("abc", measured)
    assert "<td>50 %</td>" in page
    assert page.count("not trained") == len(CELLS) - 1
    assert "&lt;why&gt;" in page
    assert "image and text to video" in page
