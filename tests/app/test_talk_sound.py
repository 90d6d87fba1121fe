"""A conversation with sound: what is heard becomes words, and what is said stays to be played."""

import numpy as np

from app.chat import history as chat_history
from app.stream.run_driver import Outcome
from engine.api.conversation import Part
from engine.api.events import Answer
from engine.api.request import Modality, Request
from engine.api.sampling import Sampling
from engine.prompt.task_coverage import guesses

SAID = np.full(16_000, 0.1, np.float32)
TOKENS = np.zeros((1, 1), np.int64)


def _heard(*words: str) -> tuple[Answer, ...]:
    return tuple(Answer(Modality.TEXT, TOKENS, text=w, heard=True) for w in words)


def _answered(*answers: Answer) -> chat_history.History:
    history = chat_history.with_open_answer(
        chat_history.with_message((), "", Part(audio=SAID)), "run-1"
    )
    request = Request(chat_history.conversation(history[:1]), sampling=Sampling())
    assert request.listens
    return chat_history.with_answer(history, "run-1", Outcome(request, answers))


def test_the_words_of_speech_join_the_message_and_not_the_answer() -> None:
    words = Answer(Modality.TEXT, TOKENS, text="hello!")
    sound = Answer(Modality.AUDIO, TOKENS, audio=SAID)
    question, answer = _answered(*_heard("hi there"), words, sound)
    assert question.parts[0].text == "hi there"
    assert question.parts[0].audio is SAID
    assert [p.text for p in answer.parts] == ["hello!"]
    assert [next(iter(shown)) for shown in answer.shown] == ["text", "sound"]
    asked_next = chat_history.with_message((question, answer), "and now?")
    roles = [(t.role, t.parts[0].text) for t in chat_history.conversation(asked_next).turns]
    assert roles == [("user", "hi there"), ("assistant", "hello!"), ("user", "and now?")]


def test_a_long_recording_is_written_down_as_a_whole() -> None:
    question, answer = _answered(*_heard("first part", "second part"))
    assert question.parts[0].text == "first part second part"
    assert answer.parts == ()


def test_a_sound_alone_is_an_answer() -> None:
    _, answer = _answered(*_heard("rain"), Answer(Modality.AUDIO, TOKENS, audio=SAID))
    assert answer.parts[0].audio is SAID


def test_an_answer_that_was_never_taught_has_a_note() -> None:
    picture = Part(image=np.full((32, 32, 3), 90, np.uint8))
    history = chat_history.with_open_answer(
        chat_history.with_message((), "and the sound?", picture), "run-1"
    )
    request = Request(chat_history.conversation(history[:1]), Modality.AUDIO)
    sound, ours = Answer(Modality.AUDIO, TOKENS, audio=SAID), {"flow_steps": 100}
    sentence = guesses(request, ours)
    assert sentence is not None
    for facts, answers, note in (
        (ours, (sound,), sentence),
        (ours, (), None),
        ({**ours, "converted": {}}, (sound,), None),
    ):
        said = chat_history.with_answer(history, "run-1", Outcome(request, answers), facts)
        turns = chat_history.as_value(said)["turns"]
        assert isinstance(turns, list)
        assert [turn["note"] for turn in turns] == [None, note]
