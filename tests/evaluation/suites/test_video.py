"""The suite of films with engines that make true films, films that stand still, and none."""

import json
from dataclasses import replace
from functools import cache
from types import SimpleNamespace

import numpy as np
import pytest

import evaluation.__main__ as command
from engine.api.events import Answer
from engine.api.sampling import Sampling
from evaluation.judges import video_judge
from evaluation.requirements import Requirement
from evaluation.suites import video
from flow.modality import Modality
from tests.evaluation.perfect import TOKENS, PixelTokenizer, ScriptedAnswerer, parsed, said
from world.text.captions import Question
from world.video.captions import full_video_caption
from world.video.motion import FRAMES, SLIDES, Motion, VideoScene, render_video

NUM, SEED = 10, 1
SAMPLING = Sampling(steps=4)
MADE = ("direction", "object", "both", "slides")
Script = list[tuple[Answer, ...]]


@pytest.fixture(autouse=True)
def parsed_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same pixels are read once in all tests."""
    for module in (video_judge, video):
        monkeypatch.setattr(module, "parse", lambda picture: parsed(picture.tobytes()))


@cache
def plan() -> tuple[video.TestCase, ...]:
    return tuple(video.plan(NUM, SEED))


@cache
def frames(film: VideoScene) -> np.ndarray:
    return render_video(film)


def filmed(shown: np.ndarray) -> tuple[Answer, ...]:
    return (Answer(Modality.VIDEO, TOKENS, video=shown),)


def still(film: VideoScene) -> np.ndarray:
    """A still video of the first frame."""
    return np.repeat(frames(film)[:1], FRAMES, 0)


def answered() -> Script:
    """The right answers to all questions."""
    asked = [w.questions[i] for i in range(4) for w in plan()]
    asked += [w.place for w in plan() if w.place is not None]
    return [said(q.answer + ".") for q in asked]


def asked_of(case: video.TestCase) -> list[Question]:
    """The questions in the order of the suite."""
    return [*case.questions, *([] if case.place is None else [case.place])]


def filmer(script: Script, video_frames: int = FRAMES, *, makes: bool = True) -> ScriptedAnswerer:
    media = (Modality.VIDEO,) if video_frames and makes else ()
    config = SimpleNamespace(video_frames=video_frames, media=media)
    return ScriptedAnswerer(script, model=SimpleNamespace(vision=PixelTokenizer(), config=config))


def shares(figures: dict[str, float]) -> dict[str, float]:
    """Without intervals."""
    return {k: v for k, v in figures.items() if not k.endswith(("_low", "_high"))}


def test_an_engine_that_makes_true_films() -> None:
    true = [filmed(frames(w.film)) for w in plan()]
    engine = filmer(true + true + answered())
    measured = video.evaluate(engine, NUM, SEED, SAMPLING)
    found = shares(measured.metrics)
    assert set(found) == {
        *MADE, *(f"direction_{m}" for m in Motion), "animated", "animated_first",
        "animated_direction", *video.UNDERSTOOD, video.PLACE,
    }  # fmt: skip
    assert set(found.values()) == {1.0}
    assert measured.metrics["direction_low"] == pytest.approx(1 / (1 + 1.96**2 / NUM))
    assert measured.metrics["slides_low"] == pytest.approx(1 / (1 + 1.96**2 / len(SLIDES)))
    judge = measured.judge
    assert (judge.pop("num"), judge.pop("false_accepts")) == (NUM, 0)
    assert set(judge) == {
        f"{who}_{what}" for who in ("judge", "roundtrip")
        for what in ("direction", "object", "slides", *(f"direction_{m}" for m in Motion))
    }  # fmt: skip
    assert set(judge.values()) == {1.0}


def test_an_engine_that_only_watches_films() -> None:
    measured = video.evaluate(filmer(answered(), makes=False), NUM, SEED, SAMPLING)
    found = shares(measured.metrics)
    assert set(found) == {*video.UNDERSTOOD, video.PLACE}
    assert set(found.values()) == {1.0}
    assert measured.left_out == dict.fromkeys(
        video.MADE, f"not trained: {Requirement.VIDEO_GENERATION}"
    )


def test_what_an_engine_is_asked() -> None:
    true = [filmed(frames(w.film)) for w in plan()]
    engine = filmer(true + true + answered())
    video.evaluate(engine, NUM, SEED, SAMPLING)
    made, begun, asked = engine.asked[:NUM], engine.asked[NUM : 2 * NUM], engine.asked[2 * NUM :]
    for i, case in enumerate(plan()):
        (words,) = made[i].conversation.turns[0].parts
        picture, same = begun[i].conversation.turns[0].parts
        assert words.text == same.text == case.words
        assert picture.image is not None
        assert (picture.image == frames(case.film)[0]).all()
        film, question = asked[i].conversation.turns[0].parts
        assert film.video is not None
        assert (film.video == frames(case.film)).all()
        assert question.text == case.questions[0].text
    assert {r.to for r in made + begun} == {Modality.VIDEO}
    assert {r.to for r in asked} == {Modality.TEXT}
    for requests in (made, begun):
        seeds = [replace(SAMPLING, seed=SEED + i) for i in range(NUM)]
        assert [r.sampling for r in requests] == seeds


def test_an_engine_whose_films_stand_still() -> None:
    engine = filmer([filmed(still(w.film)) for w in plan()] * 2 + [said("")] * 5 * NUM)
    measured = video.evaluate(engine, NUM, SEED, SAMPLING)
    found = shares(measured.metrics)
    there = share_of_things_in_the_first_frame()
    assert (found.pop("object"), found.pop("animated_first")) == (there, 1)
    assert set(found.values()) == {0.0}


def share_of_things_in_the_first_frame() -> float:
    """An appearing object is not in the first frame."""
    return sum(w.film.motion is not Motion.APPEAR for w in plan()) / NUM


def test_an_engine_whose_films_begin_with_another_picture() -> None:
    others = [w.film for w in plan()[1:] + plan()[:1]]
    engine = filmer([filmed(frames(film)) for film in others])
    true = np.stack([frames(w.film) for w in plan()])
    found = video.animated(engine, list(plan()), true[:, 0], true[:, 0], SAMPLING)
    assert found["animated"] == found["animated_first"] == 0


def test_words_that_are_nearly_right() -> None:
    """The movers in other words are the object, and no exact answer."""
    true = np.stack([frames(w.film) for w in plan()])
    movers = [said(" and ".join(i.concept for i in w.film.movers) + " of course") for w in plan()]
    found = shares(video.understood(filmer(movers * 5), list(plan()), true, SAMPLING))
    assert found.pop("understand_object") == 1
    assert set(found.values()) == {0.0}


def test_the_films_depend_on_the_seed_only() -> None:
    assert video.plan(3, SEED) == list(plan()[:3])
    assert video.plan(3, SEED + 1) != list(plan()[:3])


def test_wishes_and_captions_take_turns_in_every_motion() -> None:
    wished = video.plan(40, 0)
    assert [w.film.motion for w in wished] == list(Motion) * 4
    captions = [w.words == full_video_caption(w.film) for w in wished]
    for start in range(10):
        assert sum(captions[start::10]) == 2
    slides = [w for w in wished if w.film.motion in SLIDES]
    assert {w.questions[0].kind for w in slides} == {"motion", "direction"}
    kinds = [tuple(q.kind for q in w.questions[1:]) for w in wished]
    assert set(kinds) == {("mover", "count", "object")}


def test_a_few_films_have_figures_of_their_motions_only() -> None:
    engine = filmer([filmed(still(w.film)) for w in plan()[:2]])
    found = video.made(engine, list(plan()[:2]), SAMPLING)
    assert {k for k in found if k.startswith("direction_")} == {
        "direction_low", "direction_high", "direction_left", "direction_right"
    }  # fmt: skip


@pytest.fixture
def load(monkeypatch: pytest.MonkeyPatch) -> list[ScriptedAnswerer]:
    """The engine that the command line loads, put in by the test."""
    engines: list[ScriptedAnswerer] = []
    monkeypatch.setattr(command.Engine, "load", lambda *_, **__: engines[0])
    return engines


def test_from_the_command_line(
    load: list[ScriptedAnswerer], capsys: pytest.CaptureFixture[str]
) -> None:
    wished = video.plan(1, SEED)
    true = [filmed(frames(w.film)) for w in wished]
    load.append(filmer(true * 2 + [said(q.answer) for q in asked_of(wished[0])]))
    assert command.main(["video", "--num", "1", "--seed", str(SEED), "--steps", "3"]) == 0
    values = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert (values["name"], values["num"], values["metrics"]["both"]) == ("video", 1, 1)
    assert load[0].asked[0].sampling.steps == 3


@pytest.mark.parametrize(("num", "knows"), [("1", 0), ("0", FRAMES)])
def test_a_mistake_gets_one_sentence(
    num: str, knows: int, load: list[ScriptedAnswerer], capsys: pytest.CaptureFixture[str]
) -> None:
    load.append(filmer([], knows))
    assert command.main(["video", "--num", num]) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    sentence = "makes nor watches films" if knows == 0 else "--num must be at least 1"
    assert sentence in printed.err
    assert "Traceback" not in printed.err
    assert load[0].asked == []
