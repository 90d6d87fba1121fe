"""What is said aloud, and how it is written down."""

from collections.abc import Callable

import numpy as np
import pytest

from model.prompt_template import TRANSCRIBE as ASKED_BY_THE_PROGRAM
from model.tokenizers.text import MARKERS
from world.audio.speech import Part, plan_clip
from world.text.sentences import (
    MAX_SPOKEN_CHARS,
    SAY,
    TRANSCRIBE,
    SpokenSentence,
    model_sentence,
    sample_instruction,
    sound_answer,
    transcript,
    user_sentence,
)

Says = Callable[..., SpokenSentence]
SIDES = pytest.mark.parametrize("says", [user_sentence, model_sentence])


def _said(says: Says, num: int, seed: int, *, test: bool = False) -> list[str]:
    rng = np.random.default_rng(seed)
    return [says(rng, test=test).text for _ in range(num)]


@SIDES
@pytest.mark.parametrize("test", [False, True])
def test_both_sides_speak_lower_case_without_markers(says: Says, test: bool) -> None:
    for sentence in _said(says, 300, 0, test=test):
        assert sentence == sentence.lower().strip() != ""
        assert not any(marker in sentence for marker in MARKERS)


@SIDES
def test_the_same_seed_says_the_same(says: Says) -> None:
    assert _said(says, 40, 1) == _said(says, 40, 1) != _said(says, 40, 2)


@pytest.mark.parametrize("part", [Part.TRAIN, Part.BULK, Part.TEST])
def test_nothing_that_is_spoken_is_long(part: Part) -> None:
    lengths = [len(plan_clip(part, i).sentence) for i in range(200)]
    assert 0 < min(lengths) <= max(lengths) <= MAX_SPOKEN_CHARS


@pytest.mark.parametrize(
    ("sentence", "written"),
    [
        ("hello! i draw small pictures.", "hello i draw small pictures"),
        ("a dog, a cat and a fox.", "a dog a cat and a fox"),
        ("what is this?", "what is this?"),
        (" Yes,no ..  maybe! ", "yes no maybe"),
    ],
)
def test_a_transcript_has_no_marks_but_question_marks(sentence: str, written: str) -> None:
    assert transcript(sentence) == written


@SIDES
def test_a_transcript_stays_as_it_is(says: Says) -> None:
    for sentence in _said(says, 200, 3):
        written = transcript(sentence)
        assert written != ""
        assert transcript(written) == written


def test_the_world_asks_for_words_as_the_program_does() -> None:
    assert TRANSCRIBE == ASKED_BY_THE_PROGRAM


@pytest.mark.parametrize(
    ("task", "first", "blanks"),
    [("write", TRANSCRIBE, 0), ("name", None, 0), ("say", SAY, 1), ("sound", None, 1)],
)
def test_what_is_to_be_heard_has_its_place_in_an_instruction(
    task: str, first: str | None, blanks: int
) -> None:
    rng = np.random.default_rng(0)
    phrases = {sample_instruction(rng, task) for _ in range(100)}
    assert len(phrases) > 2
    assert first is None or first in phrases
    assert {p.count("{}") for p in phrases} == {blanks}


def test_an_answer_names_what_it_hears() -> None:
    assert sound_answer("a dog") == "i hear a dog."
