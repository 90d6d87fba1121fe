"""What a generation depends on, as values: the conversation, the sampling settings, the request.

The same Request, weights and device give the same events, bit for bit. Everything that a user can
get wrong is refused here, with a sentence that says what to do.
"""

from dataclasses import dataclass, field, replace
from enum import StrEnum

import numpy as np

from engine.api.insertion import MediaInsertion
from flow.calibration import GRIDS
from flow.modality import Modality
from flow.transition import TRANSITIONS
from model.dialogue_format import LONG_PROMPT_CHARACTERS, PROMPT_CHARACTERS
from model.prompt_template import TRANSCRIBE
from samplers.masked import MaskSchedule, Remasking

USUAL_PROMPT_CHARACTERS, MAX_PROMPT_CHARACTERS = PROMPT_CHARACTERS, LONG_PROMPT_CHARACTERS
"""Of the checkpoints that were trained here, and of any: each says its own, `Engine.info`."""
MAX_STEPS = 128
MAX_SEED = 2**53 - 1
"""The largest integer that a page's JavaScript keeps exact."""
MAX_GUIDANCE_SCALE = 10.0
MAX_DRAFTS = 8
MIN_PATH, MAX_PATH = 0.05, 50.0
"""Limits of the numbers c and a of a path; a run outside learns nothing from its state."""


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
        said = self.text is not None or self.audio is not None
        if said + (self.image is not None) + (self.video is not None) != 1:
            raise ValueError("a part of a message is a text, a picture, a film or a sound")

    @property
    def is_seen(self) -> bool:
        """Whether it is a picture or a film."""
        return self.image is not None or self.video is not None

    @property
    def modality(self) -> Modality:
        """What the model gets of it."""
        if self.is_seen:
            return Modality.IMAGE if self.video is None else Modality.VIDEO
        return Modality.AUDIO if self.text is None else Modality.TEXT


@dataclass(frozen=True)
class Turn:
    """What one side said. `role` is "user" or "assistant"."""

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
        """A single message, about what is given beside the words; a sound may stand without
        words."""
        media = () if image is None else (Part(image=image),)
        media += () if video is None else (Part(video=video),)
        media += () if audio is None else (Part(audio=audio),)
        words = () if audio is not None and not text.strip() else (Part(text=text),)
        return cls((Turn("user", (*media, *words)),))

    def worded(self, words: str) -> "Conversation":
        """The same, where the sound of the last message is known to say these words."""
        *before, last = self.turns
        parts = tuple(
            replace(p, text=words) if p.modality is Modality.AUDIO else p for p in last.parts
        )
        return Conversation((*before, replace(last, parts=parts)))

    @classmethod
    def write_down(cls, audio: np.ndarray) -> "Conversation":
        """Speech whose words are wanted."""
        return cls.ask(TRANSCRIBE, audio=audio)


class SamplerKind(StrEnum):
    """What turns noise into an answer; all of them run on the same weights."""

    FLOW = "flow"
    MASKED = "masked"
    AUTOREGRESSIVE = "autoregressive"


METHODS: tuple[str, ...] = (*TRANSITIONS, SamplerKind.MASKED, SamplerKind.AUTOREGRESSIVE)
"""Every way to sample under one name: flow matching by its transition, or another sampler."""


