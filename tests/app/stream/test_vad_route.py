"""The microphone's route: it says when somebody speaks, and shows out what is not a microphone."""

from contextlib import ExitStack
from pathlib import Path

import numpy as np
import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from starlette.websockets import WebSocketDisconnect

from app.stream.vad_route import MAX_CHUNK_BYTES, MAX_LISTENERS, MAX_OF_CLIENT, add_vad_route
from app.tabs.speech import PACK
from engine.media.audio import pcm16, read_sound


@pytest.fixture
def client() -> TestClient:
    server = FastAPI()
    add_vad_route(server)
    return TestClient(server)


def test_it_hears_a_voice_begin_and_end(client: TestClient) -> None:
    voice = read_sound(_voice())
    silence = np.zeros(16_000, np.float32)
    samples = np.concatenate([silence, voice, silence, silence])
    with client.websocket_connect("/listen") as socket:
        for piece in np.array_split(samples, 40):
            socket.send_bytes(pcm16(piece))
        assert socket.receive_json() == {"kind": "speaking"}
        assert socket.receive_json() == {"kind": "finished"}


@pytest.mark.parametrize("chunk", [b"x" * (MAX_CHUNK_BYTES + 2), b"odd", "words", ""])
def test_what_is_no_microphone_is_shown_out(client: TestClient, chunk: bytes | str) -> None:
    with client.websocket_connect("/listen") as socket:
        socket.send_text(chunk) if isinstance(chunk, str) else socket.send_bytes(chunk)
        with pytest.raises(WebSocketDisconnect):
            socket.receive_json()


def test_a_client_opens_few_microphones_and_leaves_room_for_others(client: TestClient) -> None:
    others = [
        TestClient(client.app, client=(f"1.2.3.{i}", 1))
        for i in range(MAX_LISTENERS // MAX_OF_CLIENT)
    ]
    with ExitStack() as opened:

        def is_refused(visitor: TestClient) -> bool:
            with visitor.websocket_connect("/listen") as late:
                late.send_bytes(b"odd")  # a microphone that is open is shown out for that
                with pytest.raises(WebSocketDisconnect) as shut:
                    late.receive_json()
            return "hold the button" in shut.value.reason

        for visitor in others:
            assert not is_refused(visitor)
            for _ in range(MAX_OF_CLIENT):
                opened.enter_context(visitor.websocket_connect("/listen"))
            assert is_refused(visitor)
        assert is_refused(client), "all are taken"
    assert not is_refused(client), "and free again when they are closed"


def _voice() -> Path:
    return PACK / "test-000031.opus"
