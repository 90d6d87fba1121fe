"""One thing that is asked in a cell of the matrix, and what a right answer is."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from engine.api.conversation import Conversation
from engine.api.events import Answer
from evaluation.judges.speech_judges import Listen
from evaluation.pack import Pack
from flow.modality import Modality

Answers = Sequence[Answer]
_NO_TOKENS = np.zeros((0, 1), np.int64)


@dataclass(frozen=True)
class Item:
    """conversation, to, aloud: of the request. right: whether an answer is right. true: whether
    the same judge accepts true data, exact pictures and films or real recordings. wanted: the right
    words, where one answer in words is known."""

    conversation: Conversation
    to: Modality | None
    right: Callable[[Answers], bool]
    true: Callable[[], bool]
    aloud: bool = False
    wanted: str | None = None


@dataclass(frozen=True)
class Material:
    """What a cell is made of. num: how many items at most. pack, listen: held-out clips, and who
    hears; None where there are none."""

    num: int
    seed: int
    pack: Pack | None
    listen: Listen | None

    @property
    def recordings(self) -> Pack:
        """The clips of a cell that needs them."""
        assert self.pack is not None
        return self.pack

    @property
    def hears(self) -> Listen:
        """Who hears, for a cell that needs it."""
        assert self.listen is not None
        return self.listen


def judged(
    conversation: Conversation, to: Modality, right: Callable[[Answers], bool], true: Answer
) -> Item:
    """An item whose true answer is known."""
    return Item(conversation, to, right, lambda: right((true,)), wanted=true.text)


def in_words(text: str, *, suggest: bool = False) -> Answer:
    return Answer(Modality.TEXT, _NO_TOKENS, text=text, suggest=suggest)


def as_picture(image: np.ndarray) -> Answer:
    return Answer(Modality.IMAGE, _NO_TOKENS, image=image)


def as_film(video: np.ndarray) -> Answer:
    return Answer(Modality.VIDEO, _NO_TOKENS, video=video)


def as_sound(audio: np.ndarray) -> Answer:
    return Answer(Modality.AUDIO, _NO_TOKENS, audio=audio)
