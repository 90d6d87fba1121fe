"""The events of a generation: plain values (str, numbers, NumPy), never tensors. Errors are
exceptions.

A generation yields one `SegmentStarted` per answer segment, its `Refined` steps, and one
`Completed` at the very end. An answer may have several segments (a sentence, then a picture that
the model opened); a sound has one for each of its blocks, and after each `AudioChunk`. Of several
drafts each begins anew with segment 0.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from engine.api.conversation import Part
from engine.api.request import Request
from flow.modality import Modality

DOUBTFUL_BITS = 1.5
"""The threshold, per word piece: 95 in 100 correct transcripts stay below 0.5, no German or French
one does (docs/log.md)."""

UNCHANGED_SHARE = 0.98
"""The threshold: of 64 places at most one differs."""

PREVIEW_HZ = 15.0
"""Previews of media a second, at most."""
PreviewRate = float | Callable[[], float]
"""Such a rate, or what is asked for it at each step: a viewer may come who wants to see every one.
0: of the last step only; infinity: of every one."""


@dataclass(frozen=True)
class SegmentStarted:
    """The start of a segment. `sampling` of `request` has every default filled in. heard: the
    number of pieces of the user's speech that it transcribes; 0 for no transcript. held: positions
    fixed from the start, see `engine.generation.edit_mask`."""

    request: Request
    segment: int
    modality: Modality
    num_steps: int
    elapsed_s: float
    heard: int = 0
    held: tuple[int, ...] = ()


@dataclass(frozen=True)
class Likely:
    """The alternatives to the draw of x_1, given the codes before it, untempered.

    ids: int64 "L Q k", the k likeliest codes, likeliest first. probabilities: float32 "L Q k".
    entropy: float32 "L Q", in nats.
    """

    ids: np.ndarray
    probabilities: np.ndarray
    entropy: np.ndarray


@dataclass(frozen=True)
class Refined:
    """One refinement step of one segment.

    index 0 .. num_steps-1; last: whether this step ends the segment, at the latest at num_steps;
    t: time after the step, in (0, 1]. tokens_t, tokens_1: int64 "L Q", the state and the
    prediction. changed: bool "L Q" codes moved by this step. confidence: float32 "L Q" probability
    of each predicted code. likely: where a generation is watched. words_t, words_1: for
    text, the L pieces of the state and of the prediction, as strings that join to the text ("" for
    padding and everything after the end). image_t, image_1: for a picture, uint8 "H W 3" decoded
    state and prediction, for a film "F H W 3"; sound_1: for a block of sound, float32 "N"
    decoded prediction at 16 kHz; None where the preview clock skipped this step.
    nfe: network calls so far, a guided one counted once; num_active: positions that the network
    evaluated.
    """

    segment: int
    modality: Modality
    index: int
    num_steps: int
    last: bool
    t: float
    tokens_t: np.ndarray
    tokens_1: np.ndarray
    changed: np.ndarray
    confidence: np.ndarray
    nfe: int
    num_active: int
    elapsed_s: float
    words_t: tuple[str, ...] | None = None
    words_1: tuple[str, ...] | None = None
    image_t: np.ndarray | None = None
    image_1: np.ndarray | None = None
    sound_1: np.ndarray | None = None
    likely: Likely | None = None


@dataclass(frozen=True)
class AudioChunk:
    """More of a sound is final and can be played: float32 "N" at 16 kHz, which follow those before.
    last: whether they are the end of the sound. word_ends_s: of speech where each word so far ends,
    in seconds from the beginning of the sound."""

    segment: int
    samples: np.ndarray
    last: bool
    elapsed_s: float
    word_ends_s: tuple[float, ...] = ()


@dataclass(frozen=True)
class CandidateDone:
    """One of several drafts is finished, see `engine.best_of_n`: number 0 .. num-1, its
    seed, the picture or film, and its cosine similarity to the request by the model. best:
    the number of the nearest so far. Another segment 0 follows: the next draft, or the best one
    again."""

    number: int
    num: int
    seed: int
    score: float
    best: int
    made: Part


@dataclass(frozen=True)
class Answer:
    """One finished piece: `text`, `image` uint8 "H W 3", `video` uint8 "F H W 3", or `audio`
    float32 "N" at 16 kHz (all segments of a sound together); tokens int64 "L Q".

    suggest: the model reported a request outside its domain, so a page should offer examples.
    thought: its reasoning before an answer in words. transcript_bits: of a transcript, in
    bits a word piece, the surprise of the model at these words given this sound. heard: the words
    are the transcript of the user's speech. share_kept: of a picture that changes another one, the
    share of its places that kept all codes.
    """

    modality: Modality
    tokens: np.ndarray
    text: str | None = None
    image: np.ndarray | None = None
    audio: np.ndarray | None = None
    video: np.ndarray | None = None
    suggest: bool = False
    heard: bool = False
    thought: str | None = None
    transcript_bits: float | None = None
    share_kept: float | None = None

    @property
    def doubtful(self) -> bool:
        """Return whether the transcript is uncertain: `transcript_bits` above `DOUBTFUL_BITS`."""
        return self.transcript_bits is not None and self.transcript_bits > DOUBTFUL_BITS

    @property
    def unchanged(self) -> bool:
        """Return whether a picture is nearly the one that it was to change: `share_kept` is at
        least `UNCHANGED_SHARE`."""
        return self.share_kept is not None and self.share_kept >= UNCHANGED_SHARE


@dataclass(frozen=True)
class Completed:
    """The whole answer to the original `request`, or of several drafts to that of the best one:
    running it again gives the same answers."""

    request: Request
    answers: tuple[Answer, ...]
    nfe: int
    elapsed_s: float


@dataclass(frozen=True)
class Waiting:
    """Nothing new: the engine runs elsewhere, and is busy with others or away. It comes about twice
    a second, so that whoever waits can give up. sentence: what they are told; "" is nothing."""

    sentence: str = ""


Event = SegmentStarted | Refined | AudioChunk | CandidateDone | Completed | Waiting
