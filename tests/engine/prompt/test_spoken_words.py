"""The words that an answer says."""

import numpy as np
import pytest

from engine.api.conversation import Conversation
from engine.api.events import Answer
from engine.api.request import Request
from engine.api.sampling import Sampling
from engine.prompt.spoken_words import sayable, words_to_say
from flow.modality import Modality

TOKENS = np.zeros((1, 1), np.int64)


def asked(text: str, to: Modality = Modality.AUDIO) -> Request:
    return Request(Conversation.ask(text), to, Sampling())


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("say a red heart", "a red heart"),
        ("Say: Hello there!", "hello there!"),
        ("please say  good morning", "good morning"),
        ("read this aloud: I'm “fine”", "i'm fine"),
        ("speak naïve words", "naive words"),
        ("the sound of rain", None),
        ("say 你好", None),
        ("say ...", None),
        ("what does a cow say?", None),
    ],
)
def test_a_request_says_what_it_quotes(text: str, said: str | None) -> None:
    assert words_to_say(asked(text), []) == said


def test_a_spoken_answer_says_what_it_has_written() -> None:
    request = Request(Conversation.ask("say it"), Modality.TEXT, Sampling(), aloud=True)
    assert words_to_say(request, []) is None
    assert words_to_say(request, [Answer(Modality.TEXT, TOKENS, text="A fox.")]) == "a fox."
    assert words_to_say(request, [Answer(Modality.TEXT, TOKENS, text="…")]) is None


def test_what_is_too_long_is_refused_kindly() -> None:
    assert words_to_say(asked("say " + "a " * 65), []) is not None
    with pytest.raises(ValueError, match="up to 130 letters at once, and these are 199: make it"):
        words_to_say(asked("say " + "a " * 100), [])


def test_only_words_are_quoted() -> None:
    heard = Conversation.ask("say this", audio=np.zeros(16_000, np.float32))
    assert words_to_say(Request(heard, Modality.AUDIO, Sampling()), []) is None
    assert words_to_say(asked("say this", Modality.TEXT), []) is None


def test_no_letters_are_nothing_to_say() -> None:
    assert sayable("") is sayable("?!") is sayable("🦊") is None
    assert sayable("Café, 3 o’clock\n—now") == "cafe, three o'clock now"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("5 cats and 12 dogs", "five cats and twelve dogs"),
        ("at 5:30", "at five thirty"),
        ("1,234.5 km", "one thousand, two hundred and thirty four point five km"),
        ("the 2nd of 3", "the second of three"),
        ("$20 & 50%", "twenty dollars and fifty percent"),
        ("x" + "9" * 400, "x nine " + "nine " * 398 + "nine"),
        ("2 + 2 = 4", "two plus two equals four"),
    ],
)
def test_numbers_and_signs_are_words(text: str, said: str) -> None:
    assert sayable(text) == said
