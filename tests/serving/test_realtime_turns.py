"""Whose turn it is in a live conversation: speech that begins and ends, and answers that stop."""

from collections.abc import Iterator

import openai
import pytest

from engine.api.events import AudioChunk
from serving.realtime.conversation import Content, first_spoken, said_until
from tests.fake_engine import FakeEngine
from tests.serving.conftest import Served, serving
from tests.serving.live import BY_HAND, Live, live, of_kind, question, sound_of

TURN = [
    "input_audio_buffer.speech_started",
    "input_audio_buffer.speech_stopped",
    "input_audio_buffer.committed",
    "conversation.item.added",
    "conversation.item.done",
]


@pytest.fixture
def slow() -> Iterator[tuple[FakeEngine, Served]]:
    """An engine whose sounds a test lets go on."""
    fake = FakeEngine(0.0)
    with serving(fake) as served:
        yield fake, served


def test_a_turn_is_detected_and_answered(client: openai.OpenAI, fake: FakeEngine) -> None:
    sound = question()
    with live(client) as session:
        session.hear(sound)
        events = session.until("response.done")
        assert [event.type for event in events[:5]] == TURN
        assert sound_of(events)
        started, stopped = events[0], events[1]
        assert started.item_id == stopped.item_id == events[2].item_id
        assert 500 < started.audio_start_ms < 1100
        assert stopped.audio_end_ms > started.audio_start_ms + 500
        item = started.item_id
        session.connection.conversation.item.retrieve(item_id=item)
        kept = session.until("conversation.item.retrieved")[-1].item.content[0]
    length_s = len(kept.audio) * 3 / 4 / 2 / 24_000
    told_s = (stopped.audio_end_ms - started.audio_start_ms) / 1000
    assert length_s == pytest.approx(told_s, abs=0.01)
    assert fake.requests[-1].listens


def test_who_says_when_to_answer(client: openai.OpenAI, fake: FakeEngine) -> None:
    before = len(fake.requests)
    vad = {"type": "server_vad", "create_response": False, "silence_duration_ms": 300}
    with live(client) as session:
        told = session.set(audio={"input": {"turn_detection": vad}})
        assert told.audio.input.turn_detection.silence_duration_ms == 300
        assert told.audio.input.turn_detection.interrupt_response
        session.hear(question())
        session.until("conversation.item.done")
        assert len(fake.requests) == before
        assert session.answer()[-1].response.status == "completed"


def test_whoever_speaks_interrupts_the_answer(slow: tuple[FakeEngine, Served]) -> None:
    fake, served = slow
    with live(served.client()) as session:
        session.say("hello")
        with fake.gated(AudioChunk):
            session.connection.response.create()
            session.until("response.output_audio.delta")
            session.hear(question())
            events = session.until("response.done")
        response = events[-1].response
        assert (response.status, response.status_details.reason) == ("cancelled", "turn_detected")
        (item,) = response.output
        assert (item.status, item.content[0].transcript) == ("incomplete", "hello! I")
        told = [event.type for event in events]
        assert told.index("input_audio_buffer.speech_started") < told.index("response.done")
        assert session.until("response.done")[-1].response.status == "completed"
    turns = fake.requests[-1].conversation.turns
    assert turns[1].parts[0].text == "hello! I"


def test_an_answer_may_go_on_while_somebody_speaks(slow: tuple[FakeEngine, Served]) -> None:
    fake, served = slow
    vad = {"type": "server_vad", "interrupt_response": False, "create_response": False}
    with live(served.client()) as session:
        session.set(audio={"input": {"turn_detection": vad}})
        session.say("hello")
        with fake.gated(AudioChunk):
            session.connection.response.create()
            session.until("response.output_audio.delta")
            session.hear(question())
            session.until("conversation.item.done")
        response = session.until("response.done")[-1].response
        assert response.status == "completed"


def test_the_history_ends_where_playback_stopped(client: openai.OpenAI, fake: FakeEngine) -> None:
    with live(client) as session:
        session.say("hello")
        response = session.answer()[-1].response
        item = response.output[0].id
        cut = {"item_id": item, "content_index": 0}
        session.connection.conversation.item.truncate(**cut, audio_end_ms=1700)
        assert session.until("conversation.item.truncated")[-1].audio_end_ms == 1700
        session.connection.conversation.item.retrieve(item_id=item)
        kept = session.until("conversation.item.retrieved")[-1].item.content[0]
        assert kept.transcript == "hello! I can"
        assert len(kept.audio) == 4 * 1700 * 24 * 2 // 3
        for wrong in ({"audio_end_ms": 9999}, {"content_index": 1}, {"item_id": "none"}):
            event = {"type": "conversation.item.truncate", **cut, "audio_end_ms": 100, **wrong}
            assert session.refused(event).param in wrong
        session.say("go on")
        session.answer()
        said = [turn.parts[0].text for turn in fake.requests[-1].conversation.turns]
        assert said == ["hello", "hello! I can", "go on"]
        session.connection.conversation.item.truncate(**cut, audio_end_ms=0)
        session.until("conversation.item.truncated")
        session.say("once more")
        session.answer()
    roles = [turn.role for turn in fake.requests[-1].conversation.turns]
    assert roles == ["user", "user", "assistant", "user"]


def test_words_are_counted_as_they_are_said() -> None:
    assert first_spoken("it costs $12 or 5%!", 4) == "it costs $12"
    assert first_spoken("it costs $12 or 5%!", 3) == "it costs"
    assert first_spoken("a - b", 2) == "a - b"
    unsure = Content("output_audio", "one two three four", bytes(2 * 24_000 * 2))
    assert said_until(unsure, 1.0) == "one two"
    assert said_until(unsure, 2.0) == "one two three four"


def test_sound_is_committed_by_hand(client: openai.OpenAI) -> None:
    with live(client) as session:
        session.set(**BY_HAND)
        empty = session.refused({"type": "input_audio_buffer.commit"})
        assert "at least 100 ms" in empty.message
        session.hear(question())
        session.connection.input_audio_buffer.clear()
        session.until("input_audio_buffer.cleared")
        assert "at least" in session.refused({"type": "input_audio_buffer.commit"}).message
        session.hear(bytes(48_000))
        assert "Nothing can be heard" in _commit(session)


def _commit(session: Live) -> str:
    return session.refused({"type": "input_audio_buffer.commit"}).message


def test_sound_that_was_committed_by_hand_is_in_no_turn(client: openai.OpenAI) -> None:
    sound = question()
    with live(client) as session:
        session.hear(sound[: len(sound) // 2])
        session.until("input_audio_buffer.speech_started")
        session.connection.input_audio_buffer.commit()
        committed = session.until("conversation.item.done")
        session.hear(sound)
        events = session.until("input_audio_buffer.committed")
    assert committed[0].type == "input_audio_buffer.committed"
    assert of_kind(events, "input_audio_buffer.speech_started")
    assert events[-1].previous_item_id == committed[0].item_id
