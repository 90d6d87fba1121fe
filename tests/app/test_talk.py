"""The conversation keeps what was said, and tells the engine all of it that was answered."""

import numpy as np

from app import talk
from app.examples import SUGGESTIONS
from app.pump import Outcome
from engine.events import Answer
from engine.request import Conversation, Modality, Part, Request

PICTURE = np.zeros((16, 16, 3), np.uint8)
REQUEST = Request(Conversation.ask("hello"))


def text_answer(text: str, *, suggest: bool = False) -> Outcome:
    tokens = np.zeros((1, 1), np.int64)
    return Outcome(REQUEST, (Answer(Modality.TEXT, tokens, text=text, suggest=suggest),))


def one_exchange() -> talk.History:
    history = talk.opened(talk.asked((), "what is this?", Part(image=PICTURE)), "run-1")
    return talk.answered(history, "run-1", text_answer("a dog"))


def test_a_follow_up_carries_everything_before_it() -> None:
    history = talk.asked(one_exchange(), "what colour is it?")
    turns = talk.conversation(history).turns
    assert [turn.role for turn in turns] == ["user", "assistant", "user"]
    assert turns[0].parts[0].image is PICTURE
    assert turns[1].parts[0].text == "a dog"
    assert turns[2].parts[0].text == "what colour is it?"


def test_an_unanswered_exchange_is_shown_but_not_told() -> None:
    history = talk.opened(talk.asked(one_exchange(), "refuse this"), "run-2")
    history = talk.refused(history, "run-2", "No.")
    history = talk.asked(history, "and now?")
    assert [t.parts[-1].text for t in talk.conversation(history).turns] == [
        "what is this?",
        "a dog",
        "and now?",
    ]
    shown = talk.as_value(history)["turns"]
    assert isinstance(shown, list)
    assert shown[3]["refusal"] == "No."


def test_an_answer_lands_on_its_own_run() -> None:
    history = talk.answered(one_exchange(), "another run", text_answer("a cat"))
    assert history == one_exchange() or history[1].parts[0].text == "a dog"


def test_suggestions_appear_only_where_the_model_asks_for_them() -> None:
    history = talk.opened(talk.asked((), "who are you?"), "run-1")
    plain = talk.answered(history, "run-1", text_answer("hello"))
    lost = talk.answered(history, "run-1", text_answer("I cannot", suggest=True))
    assert plain[-1].to_json()["suggest"] == ()
    assert lost[-1].to_json()["suggest"] == SUGGESTIONS
    assert len(SUGGESTIONS) == 3


def test_answer_again_goes_back_to_the_question() -> None:
    assert talk.without_last_answer(one_exchange())[-1].role == "user"
    assert talk.without_last_answer(()) == ()


def test_turns_have_ids_of_their_own() -> None:
    first = talk.opened(talk.asked((), "a"), "run-1")
    again = talk.opened(talk.without_last_answer(first), "run-2")
    assert first[0].id == again[0].id
    assert first[1].id != again[1].id
