"""Each suite with an engine that is always right, and with one that never is."""

from dataclasses import replace

import numpy as np
import pytest

from engine.api.sampling import Sampling
from evaluation.judges.image_judge import with_one_error
from evaluation.suites import captions, chat, scenes
from flow.modality import Modality
from tests.evaluation.perfect import ScriptedAnswerer, said, shown
from world.image.scenes import Background, Family, Item, Scene
from world.text.captions import Question, full_caption
from world.text.dialogue import HERE_YOU_ARE, Dialogue, Kind, Utterance

SAMPLING = Sampling(steps=4)
HEART = Scene(
    Family.SINGLE_OBJECT, Background("plain", ("white",)), (Item("heart", "red", "", 2, 2),)
)


def shares(metrics: dict[str, float]) -> dict[str, float]:
    """Without intervals."""
    return {k: v for k, v in metrics.items() if not k.endswith(("_low", "_high"))}


def test_scenes_of_a_perfect_engine() -> None:
    engine = ScriptedAnswerer([shown(w.scene) for w in scenes.plan(12, seed=1)])
    measured, drawn = scenes.evaluate(engine, 12, 1, SAMPLING)
    assert measured.metrics["overall"] == 1
    assert measured.metrics["overall_low"] == pytest.approx(1 / (1 + 1.96**2 / 12))
    assert set(shares(measured.metrics)) == {
        "overall", "single_object", "two_objects", "counting", "colours",
        "position", "colour_attribution", "many_facts",
    }  # fmt: skip
    assert measured.judge == {
        "num": 12, "true_renders": 1, "false_accepts": 0, "round_trips": 1
    }  # fmt: skip
    assert all(d.right for d in drawn)
    assert [r.to for r in engine.asked] == [Modality.IMAGE] * 12
    assert [r.sampling for r in engine.asked] == [Sampling(steps=4, seed=1 + i) for i in range(12)]


@pytest.mark.parametrize(
    ("words", "facts"),
    [
        ("a fox", 1),
        ("three clocks on green", 3),
        ("a small red car", 3),
        ("a purple gem with an orange book on white", 5),
        ("a yellow gem to the left of a blue circle", 5),
    ],
)
def test_what_words_state(words: str, facts: int) -> None:
    assert scenes.num_facts(words) == facts


def test_scenes_of_an_engine_with_one_error_each() -> None:
    rng = np.random.default_rng(0)
    wished = scenes.plan(12, seed=1)
    engine = ScriptedAnswerer([shown(with_one_error(w.scene, rng)) for w in wished])
    drawn = scenes.draw(engine, wished, SAMPLING)
    assert scenes.geneval_metrics(drawn)["overall"] == 0


def test_overall_is_the_mean_of_the_six_columns() -> None:
    wished = scenes.plan(12, seed=0)
    picture = np.zeros((128, 128, 3), np.uint8)
    drawn = [scenes.JudgedImage(w, picture, i in (0, 2, 6)) for i, w in enumerate(wished)]
    columns = scenes.geneval_metrics(drawn)
    assert (columns["single_object"], columns["counting"], columns["colours"]) == (1, 0.5, 0)
    assert columns["overall"] == pytest.approx(1.5 / 6)
    assert columns["overall_low"] < 0.25 < columns["overall_high"]


def test_the_wishes_depend_on_the_seed_only() -> None:
    assert scenes.plan(6, seed=3) == scenes.plan(12, seed=3)[:6]
    assert scenes.plan(6, seed=3) != scenes.plan(6, seed=4)


@pytest.mark.parametrize("num", [0, -6, 7])
def test_scenes_come_in_sixes(num: int) -> None:
    with pytest.raises(ValueError, match="multiple of 6"):
        scenes.plan(num, seed=0)


def test_the_sheet_frames_right_and_wrong() -> None:
    wished = scenes.plan(18, seed=0)
    picture = np.zeros((128, 128, 3), np.uint8)
    page = scenes.sheet([scenes.JudgedImage(w, picture, i == 0) for i, w in enumerate(wished)])
    assert page.size == (12 * 136, 2 * 170)
    assert page.getpixel((1, 1)) == scenes.PASS_RGB
    assert page.getpixel((137, 1)) == scenes.FAIL_RGB


def test_captions_of_a_perfect_engine() -> None:
    plan = captions.plan(8, seed=2)
    engine = ScriptedAnswerer([said(a.question.answer + ".") for row in plan.values() for a in row])
    measured = captions.evaluate(engine, 8, 2, SAMPLING).metrics
    assert measured["count_low"] == pytest.approx(1 / (1 + 1.96**2 / 8))
    metrics = shares(measured)
    assert metrics == {"object": 1, "count": 1, "colour": 1, "exact": 1}
    assert [len(r.conversation.turns[0].parts) for r in engine.asked] == [2] * 24
    assert len({r.conversation.turns[0].parts[1].text for r in engine.asked[:8]}) > 2


