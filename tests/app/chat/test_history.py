"""The conversation keeps what was said, and tells the engine all of it that was answered."""

from dataclasses import replace

import numpy as np
import pytest

from app.chat import history as chat_history
from app.forms.example_prompts import SUGGESTIONS
from app.stream.run_driver import Outcome
from engine.api.conversation import Conversation, Part
from engine.api.events import Answer
from engine.api.insertion import MediaInsertion
from engine.api.request import Modality, Request
from engine.prompt.conversation import kept_turns

PICTURE = np.zeros((16, 16, 3), np.uint8)
REQUEST = Request(Conversation.ask("hello"))


def text_answer(text: str, *, suggest: bool = False) -> Outcome:
    tokens = np.zeros((1, 1), np.int64)
    return Outcome(REQUEST, (Answer(Modality.TEXT, tokens, text=text, suggest=suggest),))


def one_exchange() -> chat_history.History:
    history = chat_history.with_open_answer(
        chat_history.with_message((), "what is this?", Part(image=PICTURE)), "run-1"
    )
    return chat_history.with_answer(history, "run-1", text_answer("a dog"))


def test_a_follow_up_carries_everything_before_it() -> None:
    history = chat_history.with_message(one_exchange(), "what colour is it?")
    turns = chat_history.conversation(history).turns
    assert [turn.role for turn in turns] == ["user", "assistant", "user"]
    assert turns[0].parts[0].image is PICTURE
    assert turns[1].parts[0].text == "a dog"
    assert turns[2].parts[0].text == "what colour is it?"


def test_an_unanswered_exchange_is_shown_but_not_told() -> None:
    history = chat_history.with_open_answer(
        chat_history.with_message(one_exchange(), "refuse this"), "run-2"
    )
    history = chat_history.with_refusal(history, "run-2", "No.")
    history = chat_history.with_message(history, "and now?")
    assert [t.parts[-1].text for t in chat_history.conversation(history).turns] == [
        "what is this?",
        "a dog",
        "and now?",
    ]
    shown = chat_history.as_value(history)["turns"]
    assert isinstance(shown, list)
    assert shown[3]["refusal"] == "No."


def test_an_answer_lands_on_its_own_run() -> None:
    history = chat_history.with_answer(one_exchange(), "another run", text_answer("a cat"))
    assert history == one_exchange() or history[1].parts[0].text == "a dog"


def test_suggestions_appear_only_where_the_model_asks_for_them() -> None:
    history = chat_history.with_open_answer(chat_history.with_message((), "who are you?"), "run-1")
    plain = chat_history.with_answer(history, "run-1", text_answer("hello"))
    lost = chat_history.with_answer(history, "run-1", text_answer("I cannot", suggest=True))
    assert plain[-1].to_json()["suggest"] == ()
    assert lost[-1].to_json()["suggest"] == SUGGESTIONS
    assert len(SUGGESTIONS) == 3


def test_answer_again_goes_back_to_the_question() -> None:
    assert chat_history.without_last_answer(one_exchange())[-1].role == "user"
    assert chat_history.without_last_answer(()) == ()


def test_turns_have_ids_of_their_own() -> None:
    first = chat_history.with_open_answer(chat_history.with_message((), "a"), "run-1")
    again = chat_history.with_open_answer(chat_history.without_last_answer(first), "run-2")
    assert first[0].id == again[0].id
    assert first[1].id != again[1].id


def _said(*texts: str) -> chat_history.History:
    """An exchange a text."""
    history: chat_history.History = ()
    for i, text in enumerate(texts):
        history = chat_history.with_open_answer(
            chat_history.with_message(history, text), f"run-{i}"
        )
        history = chat_history.with_answer(history, f"run-{i}", text_answer(f"about {text}"))
    return history


def _texts(history: chat_history.History) -> list[str]:
    return [said.words for said in history]


def test_an_edited_message_keeps_its_media_and_drops_what_came_after() -> None:
    history = chat_history.with_message(one_exchange(), "and now?")
    edited = chat_history.with_edit(history, history[0].id, "\\think what colour?")
    assert _texts(edited) == ["what colour?"]
    assert edited[0].parts[0].image is PICTURE
    assert edited[0].think
    assert edited[0].id != history[0].id


def test_what_was_heard_is_corrected_and_without_words_heard_again() -> None:
    sound = Part(audio=np.zeros(800, np.float32), text="hollow")
    history = chat_history.with_turn((), "user", (sound,))
    (corrected,) = chat_history.with_edit(history, history[0].id, "hello")[0].parts
    assert corrected.text == "hello"
    assert corrected.audio is sound.audio
    (again,) = chat_history.with_edit(history, history[0].id, "")[0].parts
    assert again.text is None
    assert again.audio is sound.audio


