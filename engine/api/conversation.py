"""A conversation as values: parts, turns, and the conversation itself."""

import re
import unicodedata
from dataclasses import dataclass, replace

import numpy as np

from flow.modality import Modality
from model.prompt_template import TRANSCRIBE

_HALVES = re.compile("[\ud800-\udfff]")
"""Halves of characters outside the first plane: no text, and nothing can write them."""


@dataclass(frozen=True)
class Part:
    """One piece of a turn: `text`, `image` uint8 "H W 3", `video` uint8 "F H W 3", or `audio`
    float32 "N" at 16 kHz in [-1, 1]. Sound with a text is speech whose words are known: the model
    reads them and does not listen again."""

    text: str | None = None
    image: np.ndarray | None = None
    audio: np.ndarray | None = None
    video: np.ndarray | None = None

    def __post_init__(self) -> None:
        if self.text is not None:
            object.__setattr__(self, "text", without_halves(self.text))
        said = self.text is not None or self.audio is not None
        if said + (self.image is not None) + (self.video is not None) != 1:
            raise ValueError("a part of a message is a text, a picture, a film or a sound")

    @property
    def is_seen(self) -> bool:
        """Return whether the part is a picture or a film."""
        return self.image is not None or self.video is not None

    @property
    def modality(self) -> Modality:
        """The modality of the part as model input."""
        if self.is_seen:
            return Modality.IMAGE if self.video is None else Modality.VIDEO
        return Modality.AUDIO if self.text is None else Modality.TEXT


def without_halves(text: str) -> str:
    """Return the text with U+FFFD in the place of each half of a character."""
    return _HALVES.sub("\ufffd", text)


def is_blank(text: str) -> bool:
    """Return whether nothing of a text can be seen: spaces, controls, marks of width zero."""
    return all(unicodedata.category(character)[0] in "ZC" for character in text)


@dataclass(frozen=True)
class Turn:
    """The message of one side. `role` is "user" or "assistant"."""

    role: str
    parts: tuple[Part, ...]


@dataclass(frozen=True)
class Conversation:
    """Turns in order; the last one is the user's."""

    turns: tuple[Turn, ...]

    @classmethod
    def ask(
        cls,
        text: str,
        image: np.ndarray | None = None,
        audio: np.ndarray | None = None,
        video: np.ndarray | None = None,
    ) -> "Conversation":
        """A single message about the media beside the words; a sound may have no words."""
        media = () if image is None else (Part(image=image),)
        media += () if video is None else (Part(video=video),)
        media += () if audio is None else (Part(audio=audio),)
        words = () if audio is not None and is_blank(text) else (Part(text=text),)
        return cls((Turn("user", (*media, *words)),))

    def worded(self, words: str) -> "Conversation":
        """The same conversation with these words as the transcript of the last message's sound."""
        *before, last = self.turns
        parts = tuple(
            replace(p, text=words) if p.modality is Modality.AUDIO else p for p in last.parts
        )
        return Conversation((*before, replace(last, parts=parts)))

    @classmethod
    def write_down(cls, audio: np.ndarray) -> "Conversation":
        """A message of speech to be transcribed."""
        return cls.ask(TRANSCRIBE, audio=audio)
