"""Live conversations with the official client: words, sounds, pictures, and items."""

from base64 import b64decode, b64encode
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import openai
import pytest

from engine.api.events import AudioChunk, Completed, Event, Refined
from engine.api.request import Request
from engine.media.audio import wav_bytes
from engine.media.images import png_bytes, read_picture
from serving.answers.answer_files import to_address
from tests.fake_engine import FakeEngine
from tests.serving.conftest import serving
from tests.serving.live import BY_HAND, TONE, live, of_kind, pcm24, sound_of

HELLO = "hello! I can draw small scenes and answer questions about pictures"
PICTURE = np.full((64, 64, 3), 200, np.uint8)
SHOWN = {"type": "input_image", "image_url": to_address(png_bytes(PICTURE, {}), "image/png")}


def test_words_are_answered_with_words(client: openai.OpenAI) -> None:
    with live(client) as session:
        session.set(output_modalities=["text"], seed=7)
        session.say("hello")
        events = session.answer(metadata={"turn": "1"})
        numbers = [int(event.event_id.removeprefix("event_")) for event in session.events]
    assert [event.type for event in events] == [
        "response.created",
        "response.output_item.added",
        "conversation.item.added",
        "response.content_part.added",
        "response.output_text.delta",
        "response.output_text.done",
        "response.content_part.done",
        "response.output_item.done",
        "conversation.item.done",
        "response.done",
    ]
    response = events[-1].response
    assert (response.status, response.output_modalities) == ("completed", ["text"])
    assert (response.metadata, response.seed) == ({"turn": "1"}, 7)
    assert response.output[0].content[0].text == HELLO == events[4].delta == events[5].text
    assert numbers == list(range(1, len(numbers) + 1))


def test_speech_is_written_down_and_answered_aloud(client: openai.OpenAI, fake: FakeEngine) -> None:
    with live(client) as session:
        session.set(audio={"input": {"turn_detection": None, "transcription": {}}})
        session.hear(pcm24(TONE))
        session.connection.input_audio_buffer.commit()
        committed = session.until("conversation.item.done")
        events = session.answer()
    assert [event.type for event in committed] == [
        "input_audio_buffer.committed",
        "conversation.item.added",
        "conversation.item.done",
    ]
    item = committed[-1].item.id
    (heard,) = of_kind(events, "conversation.item.input_audio_transcription.completed")
    assert (heard.transcript, heard.item_id) == ("hello there", item)
    assert len(sound_of(events)) == pytest.approx(3 * 24_000 * 2, rel=0.01)
    said = of_kind(events, "response.output_audio_transcript.delta")
    assert len(said) == 3
    assert "".join(event.delta for event in said) == HELLO
    assert events[-1].response.output[0].content[0].transcript == HELLO
    assert fake.requests[-1].listens and fake.requests[-1].aloud


def test_the_words_that_were_heard_are_remembered(client: openai.OpenAI, fake: FakeEngine) -> None:
    with live(client) as session:
        session.set(**BY_HAND)
        session.hear(pcm24(TONE))
        session.connection.input_audio_buffer.commit()
        session.until("conversation.item.done")
        session.answer(output_modalities=["text"])
        session.say("and now?")
        session.answer(output_modalities=["text"])
    turns = fake.requests[-1].conversation.turns
    assert [turn.role for turn in turns] == ["user", "assistant", "user"]
    assert [turn.parts[0].text for turn in turns] == ["hello there", HELLO, "and now?"]


def test_a_picture_belongs_to_the_words_behind_it(client: openai.OpenAI, fake: FakeEngine) -> None:
    with live(client) as session:
        session.put({"type": "message", "role": "user", "content": [SHOWN]})
        session.say("what is this?")
        events = session.answer(output_modalities=["text"])
    (turn,) = fake.requests[-1].conversation.turns
    assert [part.is_seen for part in turn.parts] == [True, False]
    assert "I see a picture" in events[-1].response.output[0].content[0].text


@pytest.mark.parametrize(
    ("said", "kind", "name"),
    [("draw a car", "output_image", "image_url"), ("a film", "output_video", "video_url")],
)
def test_what_the_model_shows_is_a_part_of_its_answer(
    client: openai.OpenAI, fake: FakeEngine, said: str, kind: str, name: str
) -> None:
    with live(client) as session:
        session.say(said)
        events = session.answer()
        item = events[-1].response.output[0]
        assert [part.type for part in item.content] == ["output_audio", kind]
        shown = of_kind(events, "response.content_part.done")[-1].part
        session.connection.conversation.item.retrieve(item_id=item.id)
        kept = session.until("conversation.item.retrieved")[-1].item
        assert getattr(kept.content[1], name) == getattr(shown, name)
        session.say("what is this?")
        session.answer()
    if kind == "output_image":
        picture = read_picture(b64decode(shown.image_url.partition(",")[2]))
        assert picture.ndim == 3
    assert any(part.is_seen for part in fake.requests[-1].conversation.turns[1].parts)


