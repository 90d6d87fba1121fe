"""Parts of a message: what they hold, and words that no program can write."""

import pytest

from engine.api.conversation import Conversation, Part, is_blank
from engine.api.request import Request


def test_half_a_character_is_replaced() -> None:
    assert Part(text="a \ud83d cat \udc31").text == "a \ufffd cat \ufffd"
    assert Part(text="a 🐱").text == "a 🐱"


@pytest.mark.parametrize("text", ["", " \n", "\u200b", "\ufeff \u200d\u2060", "\x00\x1b"])
def test_what_nobody_can_see_is_no_prompt(text: str) -> None:
    assert is_blank(text)
    with pytest.raises(ValueError, match="the prompt is empty"):
        Request(Conversation.ask(text))


def test_what_can_be_seen_is_not_blank() -> None:
    for text in ("a", "🐱", "\u200ba", "。"):
        assert not is_blank(text)
