"""What is asked of an answer: its seed, its kind, and the mark that asks for thinking."""

import pytest

from app.chat.settings import (
    AFTER_WORDS,
    AUTO,
    KINDS,
    PLACES,
    THINK,
    AnswerForm,
    choices,
    read_think,
)
from engine.api.insertion import MediaInsertion
from engine.api.request import Modality

FORM = AnswerForm("auto", "auto", "7", "7")


def _with(answer_with: str, words: object = 2) -> AnswerForm:
    return AnswerForm("auto", "auto", "7", "7", answer_with=answer_with, words=words)  # type: ignore[arg-type]


def test_another_answer_takes_the_next_seed_unless_the_box_was_edited() -> None:
    assert FORM.again().with_next_seed().seed == "8"
    assert AnswerForm("auto", "auto", "7", "7", keep_seed=True).again().with_next_seed().seed == "8"
    assert AnswerForm("auto", "auto", "40", "7").again().with_next_seed().seed == "40"
    with pytest.raises(ValueError, match="whole number"):
        AnswerForm("auto", "auto", "x", "x").again()


def test_a_first_answer_takes_a_new_seed_unless_it_is_kept_or_edited() -> None:
    assert AnswerForm("auto", "auto", "7", "7", keep_seed=True).with_next_seed().seed == "7"
    assert AnswerForm("auto", "auto", "40", "7").with_next_seed().seed == "40"
    assert len({FORM.with_next_seed().seed for _ in range(8)}) > 1


def test_every_choice_is_a_kind_or_a_place() -> None:
    assert _with(AUTO).kind() == (None, None)
    for name, modality in KINDS.items():
        assert _with(name).kind() == (modality, None)
    for name, words in PLACES.items():
        assert _with(name).kind() == (None, MediaInsertion(words=words))
    assert _with(AFTER_WORDS, 3.0).kind() == (None, MediaInsertion(words=3))


@pytest.mark.parametrize("words", [None, 2.5, "two", -1, 1000])
def test_a_number_of_words_that_is_none_is_refused(words: object) -> None:
    with pytest.raises(ValueError, match="words"):
        _with(AFTER_WORDS, words).kind()


def test_an_unknown_kind_is_refused() -> None:
    with pytest.raises(ValueError, match="no answer with 'smell'"):
        _with("smell").kind()


def test_only_what_the_checkpoint_makes_can_be_chosen() -> None:
    deaf = choices(["text", "image"])
    assert "sound" not in deaf
    assert "film" not in deaf
    assert {"sound", "film"} <= set(choices([str(m) for m in Modality]))


@pytest.mark.parametrize(
    ("text", "words", "think"),
    [
        (f"{THINK} how many?", "how many?", True),
        (f"  {THINK}\nhow many?", "how many?", True),
        (THINK, "", True),
        (f"{THINK}er", f"{THINK}er", False),
        (f"say {THINK}", f"say {THINK}", False),
        ("", "", False),
    ],
)
def test_the_mark_stands_at_the_beginning(text: str, words: str, think: bool) -> None:
    assert read_think(text) == (words, think)
