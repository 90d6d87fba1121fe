from base64 import b64decode
from itertools import pairwise

import httpx
import numpy as np
import openai
import pytest

from engine.media.audio import read_sound, wav_bytes
from engine.prompt.spoken_words import MOST_LETTERS
from serving.answers.sound_stream import SOUND_TYPES, SoundStream
from serving.api.speech import pieces_to_say
from tests.fake_engine import FakeEngine
from tests.serving.conftest import Served

TONE = (0.3 * np.sin(np.arange(32_000) * 0.2)).astype(np.float32)
SPEECH = ("said.wav", wav_bytes(TONE))


@pytest.mark.parametrize("kind", sorted(set(SOUND_TYPES) - {"pcm"}))
def test_a_sound_written_in_pieces_is_the_whole_sound(kind: str) -> None:
    stream = SoundStream(kind)
    pieces = [stream.add(piece) for piece in np.split(TONE, 4)]
    sound = read_sound(b"".join([*pieces, stream.finish()]))
    assert len(sound) == pytest.approx(len(TONE), rel=0.1)
    strongest = np.abs(np.fft.rfft(sound)).argmax() / len(sound)
    assert strongest == pytest.approx(0.2 / (2 * np.pi), rel=0.01)


def test_a_wav_has_the_samples_that_were_made() -> None:
    stream = SoundStream("wav")
    content = stream.add(TONE[:7000]) + stream.add(TONE[7000:]) + stream.finish()
    samples = np.frombuffer(content[content.index(b"data") + 8 :], "<i2")
    assert np.abs(samples - TONE * 32768).max() <= 1


@pytest.mark.parametrize("kind", sorted(SOUND_TYPES))
def test_speech_is_streamed_in_every_format(client: openai.OpenAI, kind: str) -> None:
    with client.audio.speech.with_streaming_response.create(
        model="fake", voice="default", input="hello", response_format=kind
    ) as response:
        content = response.read()
    assert response.headers["content-type"] == SOUND_TYPES[kind]
    if kind == "pcm":
        assert len(content) == pytest.approx(3 * 24_000 * 2, rel=0.01)
    else:
        assert len(read_sound(content)) == pytest.approx(48_000, rel=0.1)


def test_speech_comes_as_events(client: openai.OpenAI, served: Served) -> None:
    body = {"model": "fake", "input": "hello", "response_format": "pcm", "stream_format": "sse"}
    with httpx.Client(base_url=served.address) as plain:
        lines = plain.post("/v1/audio/speech", json=body).text.splitlines()
    names = [line.removeprefix("event: ") for line in lines if line.startswith("event: ")]
    assert names == ["speech.audio.delta"] * (len(names) - 1) + ["speech.audio.done"]
    assert len(names) > 2


def test_long_words_are_said_in_pieces(client: openai.OpenAI, fake: FakeEngine) -> None:
    text = "The big red car drives past the small green house with 12 windows. " * 5
    pieces = pieces_to_say(text)
    assert len(pieces) == 3
    assert all(len(piece) <= MOST_LETTERS for piece in pieces)
    assert "twelve windows" in " ".join(pieces)
    assert all(len(f"{a} {b.split()[0]}") > MOST_LETTERS for a, b in pairwise(pieces))
    before = len(fake.requests)
    client.audio.speech.create(model="fake", voice="default", input=text)
    said = [request.words for request in fake.requests[before:]]
    assert said == [f"say {piece}" for piece in pieces]


@pytest.mark.parametrize(
    ("said", "sentence"),
    [
        ({"input": "hello", "voice": "alloy"}, "Unknown voice 'alloy': choose one of default"),
        ({"input": "☃", "voice": "default"}, "Nothing of this can be said"),
        ({"input": "hello", "voice": "default", "speed": 2}, "cannot honour 'speed'"),
        ({"input": "hello", "voice": "default", "response_format": "au"}, "'response_format'"),
    ],
)
def test_speech_that_cannot_be_is_refused(client: openai.OpenAI, said: dict, sentence: str) -> None:
    with pytest.raises(openai.BadRequestError, match=sentence):
        client.audio.speech.create(model="fake", **said)


def test_a_recording_is_written_down(client: openai.OpenAI) -> None:
    heard = client.audio.transcriptions.create(model="fake", file=SPEECH)
    assert heard.text
    text = client.audio.transcriptions.create(model="fake", file=SPEECH, response_format="text")
    assert str(text).strip() == heard.text


def test_a_long_recording_is_written_down_in_pieces(
    client: openai.OpenAI, fake: FakeEngine
) -> None:
    long = np.tile(TONE, 10)  # 20 s, and the fake hears 8 s at once
    before = len(fake.requests)
    stream = client.audio.transcriptions.create(
        model="fake", file=("said.wav", wav_bytes(long)), stream=True
    )
    *deltas, done = list(stream)
    lengths = [len(request.speech) for request in fake.requests[before:]]
    assert len(lengths) == len(deltas) >= 3
    assert sum(lengths) == len(long)
    assert max(lengths) <= 8 * 16_000
    assert done.type == "transcript.text.done"
    assert "".join(delta.delta for delta in deltas) == done.text


def test_a_silent_recording_is_refused_with_a_sentence(client: openai.OpenAI) -> None:
    silence = ("said.wav", wav_bytes(np.zeros(16_000, np.float32)))
    with pytest.raises(openai.BadRequestError, match=r"Nothing can be heard in"):
        client.audio.transcriptions.create(model="fake", file=silence)


def test_a_missing_recording_is_said(served: Served) -> None:
    with httpx.Client(base_url=served.address) as plain:
        answer = plain.post("/v1/audio/transcriptions", files={"model": (None, "fake")})
    assert answer.status_code == 400
    error = answer.json()["error"]
    assert (error["param"], error["code"]) == ("file", "missing_required_parameter")


def test_audio_in_a_chat_can_be_decoded(client: openai.OpenAI) -> None:
    spoken = client.chat.completions.create(
        model="fake",
        messages=[{"role": "user", "content": "a bell"}],
        modalities=["audio"],
        audio={"voice": "default", "format": "wav"},
    )
    sound = spoken.choices[0].message.audio
    assert sound is not None
    assert len(read_sound(b64decode(sound.data))) == 48_000
