"""The item that a response makes, and the events of its pieces.

Owns: `OutputItem`. Does not own: the response around it (`serving.realtime.answering`).
"""

from collections.abc import Callable
from typing import Any

from engine.api.events import AudioChunk
from serving.answers.answer_files import to_base64
from serving.answers.sound_stream import SoundStream
from serving.realtime.conversation import (
    ADDRESSES,
    Content,
    Conversation,
    Item,
    first_spoken,
    new_id,
)
from serving.realtime.event_log import EventLog

NewSound = Callable[[], SoundStream]
NAMES = {"output_text": "text", "output_audio": "audio"}
"""Content of an item -> what the events of content parts call it."""


class OutputItem:
    """It enters the conversation with its first piece, behind the question. At most one piece is
    open: spoken words. sound: begins the sound of one."""

    def __init__(
        self, response_id: str, conversation: Conversation, log: EventLog, sound: NewSound
    ) -> None:
        self._new_sound = sound
        self._item = Item("assistant", new_id("item"), status="in_progress")
        self._conversation, self._log = conversation, log
        self._response_id = response_id
        self._asked = conversation.last_id
        self._previous: str | None = None
        self._whole_text = ""
        self._sound: SoundStream | None = None

    def write(self, words: str, *, aloud: bool) -> None:
        """Take the final words; aloud: they are said by what follows."""
        text = words.strip()
        if not text:
            return
        if aloud:
            self._open(Content("output_audio", ""))
            self._whole_text = " ".join(text.split())
            self._sound = self._new_sound()
            return
        content = self._open(Content("output_text", text))
        self._event("output_text.delta", delta=text)
        self._event("output_text.done", text=text)
        self._part("done", content.type, text=text)

    def say(self, chunk: AudioChunk) -> None:
        """Take more of a sound, with the words that it says."""
        if self._sound is None:
            self._open(Content("output_audio", ""))
            self._sound = self._new_sound()
        content, sound = self._item.content[-1], self._sound
        content.word_ends_s = chunk.word_ends_s or content.word_ends_s
        said = self._whole_text
        if chunk.word_ends_s and not chunk.last:
            said = first_spoken(self._whole_text, len(chunk.word_ends_s))
        self._transcribe(said)
        pcm = sound.add(chunk.samples) + (sound.finish() if chunk.last else b"")
        content.pcm += pcm
        if pcm:
            self._event("output_audio.delta", delta=to_base64(pcm))
        if chunk.last:
            self._close_sound()

    def show(self, content: Content) -> None:
        """Take a picture or a film."""
        self._end_sound()
        self._open(content)
        self._part("done", content.type, **{ADDRESSES[content.type]: content.address})

    def finish(self, *, whole: bool) -> None:
        """Take no more. whole: the answer is complete; else only what was told of it remains."""
        if whole:
            self._end_sound()
        elif self._sound is not None:
            self._close_sound()
        if not self._item.content:
            return
        self._item.status = "completed" if whole else "incomplete"
        fields = self._item.fields()
        self._log.add(
            "response.output_item.done", response_id=self._response_id, output_index=0, item=fields
        )
        self._log.add("conversation.item.done", previous_item_id=self._previous, item=fields)

    def fields(self) -> list[dict[str, Any]]:
        """Return the output of the response."""
        return [self._item.fields()] if self._item.content else []

    def _end_sound(self) -> None:
        """Close words that were to be said, where no sound came or it did not end."""
        if self._sound is not None:
            self._transcribe(self._whole_text)
            self._close_sound()

    def _transcribe(self, said: str) -> None:
        content = self._item.content[-1]
        before = content.text or ""
        if len(said) > len(before):
            content.text = said
            self._event("output_audio_transcript.delta", delta=said[len(before) :])

    def _close_sound(self) -> None:
        text = self._item.content[-1].text or ""
        self._sound, self._whole_text = None, ""
        self._event("output_audio.done")
        self._event("output_audio_transcript.done", transcript=text)
        self._part("done", "output_audio", transcript=text)

    def _open(self, content: Content) -> Content:
        if not self._item.content:
            self._previous = self._conversation.add(self._item, self._place())
            fields = self._item.fields()
            self._log.add(
                "response.output_item.added",
                response_id=self._response_id,
                output_index=0,
                item=fields,
            )
            self._log.add("conversation.item.added", previous_item_id=self._previous, item=fields)
        self._item.content.append(content)
        empty = {"output_text": {"text": ""}, "output_audio": {"transcript": ""}}
        self._part("added", content.type, **empty.get(content.type, {}))
        return content

    def _place(self) -> str | None:
        """Return the id of the question, None where it was deleted."""
        there = any(item.id == self._asked for item in self._conversation.items)
        return self._asked if there else None

    def _part(self, what: str, kind: str, **fields: Any) -> None:
        self._event(f"content_part.{what}", part={"type": NAMES.get(kind, kind), **fields})

    def _event(self, what: str, **fields: Any) -> None:
        self._log.add(
            f"response.{what}",
            response_id=self._response_id,
            item_id=self._item.id,
            output_index=0,
            content_index=len(self._item.content) - 1,
            **fields,
        )
