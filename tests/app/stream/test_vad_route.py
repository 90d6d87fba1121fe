"""The microphone's route: it says when somebody speaks, and shows out what is not a microphone."""

from pathlib import Path

import numpy as np
import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from starlette.websockets import WebSocketDisconnect

from app.stream.vad_route import MAX_CHUNK_BYTES, MAX_LISTENERS, add_vad_route
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


@pytest.mark.parametrize("chunk", [b"x" * (MAX_CHUNK_BYTES + 2), b"odd"])
def test_what_is_no_microphone_is_shown_out(client: TestClient, chunk: bytes) -> None:
    with client.websocket_connect("/listen") as socket:
        socket.send_bytes(chunk)
        with pytest.raises(WebSocketDisconnect):
            socket.receive_json()


def test_too_many_microphones_are_refused(client: TestClient) -> None:
    opened = [client.websocket_connect("/listen") for _ in range(MAX_LISTENERS)]
    for one in opened:
        one.__enter__()
    with client.websocket_connect("/listen") as late, pytest.raises(WebSocketDisconnect) as shut:
        late.receive_json()
    assert "hold the button" in shut.value.reason
    for one in opened:
        one.__exit__(None, None, None)


def _voice() -> Path:
    return PACK / "test-000031.opus"
