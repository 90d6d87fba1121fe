"""Counting what is right: questions about sound and picture, and questions to think about."""

from collections.abc import Callable, Sequence
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from engine.api.events import Answer
from engine.api.request import Request
from engine.api.sampling import Sampling
from evaluation.pack import Pack
from evaluation.suites import omni, thinking
from flow.modality import Modality
from world.audio.audio_visual_questions import AUDIO_VISUAL_SOUNDS
from world.audio.sounds import SOUND
from world.audio.speech import Clip

SAMPLING = Sampling()
CLIPS = tuple(
    Clip(f"unheard-{i}", words, SOUND, np.full(4000, 0.1, np.float32))
    for i, words in enumerate(AUDIO_VISUAL_SOUNDS[:6])
)
Reply = Callable[[Request, int], Answer]


class Scripted:
    """Answers each request by a rule."""

    model: Any = SimpleNamespace()
    device: Any = "cpu"

    def __init__(self, reply: Reply) -> None:
        self.reply, self.asked = reply, list[Request]()

    def generate_batch(self, requests: Sequence[Request]) -> list[tuple[Answer, ...]]:
        found = [(self.reply(r, len(self.asked) + i),) for i, r in enumerate(requests)]
        self.asked += requests
        return found


def _said(text: str, thought: str | None = None) -> Answer:
    return Answer(Modality.TEXT, np.zeros((1, 1), np.int64), text=text, thought=thought)


def _pack(clips: Sequence[Clip] = CLIPS) -> Any:
    return Pack(tuple(clips), judge=SimpleNamespace())  # type: ignore[arg-type]


def test_right_answers_are_counted_and_both_are_shown() -> None:
    plan = omni.plan(_pack(), 30, 0)
    engine = Scripted(lambda _, i: _said(plan[i][0].answer))
    figures = omni.evaluate(engine, _pack(), 30, 0, SAMPLING)
    assert figures.metrics["omni"] == 1
    assert {"omni_whether", "omni_which", "omni_number"} <= set(figures.metrics)
    for request, (question, clip) in zip(engine.asked, plan, strict=True):
        picture, sound, words = request.conversation.turns[-1].parts
        assert picture.image is not None
        assert np.array_equal(sound.audio, clip.samples)
        assert clip.sentence == question.sound
        assert words.text == question.question


def test_saying_no_to_everything_scores_what_the_judge_says() -> None:
    engine = Scripted(lambda _, __: _said("No."))
    figures = omni.evaluate(engine, _pack(), 60, 1, SAMPLING)
    assert figures.metrics["omni_whether"] == figures.judge["always_no"]
    assert 0.3 < figures.judge["always_no"] < 0.7
    assert figures.metrics["omni_which"] == 0


def test_thinking_and_at_once_are_counted_apart() -> None:
    plan = thinking.plan(20, 0)

    def reply(request: Request, i: int) -> Answer:
        _, thought = plan[i % 20]
        if request.think:
            return _said(thought.answer, thought.thought if i % 2 else "nothing")
        return _said("seven")

    figures = thinking.evaluate(Scripted(reply), 20, 0, SAMPLING).metrics
    assert figures["think_right"] == 1
    assert figures["at_once_right"] == 0
    assert figures["think_true"] == 0.5


@pytest.mark.parametrize("num", [0, -1])
def test_nothing_to_ask_is_refused(num: int) -> None:
    for run in (lambda: thinking.plan(num, 0), lambda: omni.plan(_pack(), num, 0)):
        with pytest.raises(ValueError, match="must be at least 1"):
            run()
    with pytest.raises(ValueError, match="no sounds of things that can be drawn"):
        omni.plan(_pack(()), 3, 0)
