from base64 import b64decode, b64encode
from typing import Any

import numpy as np
import openai
import pytest

from engine.api.events import Completed
from engine.api.request import Modality
from engine.media.audio import read_sound, wav_bytes
from engine.media.images import mp4_bytes, png_bytes, read_picture
from engine.media.video import read_film
from tests.fake_engine import FakeEngine
from tests.serving.conftest import Served

TONE = (0.3 * np.sin(np.arange(16_000) * 0.2)).astype(np.float32)
RED = np.full((64, 64, 3), (220, 30, 30), np.uint8)
SOUND = {"data": b64encode(wav_bytes(TONE)).decode(), "format": "wav"}


def address(content: bytes, kind: str) -> str:
    return f"data:{kind};base64,{b64encode(content).decode()}"


PICTURE = {"type": "image_url", "image_url": {"url": address(png_bytes(RED), "image/png")}}
FILM = {
    "type": "video_url",
    "video_url": {"url": address(mp4_bytes(np.stack([RED] * 8), 4, ""), "video/mp4")},
}


def ask(client: openai.OpenAI, content: Any, **more: Any) -> Any:
    messages: Any = [{"role": "user", "content": content}]
    return client.chat.completions.create(model="fake", messages=messages, **more)


def test_words_are_answered_with_words(client: openai.OpenAI) -> None:
    answer = ask(client, "hello", seed=5)
    assert answer.choices[0].message.content.startswith("hello! I can draw")
    assert answer.choices[0].finish_reason == "stop"
    assert (answer.model, answer.seed, answer.system_fingerprint) == ("fake", 5, "fake")


def test_the_model_may_open_a_picture(client: openai.OpenAI) -> None:
    message = ask(client, "draw a red car", seed=5).choices[0].message
    assert message.content == "here is a red car"
    (picture,) = message.images
    shown = read_picture(b64decode(picture["image_url"]["url"].partition(",")[2]))
    assert shown.shape == (128, 128, 3)


def test_a_film_is_answered_with_one(client: openai.OpenAI) -> None:
    (film,) = ask(client, "a red car", modalities=["video"]).choices[0].message.videos
    assert len(read_film(b64decode(film["video_url"]["url"].partition(",")[2]))) == 8


@pytest.mark.parametrize("kind", ["wav", "mp3", "flac", "opus", "aac"])
def test_an_answer_is_spoken(client: openai.OpenAI, kind: str) -> None:
    spoken = ask(
        client, "hello", modalities=["text", "audio"], audio={"voice": "default", "format": kind}
    )
    message = spoken.choices[0].message
    assert message.audio.transcript == message.content
    assert len(read_sound(b64decode(message.audio.data))) == pytest.approx(48_000, rel=0.1)


@pytest.mark.parametrize(
    ("part", "modality"),
    [(PICTURE, Modality.IMAGE), (FILM, Modality.VIDEO)],
    ids=["picture", "film"],
)
def test_what_is_shown_reaches_the_engine(
    client: openai.OpenAI, fake: FakeEngine, part: dict, modality: Modality
) -> None:
    answer = ask(client, [{"type": "text", "text": "what is this?"}, part])
    assert answer.choices[0].message.content.startswith("I see a")
    kinds = {p.modality for p in fake.requests[-1].conversation.turns[0].parts}
    assert kinds == {modality, Modality.TEXT}


def test_a_file_is_what_its_address_says(client: openai.OpenAI, fake: FakeEngine) -> None:
    file = {"type": "file", "file": {"file_data": address(png_bytes(RED), "image/png")}}
    ask(client, [{"type": "text", "text": "what is this?"}, file])
    assert fake.requests[-1].conversation.turns[0].parts[1].image is not None


def test_speech_is_heard_and_answered(client: openai.OpenAI) -> None:
    message = ask(client, [{"type": "input_audio", "input_audio": SOUND}]).choices[0].message
    assert message.heard == "hello there"
    assert "hello there" not in message.content


def test_an_answer_can_be_sent_back(client: openai.OpenAI, fake: FakeEngine) -> None:
    first: Any = {"role": "user", "content": "draw a red car"}
    message = ask(client, "draw a red car").choices[0].message
    second: Any = {"role": "user", "content": "what is on it?"}
    answer: Any = message.model_dump()
    client.chat.completions.create(model="fake", messages=[first, answer, second])
    turns = fake.requests[-1].conversation.turns
    assert [turn.role for turn in turns] == ["user", "assistant", "user"]
    words, picture = turns[1].parts
    assert words.text == "here is a red car"
    assert picture.image is not None


def test_a_thought_is_told_apart(client: openai.OpenAI) -> None:
    message = ask(client, "how many?", extra_body={"think": True}).choices[0].message
    assert (message.content, message.reasoning_content) == ("three", "one, two, three")


def deltas(stream: Any) -> list[dict[str, Any]]:
    return [chunk.choices[0].delta.model_dump(exclude_unset=True) for chunk in stream]


def test_a_stream_says_what_the_whole_answer_says(client: openai.OpenAI) -> None:
    whole = ask(client, "draw a red car", seed=4).choices[0].message
    found = deltas(ask(client, "draw a red car", seed=4, stream=True))
    assert found[0]["role"] == "assistant"
    assert "".join(d.get("content") or "" for d in found) == whole.content
    assert [i for d in found for i in d.get("images", [])] == whole.images
    assert not any("revision" in d for d in found)