@dataclass(frozen=True)
class Sampling:
    """How to sample. sampler: `SamplerKind`; None is the checkpoint's own. steps: network steps; a
    sampler that commits whole positions takes at most one a position. transition (flow only):
    `flow.transition.TRANSITIONS`. grid (flow only): steps even in t ("uniform"), in the logarithm
    of information ("information", see `flow.calibration`) or in the clock `flow.schedule.TUNED`
    ("tuned"). c, a (flow only): of the path, beta(t) = c (t / (1-t))^a. patience (flow only): end
    early once nothing has changed for so many steps. remasking, mask_schedule, threshold (masked
    only): see `samplers.masked`. stop_at_end (masked only): nothing is computed behind the end of
    an answer in words once all before it is written; the words are the same. cache_share,
    prompt_every: see `engine.denoisers.cache`; None is no cache, and a run from left to right has
    its own. hold: of a picture that is changed, places that the model leaves as they are with this
    probability stay so from the start, see `engine.generation.edit_mask`; 1 holds none. drafts: so
    many pictures or films with the seeds that follow, of which the best is kept, see
    `engine.generation.best_of_n`.

    guidance_scale s mixes logits as (1+s) cond - s uncond (0 = off), at times in guidance_interval;
    guidance_every n evaluates the unconditional branch in every n-th call only. temperature and
    top_p apply to the draw of x_1; the temperature is the one at the end of the run, a checkpoint
    may start higher. None takes the checkpoint's own default for the modality that is generated.
    """

    sampler: str | None = None
    steps: int | None = None
    transition: str | None = None
    guidance_scale: float | None = None
    temperature: float | None = None
    top_p: float | None = None
    seed: int = 0
    patience: int | None = None
    remasking: str = "low_confidence"
    mask_schedule: str | None = None
    threshold: float | None = None
    guidance_interval: tuple[float, float] = (0.0, 1.0)
    guidance_every: int = 1
    grid: str | None = None
    c: float | None = None
    a: float | None = None
    cache_share: float | None = None
    prompt_every: int = 0
    stop_at_end: bool = False
    hold: float = 0.5
    drafts: int = 1

    def __post_init__(self) -> None:
        if self.sampler is not None and self.sampler not in tuple(SamplerKind):
            known = ", ".join(SamplerKind)
            raise ValueError(f"unknown sampler {self.sampler!r}: choose one of {known}")
        for what, name, known in (
            ("transition", self.transition, tuple(TRANSITIONS)),
            ("remasking", self.remasking, tuple(Remasking)),
            ("mask schedule", self.mask_schedule, tuple(MaskSchedule)),
        ):
            if name is not None and name not in known:
                raise ValueError(f"unknown {what} {name[:40]!r}: choose one of {', '.join(known)}")
        if self.threshold is not None and not 0 <= self.threshold <= 1:
            raise ValueError(f"the threshold must be between 0 and 1, not {self.threshold:g}")
        if self.patience is not None and self.patience < 1:
            raise ValueError(f"patience must be at least 1 step, not {self.patience}")
        if self.steps is not None and not 1 <= self.steps <= MAX_STEPS:
            raise ValueError(
                f"steps must be between 1 and {MAX_STEPS}, not {self.steps}; 16 is a good start"
            )
        if not 0 <= self.seed <= MAX_SEED:
            raise ValueError(
                f"the seed must be a whole number from 0 to {MAX_SEED}, not {self.seed}"
            )
        if self.guidance_scale is not None and not 0 <= self.guidance_scale <= MAX_GUIDANCE_SCALE:
            raise ValueError(
                f"guidance must be from 0 to {MAX_GUIDANCE_SCALE:g}, not {self.guidance_scale:g}"
            )
        if self.grid is not None and self.grid not in GRIDS:
            raise ValueError(f"unknown grid {self.grid!r}: choose one of {', '.join(GRIDS)}")
        for name, value in (("c", self.c), ("a", self.a)):
            if value is not None and not MIN_PATH <= value <= MAX_PATH:
                raise ValueError(
                    f"{name} of the path must be from {MIN_PATH} to {MAX_PATH:g}, not {value:g}"
                )
        low, high = self.guidance_interval
        if not 0 <= low <= high <= 1:
            raise ValueError(
                f"guidance goes from a time to a later one in 0..1, not from {low:g} to {high:g}"
            )
        if self.guidance_every < 1:
            raise ValueError(f"guidance_every must be at least 1, not {self.guidance_every}")
        if self.cache_share is not None and not 0 <= self.cache_share <= 1:
            raise ValueError(f"the cache's share must be between 0 and 1, not {self.cache_share:g}")
        if self.prompt_every < 0:
            raise ValueError(f"prompt_every must be at least 0, not {self.prompt_every}")
        if not 0 < self.hold <= 1:
            raise ValueError(f"hold must be above 0 and at most 1, not {self.hold:g}")
        if not 1 <= self.drafts <= MAX_DRAFTS:
            raise ValueError(f"drafts must be from 1 to {MAX_DRAFTS}, not {self.drafts}")
        if self.temperature is not None and not 0 <= self.temperature <= 2:
            raise ValueError(f"temperature must be between 0 and 2, not {self.temperature:g}")
        if self.top_p is not None and not 0 < self.top_p <= 1:
            raise ValueError(f"top_p must be above 0 and at most 1, not {self.top_p:g}")

    @property
    def method(self) -> str | None:
        """Its name in `METHODS`; None where the checkpoint's transition is taken."""
        return self.transition if self.sampler in (None, SamplerKind.FLOW) else self.sampler

    def by(self, method: str | None) -> "Sampling":
        """The same settings with another method; None leaves the checkpoint's.

        Raises: ValueError where `METHODS` does not have it.
        """
        if method is None:
            return replace(self, sampler=None, transition=None)
        if method not in METHODS:
            raise ValueError(
                f"there is no method {method[:40]!r}: choose one of {', '.join(METHODS)}"
            )
        if method in TRANSITIONS:
            return replace(self, sampler="flow", transition=method)
        return replace(self, sampler=method, transition=None)


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
class Repaint:
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
    """One generation. `to` is the modality of the answer; None lets the model decide. start: where
    the first segment of the answer begins; None is noise. aloud: an answer in words is spoken,
    too. think: an answer in words says first what is thought. repaint: the answer is this picture,
    in part made anew; the conversation says what the whole of it shows. pin: the answer is words
    and a picture or a film, which opens there. style: how it speaks, where there is a choice; None
    is the usual way.
    """

    conversation: Conversation
    to: Modality | None = None
    sampling: Sampling = field(default_factory=Sampling)
    start: InitialState | None = None
    aloud: bool = False
    repaint: Repaint | None = None
    think: bool = False
    pin: MediaInsertion | None = None
    style: str | None = None

    @property
    def listens(self) -> bool:
        """Whether the last message is speech alone, which is written down before it is answered: no
        words go with it, and what kind of answer is wanted is not said."""
        parts = self.conversation.turns[-1].parts
        kinds = {p.modality for p in parts}
        return self.to is None and Modality.AUDIO in kinds and Modality.TEXT not in kinds

    @property
    def writes_down(self) -> bool:
        """Whether the words of a sound are the whole answer, see `Conversation.write_down`."""
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
        if self.repaint is not None and (self.to is not Modality.IMAGE or self.start is not None):
            raise ValueError("a picture that is repainted is the answer: ask for a picture")
        if self.pin is not None and (self.to is not None or self.start is not None):
            raise ValueError("a pin is for an answer of several pieces: leave its kind open")
        if self.sampling.drafts > 1 and self.to not in (Modality.IMAGE, Modality.VIDEO):
            raise ValueError("drafts are of a picture or a film: ask for one of these")
        turns = self.conversation.turns
        if not turns or turns[-1].role != "user":
            raise ValueError("there is nothing to answer yet: write a message first")
        heard = any(p.modality is Modality.AUDIO for p in turns[-1].parts)
        if not self.words.strip() and not heard:
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
