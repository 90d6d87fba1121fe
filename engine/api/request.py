"""A request: everything that a generation depends on.

The same Request, weights and device give the same events, bit for bit. Invalid user input is
refused here, with a message that says what to do.
"""

from dataclasses import dataclass, field

import numpy as np

from engine.api.conversation import Conversation, is_blank
from engine.api.insertion import MediaInsertion
from engine.api.sampling import Sampling
from flow.modality import Modality
from model.dialogue_format import LONG_PROMPT_CHARACTERS, PROMPT_CHARACTERS
from model.prompt_template import TRANSCRIBE

USUAL_PROMPT_CHARACTERS, MAX_PROMPT_CHARACTERS = PROMPT_CHARACTERS, LONG_PROMPT_CHARACTERS
"""Longest prompts of checkpoints trained here, and of any: each names its own in `Engine.info`."""


@dataclass(frozen=True)
class InitialState:
    """A state to go on from instead of from noise: a step of an earlier run, perhaps edited.

    tokens: int64 "L Q" of one segment; predicted: its x_1 of the same shape. t in [0, 1): when.
    pinned: bool "L", positions that stay as they are. segment: which one of its answer it was, and
    said: the words of the answer before it.

    Another sampler than the one that made the state takes it over by one rule each. To masked
    diffusion and autoregression a position is written where it stands at its prediction, and masked
    elsewhere. To the flow a masked code is drawn from the path p_t(. | predicted).
    """

    modality: Modality
    tokens: np.ndarray
    predicted: np.ndarray
    t: float
    pinned: np.ndarray
    segment: int = 0
    said: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        shape = self.tokens.shape
        if len(shape) != 2 or self.predicted.shape != shape or self.pinned.shape != shape[:1]:
            raise ValueError("a state to start from has tokens and predictions of one shape")
        if not 0 <= self.t < 1:
            raise ValueError("nothing is left to do at the last step: go on from an earlier one")
        if self.pinned.all():
            raise ValueError("every position is pinned: leave at least one free")


@dataclass(frozen=True)
class Inpainting:
    """A picture of which a part is made anew. image: uint8 "H W 3". mask: bool "H W", where it may
    change. strength: how far back to noise that goes, in (0, 1]."""

    image: np.ndarray
    mask: np.ndarray
    strength: float = 1.0

    def __post_init__(self) -> None:
        if self.mask.shape != self.image.shape[:2]:
            raise ValueError("the mask has another size than its picture")
        if not self.mask.any():
            raise ValueError("nothing is painted over: paint over what may change")
        if not 0 < self.strength <= 1:
            raise ValueError(f"strength must be above 0 and at most 1, not {self.strength:g}")


@dataclass(frozen=True)
class Request:
    """One generation. `to` is the modality of the answer; None lets the model decide. start: the
    initial state of the first segment of the answer; None is noise. aloud: an answer in words is
    also spoken. think: an answer in words begins with its reasoning. inpainting: the answer is this
    picture, regenerated in part; the conversation describes the whole of it. pin: the answer
    is words and a picture or a film, which opens there. style: the speaking style, where there is a
    choice; None is the default.
    """

    conversation: Conversation
    to: Modality | None = None
    sampling: Sampling = field(default_factory=Sampling)
    start: InitialState | None = None
    aloud: bool = False
    inpainting: Inpainting | None = None
    think: bool = False
    pin: MediaInsertion | None = None
    style: str | None = None

    @property
    def listens(self) -> bool:
        """Return whether the last message is speech alone, which is transcribed before it is
        answered: it has no words, and the request names no answer modality."""
        parts = self.conversation.turns[-1].parts
        kinds = {p.modality for p in parts}
        return self.to is None and Modality.AUDIO in kinds and Modality.TEXT not in kinds

    @property
    def writes_down(self) -> bool:
        """Return whether the answer is a transcript only, see `Conversation.write_down`."""
        heard = any(p.modality is Modality.AUDIO for p in self.conversation.turns[-1].parts)
        return self.to is Modality.TEXT and heard and self.words == TRANSCRIBE

    @property
    def speech(self) -> np.ndarray:
        """The sound of the last message. Raises: IndexError where there is none."""
        return [p.audio for p in self.conversation.turns[-1].parts if p.audio is not None][-1]

    def heard(self, samples: np.ndarray) -> "Request":
        """The request for the words of speech, with the same settings."""
        written = Conversation.write_down(samples)
        return Request(written, Modality.TEXT, self.sampling)

    def __post_init__(self) -> None:
        if self.inpainting is not None and (
            self.to is not Modality.IMAGE or self.start is not None
        ):
            raise ValueError("a picture that is repainted is the answer: ask for a picture")
        if self.pin is not None and (self.to is not None or self.start is not None):
            raise ValueError("a pin is for an answer of several pieces: leave its kind open")
        if self.sampling.drafts > 1 and self.to not in (Modality.IMAGE, Modality.VIDEO):
            raise ValueError("drafts are of a picture or a film: ask for one of these")
        turns = self.conversation.turns
        if not turns or turns[-1].role != "user":
            raise ValueError("there is nothing to answer yet: write a message first")
        heard = any(p.modality is Modality.AUDIO for p in turns[-1].parts)
        if is_blank(self.words) and not heard:
            raise ValueError("the prompt is empty: say what you would like to see or ask")
        self.within(MAX_PROMPT_CHARACTERS)

    @property
    def words(self) -> str:
        """Those of the last message."""
        return " ".join(p.text for p in self.conversation.turns[-1].parts if p.text is not None)

    def within(self, limit: int) -> "Request":
        """The request itself. Raises: ValueError where its words have more characters than the
        checkpoint reads."""
        if len(self.words) > limit:
            raise ValueError(
                f"the prompt has {len(self.words)} characters, the limit is {limit}: "
                "please shorten it"
            )
        return self
