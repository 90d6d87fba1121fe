"""One item of an any-to-any cell: a request and the test of a right answer."""

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
    """One item. conversation, to, aloud: of the request. right: judges an answer. true: the same
    judge on true data, rendered images and videos or real recordings. wanted: the reference text,
    if there is one."""

    conversation: Conversation
    to: Modality | None
    right: Callable[[Answers], bool]
    true: Callable[[], bool]
    aloud: bool = False
    wanted: str | None = None


@dataclass(frozen=True)
class Material:
    """The sources of a cell's items. num: the most items. pack, listen: held-out clips and a
    recogniser, or None."""

    num: int
    seed: int
    pack: Pack | None
    listen: Listen | None

    @property
    def recordings(self) -> Pack:
        """Return the clips for a cell that requires them."""
        assert self.pack is not None
        return self.pack

    @property
    def hears(self) -> Listen:
        """Return the recogniser for a cell that requires one."""
        assert self.listen is not None
        return self.listen


def item_with_answer(
    conversation: Conversation, to: Modality, right: Callable[[Answers], bool], true: Answer
) -> Item:
    """Build an item whose true answer is known."""
    return Item(conversation, to, right, lambda: right((true,)), wanted=true.text)


def in_words(text: str, *, suggest: bool = False) -> Answer:
    return Answer(Modality.TEXT, _NO_TOKENS, text=text, suggest=suggest)


def as_picture(image: np.ndarray) -> Answer:
    return Answer(Modality.IMAGE, _NO_TOKENS, image=image)


def as_film(video: np.ndarray) -> Answer:
    return Answer(Modality.VIDEO, _NO_TOKENS, video=video)


def as_sound(audio: np.ndarray) -> Answer:
    return Answer(Modality.AUDIO, _NO_TOKENS, audio=audio)
