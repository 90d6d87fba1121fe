"""The settings of a conversation's tab: what a visitor asks of an answer beside the message.

Owns: the form, the names of the kinds of answer, and the mark that a message begins with to be
thought about. Does not own: the controls (`app.tabs.conversation_tab`), a single value
(`app.forms.parse`).
"""

from collections.abc import Collection
from dataclasses import dataclass, replace

from app.forms.parse import next_seed, read_sampling, read_seed
from engine.api.insertion import MediaInsertion
from engine.api.request import Modality
from engine.api.sampling import Sampling

Setting = str | bool | float | None
THINK = "\\think"
"""Begins a message that is to be thought about first."""
AUTO = "auto"
AFTER_WORDS = "words around a picture"
KINDS = {
    "words": Modality.TEXT,
    "picture": Modality.IMAGE,
    "sound": Modality.AUDIO,
    "film": Modality.VIDEO,
}
PLACES = {"picture, then words": 0, "words, then picture": None}
FIRST_WORDS = 2
"""Before a picture in the middle, unless the visitor says otherwise."""


@dataclass(frozen=True)
class AnswerForm:
    """The controls' values. shown_seed: the one that the page drew last. aloud: whether words are
    spoken, too. style: how, where there is a choice. think: whether every message is thought about.
    answer_with: one of `choices`. words: before the picture, where it stands among them."""

    steps: Setting
    guidance: Setting
    seed: Setting
    shown_seed: Setting
    keep_seed: Setting = False
    aloud: Setting = False
    style: Setting = None
    think: Setting = False
    answer_with: Setting = AUTO
    words: Setting = FIRST_WORDS

    def with_next_seed(self) -> "AnswerForm":
        """Return the form with the seed to use: the box's if it is kept or was edited, else a new
        one."""
        seed = next_seed(str(self.seed), str(self.shown_seed), bool(self.keep_seed))
        return replace(self, seed=seed, keep_seed=True)

    def again(self) -> "AnswerForm":
        """Return the form for another answer: the seed after the last one, unless the box was
        edited.

        Raises: ValueError where the box holds no seed.
        """
        text = str(self.seed)
        edited = text.strip() != str(self.shown_seed)
        return replace(self, seed=text if edited else str(read_seed(text) + 1), keep_seed=True)

    def sampling(self) -> Sampling:
        """Raises: ValueError with what to change."""
        return read_sampling(self.steps, self.guidance, None, read_seed(str(self.seed)))

    def kind(self) -> tuple[Modality | None, MediaInsertion | None]:
        """Return the modality of the answer, and where a picture is inserted; None lets the model
        decide.

        Raises: ValueError where there is no such kind, or the words are no number.
        """
        wanted = str(self.answer_with)
        if wanted == AUTO:
            return None, None
        if wanted in KINDS:
            return KINDS[wanted], None
        if wanted in PLACES:
            return None, MediaInsertion(words=PLACES[wanted])
        if wanted == AFTER_WORDS:
            return None, MediaInsertion(words=_whole(self.words))
        raise ValueError(f"there is no answer with {wanted[:40]!r}: choose one of the list")


def choices(known: Collection[str]) -> list[str]:
    """The kinds of answer that a checkpoint can give. known: the modalities that it makes."""
    kinds = [name for name, modality in KINDS.items() if str(modality) in known]
    around = [*PLACES, AFTER_WORDS] if Modality.IMAGE in known else []
    return [AUTO, *kinds, *around]


def read_think(text: str) -> tuple[str, bool]:
    """A message without its mark, and whether it had one."""
    mark, *rest = text.split(maxsplit=1) or [""]
    return ("".join(rest), True) if mark == THINK else (text, False)


def _whole(value: Setting) -> int:
    if not isinstance(value, int | float) or value != int(value):
        raise ValueError(f"the words before the picture are a whole number, not {str(value)[:40]}")
    return int(value)
