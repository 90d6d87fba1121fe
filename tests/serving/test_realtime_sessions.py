"""Live sessions: settings, events that cannot be, lines that break, limits, and a worker that
stops."""

import json
import signal
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import openai
import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect

from engine.api.events import AudioChunk, Refined
from serving.realtime import event_log, open_sessions
from serving.worker import ServingSettings
from tests.fake_engine import FakeEngine
from tests.page_server import until
from tests.serving.cable import Cable, cable
from tests.serving.conftest import KEY, Served, serving
from tests.serving.live import live, of_kind, sound_of

BAD: list[tuple[Any, str, str | None]] = [
    ("{", "one JSON object", None),
    ("[1]", "one JSON object", None),
    ("[" * 100_000, "one JSON object", None),
    ({"event_id": "mine"}, "Missing required parameter: 'type'", "type"),
    ({"type": "response.sing"}, "Unknown event 'response.sing'", "type"),
    ({"type": ["x"]}, "Unknown event", "type"),
    ({"type": "response.create", "tune": 1}, "Unknown parameter: 'tune'", "tune"),
    ({"type": "input_audio_buffer.append"}, "Missing required parameter", "audio"),
    ({"type": "input_audio_buffer.append", "audio": 7}, "'audio'", "audio"),
    ({"type": "input_audio_buffer.append", "audio": "%"}, "not valid base64", None),
    ({"type": "response.create"}, "nothing to answer", None),
    (
        {"type": "response.create", "response": {"tools": [{"type": "function", "name": "f"}]}},
        "cannot honour",
        "tools",
    ),
    (
        {"type": "conversation.item.create", "item": {"type": "function_call_output"}},
        "'item'",
        "item",
    ),
]
UNFIT: list[tuple[dict[str, Any], str]] = [
    ({"output_modalities": ["audio", "text"]}, "at most 1"),
    ({"instructions": "be brief"}, "not trained to follow a system message"),
    ({"audio": {"output": {"voice": "alloy"}}}, "choose one of default"),
    ({"audio": {"output": {"speed": 1.5}}}, "cannot honour 'speed'"),
    ({"audio": {"input": {"format": {"type": "audio/pcmu"}}}}, "audio/pcm"),
    ({"audio": {"input": {"format": {"type": "audio/pcm", "rate": 8000}}}}, "24000"),
    ({"audio": {"input": {"turn_detection": {"type": "semantic_vad"}}}}, "server_vad"),
    ({"audio": {"input": {"transcription": {"model": "whisper-1"}}}}, "model itself, 'fake'"),
    ({"model": "gpt-realtime"}, "is that of its address: 'fake'"),
    ({"type": "transcription"}, "realtime"),
    ({"seed": -1}, "seed"),
]
SYSTEM = {
    "type": "message",
    "role": "system",
    "content": [{"type": "input_text", "text": "be brief"}],
}
FAR = {
    "type": "message",
    "role": "user",
    "content": [{"type": "input_image", "image_url": "https://example.com/x.png"}],
}


@pytest.mark.parametrize(("event", "sentence", "param"), BAD)
def test_a_bad_event_is_answered_with_an_error(
    client: openai.OpenAI, event: Any, sentence: str, param: str | None
) -> None:
    with live(client) as session:
        named = {**event, "event_id": "mine"} if isinstance(event, dict) else event
        error = session.refused(named)
        assert sentence in error.message
        assert param is None or param in error.param
        assert error.type == "invalid_request_error"
        assert error.event_id == ("mine" if isinstance(event, dict) else None)
        session.say("hello")


def test_settings_that_cannot_be_are_refused_and_change_nothing(client: openai.OpenAI) -> None:
    with live(client) as session:
        before = session.events[0].session
        for update, sentence in UNFIT:
            event = {"type": "session.update", "session": {"type": "realtime", **update}}
            assert sentence in session.refused(event).message
        for item, sentence in ((SYSTEM, "not trained"), (FAR, "fetches nothing")):
            event = {"type": "conversation.item.create", "item": item}
            assert sentence in session.refused(event).message
        assert session.set() == before