def test_revisions_applied_in_order_are_the_answer(client: openai.OpenAI) -> None:
    stream = ask(client, "hello", stream=True, seed=4, extra_body={"revisions": True})
    found = deltas(stream)
    revisions = [d["revision"] for d in found if "revision" in d]
    assert [r["step"] for r in revisions] == list(range(1, 17))
    pieces: dict[int, str] = {}
    states: list[str] = []
    for revision in revisions:
        pieces |= dict(revision["words"])
        states.append("".join(pieces[place] for place in sorted(pieces)))
    assert states[-1] == "".join(d.get("content") or "" for d in found)
    assert states[0] != states[-1]


def test_a_picture_is_seen_while_it_forms(client: openai.OpenAI) -> None:
    stream = ask(client, "a car", stream=True, modalities=["image"], extra_body={"revisions": True})
    shown = [d["revision"]["image"] for d in deltas(stream) if "revision" in d]
    assert len(set(shown)) == 16
    assert all(one.startswith("data:image/webp;base64,") for one in shown)


def test_sound_is_streamed_block_by_block(client: openai.OpenAI) -> None:
    stream = ask(
        client,
        "hello",
        stream=True,
        modalities=["text", "audio"],
        audio={"voice": "default", "format": "pcm16"},
    )
    sounds = [d["audio"] for d in deltas(stream) if "audio" in d]
    *blocks, last = sounds
    assert len(blocks) == 3
    samples = b"".join(b64decode(block["data"]) for block in blocks)
    assert len(samples) == pytest.approx(3 * 24_000 * 2, rel=0.01)
    assert last["transcript"].startswith("hello!")


REFUSED = [
    ({"content": "hello", "seed": -1}, "seed must be a whole number"),
    ({"content": "hello", "tools": [{"type": "function"}]}, "cannot honour 'tools'"),
    ({"content": "hello", "n": 2}, "cannot honour 'n'"),
    ({"content": "hello", "modalities": ["image", "video"]}, "not image and video at once"),
    ({"content": "hello", "extra_body": {"revisions": True}}, "set stream to true"),
    ({"content": "hello", "extra_body": {"style": "angry"}}, None),
    ({"content": "please refuse"}, "leave it out"),
    ({"content": [{"type": "poem", "text": "x"}]}, r"messages\[0\]"),
    ({"content": [PICTURE, PICTURE]}, "one picture or one film"),
    ({"content": [{"type": "image_url", "image_url": {"url": "http://x/y.png"}}]}, "fetches"),
    ({"content": [{"type": "image_url", "image_url": {"url": "data:,hello"}}]}, "base64"),
    ({"content": [{"type": "input_audio", "input_audio": {"data": "?"}}]}, "valid base64"),
]


@pytest.mark.parametrize(("said", "sentence"), [r for r in REFUSED if r[1] is not None])
def test_a_bad_message_is_refused_with_a_sentence(
    client: openai.OpenAI, said: dict, sentence: str
) -> None:
    with pytest.raises(openai.BadRequestError, match=sentence):
        ask(client, **said)


@pytest.mark.parametrize("stream", [False, True])
def test_a_refusal_is_a_status_even_of_a_stream(client: openai.OpenAI, stream: bool) -> None:
    with pytest.raises(openai.BadRequestError, match="leave it out"):
        ask(client, "please refuse", stream=stream)


def test_a_system_message_is_refused_with_the_reason(client: openai.OpenAI) -> None:
    messages: Any = [{"role": "system", "content": "Be kind."}, {"role": "user", "content": "hi"}]
    with pytest.raises(openai.BadRequestError, match="not trained to follow a system message"):
        client.chat.completions.create(model="fake", messages=messages)


def test_a_crash_is_ours_and_tells_nothing(client: openai.OpenAI) -> None:
    with pytest.raises(openai.InternalServerError, match="Something broke in the server") as crash:
        ask(client, "crash now")
    assert "fake engine" not in str(crash.value)


def test_a_lost_device_is_said_and_can_be_tried_again(client: openai.OpenAI) -> None:
    with pytest.raises(openai.APIStatusError, match="out of memory") as lost:
        ask(client, "lose the device")
    assert lost.value.status_code == 503
    assert lost.value.response.headers["retry-after"]


def test_a_crash_behind_the_first_chunk_is_an_error_in_the_stream(client: openai.OpenAI) -> None:
    stream = ask(client, "crash now", stream=True, extra_body={"revisions": True})
    with pytest.raises(openai.APIError, match="Something broke"):
        deltas(stream)


def test_leaving_a_stream_ends_its_run(fake: FakeEngine, served: Served) -> None:
    client = served.client()
    before = len(fake.closed_after)
    with fake.gated(Completed) as gate:
        stream = ask(client, "hello", stream=True, extra_body={"revisions": True})
        next(iter(stream))
        stream.close()
        client.close()
        gate.open()
    assert served.worker.scheduler.wait_until_idle(30)
    assert len(fake.closed_after) == before + 1
