"""The conversation that the browser keeps, and what becomes of it when the page opens again."""

import json

import pytest

from app.chat import history as chat_history
from app.chat.history import History
from app.chat.kept import BROKEN_OFF, key_of, news, told_again
from engine.api.conversation import Part
from engine.api.request import USUAL_PROMPT_CHARACTERS
from tests.app.chat.test_save_load import SOUND, _history

LONGEST = USUAL_PROMPT_CHARACTERS


def kept(history: History) -> str:
    """The text that a browser which had nothing tells the server again."""
    found = json.loads(news(history, ()))
    turns = [found["turns"][key] for key in found["keys"]]
    return json.dumps({**found["head"], "turns": turns})


def test_a_conversation_comes_back() -> None:
    history = _history()
    again = told_again(kept(history), LONGEST)
    assert [said.words for said in again] == [said.words for said in history]
    assert [len(said.parts) for said in again] == [len(said.parts) for said in history]
    assert again[-1].refusal is None


def test_only_what_is_new_is_sent() -> None:
    history = _history()
    known = {key_of(said) for said in history[:3]}
    found = json.loads(news(history, known))
    assert found["keys"] == [key_of(said) for said in history]
    assert set(found["turns"]) == {key_of(history[3])}


def test_words_that_were_heard_later_are_sent_again() -> None:
    spoken = chat_history.with_turn((), "user", (Part(audio=SOUND),))
    heard = chat_history.with_turn((), "user", (Part(audio=SOUND, text="hello"),))
    assert key_of(spoken[0]) != key_of(heard[0])


def test_a_message_whose_answer_was_lost_says_so_and_can_be_answered_again() -> None:
    asked = chat_history.with_message(_history(), "and now?")
    again = told_again(kept(chat_history.with_open_answer(asked, "run-1")), LONGEST)
    *_, message, lost = again
    assert (message.words, lost.refusal, lost.run) == ("and now?", BROKEN_OFF, None)
    assert chat_history.without_last_answer(again)[-1].words == "and now?"


def test_an_exchange_that_failed_does_not_spoil_the_rest() -> None:
    failed = chat_history.with_open_answer(chat_history.with_message((), "one"), "run-1")
    failed = chat_history.with_refusal(failed, "run-1", "no room")
    history = chat_history.with_turn(
        chat_history.with_message(failed, "two"), "assistant", (Part(text="three"),)
    )
    assert [said.words for said in told_again(kept(history), LONGEST)] == ["two", "three"]


def test_what_no_page_of_ours_kept_is_refused() -> None:
    with pytest.raises(ValueError, match="not a conversation of ours"):
        told_again('{"turns": []}', LONGEST)