def test_an_update_changes_what_it_says(client: openai.OpenAI) -> None:
    with live(client) as session:
        first = session.events[0].session
        assert first.output_modalities == ["audio"]
        assert first.audio.input.turn_detection.type == "server_vad"
        assert first.audio.input.format.rate == first.audio.output.format.rate == 24_000
        told = session.set(audio={"input": {"turn_detection": None}}, instructions="")
        assert told.audio.input.turn_detection is None
        told = session.set(output_modalities=["text"])
        assert (told.output_modalities, told.audio.input.turn_detection) == (["text"], None)
        assert (told.id, told.audio.output.voice) == (first.id, "default")


def test_a_checkpoint_without_sound_answers_in_words() -> None:
    with serving(FakeEngine(0.0, hears=None)) as served, live(served.client()) as session:
        told = session.events[0].session
        assert (told.output_modalities, told.audio.input.turn_detection) == (["text"], None)
        session.say("hello")
        assert session.answer()[-1].response.status == "completed"
        wish = {"type": "response.create", "response": {"output_modalities": ["audio"]}}
        assert "does not speak" in session.refused(wish).message


@pytest.fixture
def slow() -> Iterator[tuple[FakeEngine, Served, Cable]]:
    fake = FakeEngine(0.0)
    with serving(fake) as served, cable(served.address) as line:
        yield fake, served, line


def _across(line: Cable) -> openai.OpenAI:
    return openai.OpenAI(base_url=f"{line.address}/v1", api_key=KEY, max_retries=0)


def test_a_session_goes_on_after_a_cut(slow: tuple[FakeEngine, Served, Cable]) -> None:
    fake, served, line = slow
    client = _across(line)
    with fake.gated(AudioChunk) as gate:
        with live(client) as session:
            session.say("hello")
            session.connection.response.create()
            before = session.until("response.output_audio.delta")
            line.cut()
            with pytest.raises(ConnectionClosed):
                session.until("response.done")
        gate.open()
        assert served.worker.scheduler.wait_until_idle(30)
        number = before[-1].event_id.removeprefix("event_")
        name = session.events[0].session.id
        with live(client, resume=name, after=number) as again:
            after = again.until("response.done")
            assert int(after[0].event_id.removeprefix("event_")) == int(number) + 1
            assert of_kind(again.until("session.resumed"), "session.resumed")[0].num_received == 2
            assert len(sound_of(before + after)) == pytest.approx(3 * 24_000 * 2, rel=0.01)
            again.say("and now?")
            assert again.answer()[-1].response.status == "completed"
    assert len(fake.requests[-1].conversation.turns) == 3


def test_the_official_client_comes_back_by_itself(slow: tuple[FakeEngine, Served, Cable]) -> None:
    _, _, line = slow
    have: dict[str, str] = {}
    reconnected: list[int] = []

    def resume(event: Any) -> Any:
        reconnected.append(event.attempt)
        return {"extra_query": {"resume": have["id"], "after": have["after"]}}

    with _across(line).realtime.connect(
        model="fake",
        on_reconnecting=resume,
        initial_delay=0.01,
        websocket_connection_options={"close_timeout": 1},
    ) as connection:
        for event in connection:
            have["after"] = event.event_id.removeprefix("event_")
            if event.type == "session.created":
                have["id"] = event.session.id
                line.cut()
            if event.type == "session.resumed":
                break
    assert reconnected


def test_another_socket_takes_a_session_over(client: openai.OpenAI) -> None:
    with live(client) as first, live(client, resume=first.events[0].session.id, after="0") as next_:
        assert next_.until("session.resumed")[0].type == "session.created"
        with pytest.raises(ConnectionClosed):
            first.until("response.done")
        next_.say("hello")


def _refusal(client: openai.OpenAI, **query: str) -> Any:
    with client.realtime.connect(model="fake", extra_query=query, max_retries=0) as connection:
        event: Any = connection.recv()
        with pytest.raises(ConnectionClosed):
            connection.recv()
    assert event.type == "error"
    return event.error