def test_a_deleted_message_takes_its_answer_along() -> None:
    history = _said("one", "two", "three")
    shorter = chat_history.without(history, history[2].id)
    assert _texts(shorter) == ["one", "about one", "three", "about three"]
    with pytest.raises(ValueError, match="not in this conversation any more"):
        chat_history.without(shorter, history[2].id)
    with pytest.raises(ValueError, match="not in this conversation any more"):
        chat_history.with_edit(history, history[1].id, "an answer is not edited")


def test_undo_goes_back_before_the_last_message() -> None:
    history = _said("one", "two")
    assert chat_history.without_last_exchange(history) == history[:2]
    assert (
        chat_history.without_last_exchange(chat_history.with_message(history[:2], "open"))
        == history[:2]
    )
    assert chat_history.without_last_exchange(()) == ()


def test_ids_stay_apart_after_something_is_deleted() -> None:
    history = _said("one", "two")
    history = chat_history.with_message(chat_history.without(history, history[0].id), "three")
    ids = [said.id for said in chat_history.with_open_answer(history, "run-9")]
    assert len(set(ids)) == len(ids)


def test_without_a_picture_the_model_sees_the_last_message_alone_and_the_page_says_so() -> None:
    history = _said("one", "two")
    assert chat_history.sight_notes(history[:2]) == {}
    assert chat_history.sight_notes(history) == {history[2].id: chat_history.OUT_OF_SIGHT}


def test_a_note_stands_wherever_the_model_skips_something() -> None:
    history = (*one_exchange(), *_said("b", "c"))
    history = tuple(replace(said, id=f"turn-{i}") for i, said in enumerate(history))
    assert chat_history.sight_notes(history) == {"turn-2": chat_history.BETWEEN}
    again = (*_said("a"), *one_exchange())
    again = tuple(replace(said, id=f"turn-{i}") for i, said in enumerate(again))
    assert chat_history.sight_notes(again) == {"turn-2": chat_history.OUT_OF_SIGHT}


def test_a_note_agrees_with_what_the_engine_keeps() -> None:
    """Whatever the conversation: what is kept and what is told differ exactly below a note."""
    for length in range(1, 7):
        for pictured in range(length):
            history: chat_history.History = ()
            for i in range(length):
                media = (Part(image=PICTURE),) if i == pictured else ()
                history = chat_history.with_message(history, f"question {i}", *media)
                history = chat_history.with_turn(history, "assistant", (Part(text=f"answer {i}"),))
            asked = chat_history.without_last_answer(history)
            kept = [turn.parts[-1].text for turn in kept_turns(chat_history.conversation(asked))]
            places = [i for i, said in enumerate(asked) if said.parts[-1].text in kept]
            below = {j for i, j in zip([-1, *places], places, strict=False) if j > i + 1}
            assert set(chat_history.sight_notes(history)) == {history[i].id for i in below}


def test_a_message_that_names_an_earlier_picture_says_which_one_is_looked_at() -> None:
    history: chat_history.History = ()
    for i in range(2):
        history = chat_history.with_message(history, f"question {i}", Part(image=PICTURE))
        history = chat_history.with_turn(history, "assistant", (Part(text=f"answer {i}"),))
    named = chat_history.with_message(history, "what was in the first one?")
    looks = chat_history.LOOKS_AT.format(kind="picture", number=1, num=2)
    for whole in (False, True):
        assert chat_history.sight_notes(named, whole=whole) == {named[-1].id: looks}
        plain = chat_history.with_message(history, "what was in the second one?")
        assert chat_history.LOOKS_AT[:20] not in str(chat_history.sight_notes(plain, whole=whole))
    assert (
        chat_history.sight_notes(chat_history.with_message(history, "and now?"), whole=True) == {}
    )


def test_a_pinned_picture_stands_among_the_words() -> None:
    tokens = np.zeros((1, 1), np.int64)
    made = (
        Answer(Modality.TEXT, tokens, text="here is a dog", thought="a dog, then"),
        Answer(Modality.IMAGE, tokens, image=PICTURE),
    )
    outcome = Outcome(replace(REQUEST, pin=MediaInsertion(words=2)), made)
    said = chat_history.with_answer(
        chat_history.with_open_answer(chat_history.with_message((), "draw"), "run-1"),
        "run-1",
        outcome,
    )[1]
    assert [part.modality for part in said.parts] == [Modality.TEXT, Modality.IMAGE, Modality.TEXT]
    assert said.words == "here is a dog"
    assert [next(iter(shown)) for shown in said.shown] == ["thought", "text", "image", "text"]
    stopped = replace(outcome, answers=made[:1])
    said = chat_history.with_answer(
        chat_history.with_open_answer(chat_history.with_message((), "draw"), "run-1"),
        "run-1",
        stopped,
    )[1]
    assert len(said.parts) == 1
