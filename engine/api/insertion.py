"""A pin: where in its answer the model opens a picture or a film.

The words of the answer are those that it would write anyway, wherever the pin is; what opens is
made to the words before it. Owns: `MediaInsertion`. Does not own: the order of other answers
(`engine.prompt.answer_plan`).
"""

from collections.abc import Collection
from dataclasses import dataclass

from flow.modality import Modality

MAX_WORDS = 100


@dataclass(frozen=True)
class MediaInsertion:
    """modality: what opens, IMAGE or VIDEO. words: behind how many words of the answer; 0 is before
    them, None behind all of them, as is a number that they do not reach."""

    modality: Modality = Modality.IMAGE
    words: int | None = None

    def __post_init__(self) -> None:
        if self.modality not in (Modality.IMAGE, Modality.VIDEO):
            raise ValueError(f"a pin opens a picture or a film, not {self.modality}")
        if self.words is not None and not 0 <= self.words <= MAX_WORDS:
            raise ValueError(
                f"a picture opens behind 0 to {MAX_WORDS} words of the answer, not {self.words}"
            )

    @property
    def first(self) -> Modality:
        """The modality that is generated first."""
        return self.modality if self.words == 0 else Modality.TEXT

    def follows(self, made: Collection[Modality]) -> Modality | None:
        """Return the modality that is generated after these; None at the end."""
        wanted = (self.first, Modality.TEXT, self.modality)
        return next((modality for modality in wanted if modality not in made), None)

    def noise(self, modality: Modality, number: int) -> int:
        """The number that seeds the noise of the answer's piece `number`: as if its words came
        first."""
        if self.words != 0:
            return number
        return number + {Modality.TEXT: -1, self.modality: 1}.get(modality, 0)

    def split(self, text: str) -> tuple[str, str]:
        """The words before it and those behind it."""
        if self.words is None:
            return text, ""
        words = text.split()
        return " ".join(words[: self.words]), " ".join(words[self.words :])