def test_a_session_that_is_gone_is_not_found(
    served: Served, client: openai.OpenAI, monkeypatch: pytest.MonkeyPatch
) -> None:
    with live(client) as closed:
        name = closed.events[0].session.id
    sessions = served.server.config.app.state.realtime_sessions  # type: ignore[union-attr]
    until(lambda: name not in sessions._sessions)
    error = _refusal(client, resume=name, after="1")
    assert (error.code, error.param) == ("session_not_found", "resume")
    assert "kept for 30 s" in error.message
    with cable(served.address) as line:
        with live(_across(line)) as cut:
            line.cut()
            with pytest.raises(ConnectionClosed):
                cut.until("response.done")
        name = cut.events[0].session.id
        monkeypatch.setattr(open_sessions, "AWAY_S", 0.0)
        until(lambda: name not in sessions._sessions)
        assert _refusal(client, resume=name, after="1").code == "session_not_found"


def test_events_are_kept_up_to_a_size(
    client: openai.OpenAI, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(event_log, "MOST_BYTES", 4000)
    with live(client) as session:
        name = session.events[0].session.id
        for number in range(10):
            session.say(f"hello {number}")
        error = _refusal(client, resume=name, after="1")
        assert (error.code, error.param) == ("events_lost", "after")
        assert _refusal(client, resume=name, after="x").param == "after"


def test_what_is_no_address_of_a_session_is_refused(client: openai.OpenAI, served: Served) -> None:
    assert _refusal(client, call_id="1").code == "unknown_parameter"
    with client.realtime.connect(model="gpt-realtime", max_retries=0) as connection:
        event: Any = connection.recv()
        assert event.error.code == "model_not_found"
        assert "this server has 'fake'" in event.error.message
    place = served.address.replace("http", "ws") + "/v1/realtime"
    with connect(place) as plain:
        assert json.loads(plain.recv())["error"]["param"] == "model"
    with pytest.raises(InvalidStatus):
        connect(f"{place}?model=fake", origin="https://example.com")  # type: ignore[arg-type]


def test_a_key_is_needed_and_has_few_sessions(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(open_sessions, "MOST_OF_AN_OWNER", 2)
    settings = ServingSettings(keys=("sk-a", "sk-b"))
    with serving(FakeEngine(0.0), settings) as served, ExitStack() as opened:
        with pytest.raises(InvalidStatus), live(served.client("sk-c")):
            pass
        first, _ = (opened.enter_context(live(served.client("sk-a"))) for _ in range(2))
        error = _refusal(served.client("sk-a"))
        assert (error.code, error.type) == ("rate_limit_exceeded", "rate_limit_error")
        opened.enter_context(live(served.client("sk-b")))
        mine = {"resume": first.events[0].session.id, "after": "1"}
        assert _refusal(served.client("sk-b"), **mine).code == "session_not_found"


def test_a_session_without_events_ends(
    client: openai.OpenAI, monkeypatch: pytest.MonkeyPatch
) -> None:
    with live(client) as session:
        monkeypatch.setattr(open_sessions, "IDLE_S", 0.0)
        assert session.until("error")[-1].error.code == "session_idle"
        with pytest.raises(ConnectionClosed):
            session.connection.recv()


def test_a_worker_that_stops_finishes_the_answer() -> None:
    fake = FakeEngine(0.0)
    with serving(fake) as served:
        with fake.gated(Refined) as gate, live(served.client()) as session:
            session.say("hello")
            session.connection.response.create()
            session.until("response.created")
            with live(served.client()) as quiet:
                served.server.handle_exit(signal.SIGTERM, None)
                assert "is stopping" in quiet.until("error")[-1].error.message
                with pytest.raises(ConnectionClosed):
                    quiet.connection.recv()
            assert _refusal(served.client()).code == "server_stopping"
            gate.open()
            assert session.until("response.done")[-1].response.status == "completed"
            assert session.until("error")[-1].error.code == "server_stopping"
        served.thread.join(30)
        assert not served.thread.is_alive()
