"""Speaking with a worker over its realtime socket, by the official client."""

from base64 import b64decode, b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import openai
from openai.resources.realtime.realtime import RealtimeConnection

from engine.media.audio import read_sound
from serving.answers.sound_stream import SoundStream
from tests.serving.test_end_to_end import ROOT

TONE = (0.3 * np.sin(np.arange(16_000) * 0.2)).astype(np.float32)
BY_HAND = {"audio": {"input": {"turn_detection": None}}}
PIECE_BYTES = 9600
"""A fifth of a second."""


def pcm24(samples: np.ndarray) -> bytes:
    """Samples at 16 kHz as a client sends them."""
    stream = SoundStream("pcm")
    return stream.add(samples) + stream.finish()


def question() -> bytes:
    """Somebody who speaks, between silences."""
    voice = read_sound(ROOT / "assets/speech/test-000031.opus")
    silence = np.zeros(16_000, np.float32)
    return pcm24(np.concatenate([silence, voice, silence]))


class Live:
    """One session, which has begun."""

    def __init__(self, connection: RealtimeConnection) -> None:
        self.connection: Any = connection
        self.events: list[Any] = []
        """All that have come."""

    def until(self, *kinds: str) -> list[Any]:
        """Return the events up to the first one of these kinds. An error is one only where it is
        asked for."""
        found: list[Any] = []
        while not found or found[-1].type not in kinds:
            found.append(self.connection.recv())
            self.events.append(found[-1])
            assert found[-1].type in kinds or found[-1].type != "error", found[-1]
        return found

    def set(self, **session: Any) -> Any:
        """Update the session."""
        self.connection.session.update(session={"type": "realtime", **session})
        return self.until("session.updated")[-1].session

    def say(self, text: str) -> Any:
        """Write a message; return its item."""
        content = [{"type": "input_text", "text": text}]
        return self.put({"type": "message", "role": "user", "content": content})

    def put(self, item: dict[str, Any], **place: str) -> Any:
        """Put an item into the conversation."""
        self.connection.conversation.item.create(item=item, **place)
        return self.until("conversation.item.done")[-1].item

    def hear(self, pcm: bytes) -> None:
        """Send sound as a microphone does."""
        for place in range(0, len(pcm), PIECE_BYTES):
            piece = b64encode(pcm[place : place + PIECE_BYTES]).decode()
            self.connection.input_audio_buffer.append(audio=piece)

    def answer(self, **response: Any) -> list[Any]:
        """Return the events of an answer."""
        self.connection.response.create(response=response)
        return self.until("response.done")

    def refused(self, event: Any) -> Any:
        """Send an event as it is; return the error that comes back."""
        sent = event if isinstance(event, str) else None
        self.connection.send_raw(sent) if sent is not None else self.connection.send(event)
        return self.until("error")[-1].error


@contextmanager
def live(client: openai.OpenAI, **query: str) -> Iterator[Live]:
    """A session, for a block."""
    with client.realtime.connect(
        model="fake",
        extra_query=query,
        max_retries=0,
        websocket_connection_options={"close_timeout": 1},
    ) as connection:
        found = Live(connection)
        if "resume" not in query:
            found.until("session.created")
        yield found


def of_kind(events: list[Any], kind: str) -> list[Any]:
    """The events of one kind."""
    return [event for event in events if event.type == kind]


def sound_of(events: list[Any]) -> bytes:
    """The sound of an answer."""
    deltas = of_kind(events, "response.output_audio.delta")
    return b"".join(b64decode(event.delta) for event in deltas)
