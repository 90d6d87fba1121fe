"""The embedded model behind HTTP: the same seed gives the same bytes as the engine's own command
line."""

import os
import signal
import socket
import subprocess
import sys
from base64 import b64decode
from collections.abc import Iterator
from pathlib import Path

import httpx
import numpy as np
import openai
import pytest
import soundfile

from engine.__main__ import main
from engine.engine import Engine
from serving.engines.batched_engine import BatchedEngine
from tests.serving.conftest import serving

ROOT = Path(__file__).parents[2]
NANO = ROOT / "assets/nano"
SETTINGS = {"seed": 3, "steps": 4}
OPTIONS = ["--seed", "3", "--steps", "4"]


@pytest.fixture(scope="module")
def nano() -> Engine:
    return Engine.load(NANO, "cpu")


@pytest.fixture(scope="module")
def client(nano: Engine) -> Iterator[openai.OpenAI]:
    with serving(BatchedEngine(nano, 8)) as served:
        yield served.client()


@pytest.fixture
def command_line(nano: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Engine, "load", lambda *folder, **how: nano)


@pytest.fixture
def model(nano: Engine) -> str:
    return nano.info()["name"]


@pytest.mark.usefixtures("command_line")
def test_a_picture_has_the_same_bytes(client: openai.OpenAI, model: str, tmp_path: Path) -> None:
    file = tmp_path / "picture.png"
    main(["generate", "--prompt", "a red car", "--to", "image", "--out", str(file), *OPTIONS])
    made = client.images.generate(model=model, prompt="a red car", extra_body=SETTINGS)
    assert made.data is not None
    assert b64decode(made.data[0].b64_json or "") == file.read_bytes()


@pytest.mark.usefixtures("command_line")
def test_an_answer_has_the_same_words(
    client: openai.OpenAI, model: str, capsys: pytest.CaptureFixture[str]
) -> None:
    main(["generate", "--prompt", "what can you do?", "--to", "text", "--seed", "3"])
    answer = client.chat.completions.create(
        model=model,
        messages=[{"role": "user", "content": "what can you do?"}],
        seed=3,
        extra_body={"modalities": ["text"]},
    )
    assert answer.choices[0].message.content == capsys.readouterr().out.strip()


@pytest.mark.usefixtures("command_line")
def test_speech_has_the_same_samples(client: openai.OpenAI, model: str, tmp_path: Path) -> None:
    file = tmp_path / "sound.wav"
    main(["generate", "--prompt", "say hello", "--to", "audio", "--out", str(file), *OPTIONS])
    said = client.audio.speech.create(
        model=model, voice="default", input="hello", response_format="wav", extra_body=SETTINGS
    ).read()
    samples = np.frombuffer(said[said.index(b"data") + 8 :], "<i2")
    expected, rate_hz = soundfile.read(file, dtype="int16")
    assert rate_hz == 16_000
    assert np.abs(samples.astype(int) - expected).max() <= 1  # two ways to round


def test_what_is_embedded_is_found(client: openai.OpenAI, model: str, nano: Engine) -> None:
    made = client.images.generate(model=model, prompt="a red car", extra_body=SETTINGS)
    assert made.data is not None
    url = f"data:image/png;base64,{made.data[0].b64_json}"
    given: list = [{"type": "image_url", "image_url": {"url": url}}, "a red car"]
    found = client.embeddings.create(model=model, input=given)
    vectors = np.array([one.embedding for one in found.data])
    assert np.allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)


def test_the_command_serves_until_it_is_told_to_stop(tiny_checkpoint: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    command = [sys.executable, "-m", "serving", "--checkpoint", str(tiny_checkpoint)]
    secret = {**os.environ, "NEXT_OMNI_API_KEYS": "sk-a,sk-b"}
    with subprocess.Popen([*command, "--port", port], cwd=ROOT, env=secret) as process:
        try:
            transport = httpx.HTTPTransport(retries=60)  # until it listens
            with httpx.Client(base_url=f"http://127.0.0.1:{port}", transport=transport) as plain:
                while plain.get("/ready").status_code != 200:
                    assert process.poll() is None
                headers = {"authorization": "Bearer sk-b"}
                body = {"model": "tiny", "prompt": "draw a red heart", "seed": 1, "steps": 2}
                assert plain.post("/v1/images/generations", json=body).status_code == 401
                made = plain.post("/v1/images/generations", json=body, headers=headers)
                assert made.status_code == 200
            process.send_signal(signal.SIGTERM)
            assert process.wait(30) == 0
        finally:
            process.kill()