def test_captions_of_a_silent_engine() -> None:
    engine = ScriptedAnswerer([said("")] * 24)
    metrics = shares(captions.evaluate(engine, 8, 2, SAMPLING).metrics)
    assert metrics == {"object": 0, "count": 0, "colour": 0, "exact": 0}


def test_the_same_words_in_another_frame_are_the_object_but_not_exact() -> None:
    asked = captions.VisualQuestion(HEART, Question("what is this?", full_caption(HEART), "object"))
    assert captions.names_the_objects("a big blue heart at sea", asked)
    assert not captions.says_the_answer("a big blue heart at sea", asked)
    assert not captions.names_the_objects("a red heart and a dog", asked)
    assert not captions.names_the_objects("something red", asked)
    assert captions.says_the_answer("a red heart on a white background", asked)


def test_concepts_are_named_in_singular_and_plural() -> None:
    assert captions.named_concepts("Three strawberries, a bus and fish.") == {
        "strawberry",
        "bus",
        "fish",
    }


def test_the_counts_asked_for_are_varied() -> None:
    answers = [a.question.answer for a in captions.plan(60, seed=0)["count"]]
    assert all(answers.count(n) >= 6 for n in ("one", "two", "three", "four"))


def _expected(dialogue: Dialogue):
    last = dialogue.utterances[-1]
    if last.scene is not None:
        return shown(last.scene, last.text)
    return said(last.text, suggest=last.suggest)


def test_chat_of_a_perfect_engine() -> None:
    engine = ScriptedAnswerer([_expected(d) for d in chat.plan(36, seed=0)])
    metrics = shares(chat.evaluate(engine, 36, 0, SAMPLING).metrics)
    assert metrics.pop("false_refusals") == 0
    assert set(metrics.values()) == {1.0}
    assert all(r.to is None for r in engine.asked)
    assert all(r.conversation.turns[-1].role == "user" for r in engine.asked)


def test_chat_of_an_engine_that_refuses_everything() -> None:
    engine = ScriptedAnswerer([said("no", suggest=True)] * 36)
    metrics = shares(chat.evaluate(engine, 36, 0, SAMPLING).metrics)
    assert metrics.pop("false_refusals") == 1
    assert metrics.pop("out_of_world") == 1
    assert set(metrics.values()) == {0.0}


def test_chat_verdicts_by_hand() -> None:
    case = Utterance("user", "draw a red heart")
    drawn = Dialogue(Kind.DRAW, (case, Utterance("assistant", HERE_YOU_ARE, scene=HEART)))
    other = replace(HEART, items=(replace(HEART.items[0], concept="star"),))
    assert chat.judge_answer(drawn, shown(HEART)) == chat.Verdict(Kind.DRAW, True, False, True)
    assert chat.judge_answer(drawn, shown(other)) == chat.Verdict(Kind.DRAW, True, False, False)
    assert chat.judge_answer(drawn, said("a heart")) == chat.Verdict(Kind.DRAW, False, False, False)
    asked = Dialogue(
        Kind.ASK, (Utterance("user", "how many?", scene=HEART), Utterance("assistant", "one"))
    )
    assert chat.judge_answer(asked, said("One.")).right
    assert not chat.judge_answer(asked, said("two")).right
    assert not chat.judge_answer(asked, shown(HEART, "one")).right
    hello = Dialogue(Kind.SMALL_TALK, (Utterance("user", "hi"), Utterance("assistant", "hello!")))
    assert chat.judge_answer(hello, said("good day")).right
    assert not chat.judge_answer(hello, said(" ")).right
    assert not chat.judge_answer(hello, said("hello!", suggest=True)).right


def test_a_dialogue_becomes_a_conversation() -> None:
    dialogue = Dialogue(
        Kind.FOLLOW_UP,
        (
            Utterance("user", "draw a red heart"),
            Utterance("assistant", HERE_YOU_ARE, scene=HEART),
            Utterance("user", "what colour is it?"),
            Utterance("assistant", "red"),
        ),
    )
    turns = chat.conversation_of(dialogue).turns
    assert [t.role for t in turns] == ["user", "assistant", "user"]
    assert [str(p.modality) for p in turns[1].parts] == ["text", "image"]


def test_chat_needs_one_dialogue_of_each_kind() -> None:
    with pytest.raises(ValueError, match="--num"):
        chat.plan(5, seed=0)