def test_an_answer_is_streamed_while_it_is_made() -> None:
    fake = FakeEngine(0.0)
    with serving(fake) as served, fake.gated(AudioChunk) as gate, live(served.client()) as session:
        session.say("hello")
        session.connection.response.create()
        first = session.until("response.output_audio.delta")
        assert of_kind(first, "response.output_audio_transcript.delta")[0].delta == "hello! I"
        gate.open()
        assert session.until("response.done")[-1].response.status == "completed"


def test_items_are_put_found_and_deleted(client: openai.OpenAI, fake: FakeEngine) -> None:
    with live(client) as session:
        second = session.say("hello")
        earlier = [{"type": "output_text", "text": "I am here"}]
        session.put(
            {"type": "message", "role": "assistant", "id": "mine", "content": earlier},
            previous_item_id="root",
        )
        third = session.say("who is there?")
        session.connection.conversation.item.delete(item_id=second.id)
        assert session.until("conversation.item.deleted")[-1].item_id == second.id
        session.answer(output_modalities=["text"])
        for lost in (second.id, "nobody"):
            error = session.refused({"type": "conversation.item.retrieve", "item_id": lost})
            assert (error.code, error.param) == ("item_not_found", "item_id")
        sound = b64encode(pcm24(TONE)).decode()
        heard = session.put(
            {
                "type": "message",
                "role": "user",
                "content": [{"type": "input_audio", "audio": sound}],
            }
        )
        assert not getattr(heard.content[0], "audio", None)
        session.connection.conversation.item.retrieve(item_id=heard.id)
        assert session.until("conversation.item.retrieved")[-1].item.content[0].audio == sound
    said = [turn.parts[0].text for turn in fake.requests[-1].conversation.turns]
    assert said == ["I am here", "who is there?"]
    assert third.id.startswith("item_")


def test_an_answer_is_cancelled() -> None:
    fake = FakeEngine(0.0)
    with serving(fake) as served, fake.gated(Refined) as gate, live(served.client()) as session:
        session.say("hello")
        session.connection.response.create()
        session.until("response.created")
        error = session.refused({"type": "response.create"})
        assert error.code == "conversation_already_has_active_response"
        session.connection.response.cancel()
        response = session.until("response.done")[-1].response
        assert (response.status, response.output) == ("cancelled", [])
        assert response.status_details.reason == "client_cancelled"
        assert session.refused({"type": "response.cancel"}).code == "response_cancel_not_active"
        gate.open()
        assert served.worker.scheduler.wait_until_idle(30)
        assert fake.closed_after[0] <= 2
        assert session.answer()[-1].response.status == "completed"


def test_an_answer_that_fails_says_why(client: openai.OpenAI) -> None:
    with live(client) as session:
        for words, code in (("crash", "internal_error"), ("refuse", "invalid_value")):
            session.say(words)
            response = session.answer()[-1].response
            assert response.status == "failed"
            assert response.status_details.error.code == code
        session.say("hello")
        assert session.answer()[-1].response.status == "completed"


def test_a_long_recording_is_answered_from_its_words(
    client: openai.OpenAI, fake: FakeEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The engine only writes down what is longer than it hears at once."""
    events_of = fake._events

    def cut_short(request: Request) -> Iterator[Event]:
        for event in events_of(request):
            if request.listens and isinstance(event, Completed):
                yield replace(event, answers=event.answers[:1])
            elif not request.listens or getattr(event, "segment", 0) == 0:
                yield event

    monkeypatch.setattr(fake, "_events", cut_short)
    with live(client) as session:
        session.set(**BY_HAND)
        session.hear(pcm24(TONE))
        session.connection.input_audio_buffer.commit()
        session.until("conversation.item.done")
        events = session.answer(output_modalities=["text"])
    assert events[-1].response.output[0].content[0].text == HELLO
    assert not fake.requests[-1].listens and fake.requests[-1].words == "hello there"


def test_a_file_is_no_pcm_but_half_a_sample_is_refused(client: openai.OpenAI) -> None:
    with live(client) as session:
        odd = b64encode(wav_bytes(TONE)[:-1]).decode()
        error = session.refused({"type": "input_audio_buffer.append", "audio": odd})
        assert "broken" in error.message
