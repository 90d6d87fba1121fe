"""A recorded generation: what every step was, and the run again without the model.

Owns: `Trace`, and how it comes about from events and becomes events. Does not own: its file
(`engine.inspection.trace_file`), how the numbers came about (`engine.denoisers.alternatives`),
their display.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

import numpy as np

from engine.api.events import Answer, Completed, Event, Likely, Refined, SegmentStarted
from engine.api.request import Request
from engine.api.sampling import Sampling
from engine.media.token_text import TokenText
from flow.modality import Modality

MAX_LIKELY = 32
AXES = {
    "x_t": "SLQ", "x_1": "SLQ", "changed": "SLQ", "confidence": "SLQ", "t": "S", "nfe": "S",
    "num_active": "S", "elapsed_s": "S", "likely_ids": "SLQK", "likely_p": "SLQK", "entropy": "SLQ",
}  # fmt: skip
"""Every array of a segment: S steps, L positions, Q codebooks, K alternatives. Runs of others may
lack the confidence."""


@dataclass(frozen=True)
class SegmentTrace:
    """One segment of an answer. sampling: complete. arrays: by the names of `AXES`. words: of every
    id in the arrays of a text, so that it can be read without the model. text: the whole answer, as
    the tokenizer joins it. heard, held: as in `engine.api.events.SegmentStarted`. length: positions
    of a sound's block before its end; None is all of them."""

    modality: Modality
    sampling: Sampling
    arrays: Mapping[str, np.ndarray]
    words: TokenText = field(default_factory=TokenText)
    text: str | None = None
    heard: int = 0
    length: int | None = None
    held: tuple[int, ...] = ()

    @property
    def num_steps(self) -> int:
        return len(self.arrays["t"])

    @property
    def answer(self) -> Answer:
        """The final answer; pictures are not decoded."""
        tokens = self.arrays["x_t"][-1].astype(np.int64)[: self.length]
        return Answer(self.modality, tokens, text=self.text, heard=self.heard > 0)


@dataclass(frozen=True)
class Trace:
    """A generation: the original request, the checkpoint that answered (its name and
    digest), and the segments of the answer."""

    request: Request
    checkpoint: Mapping[str, str]
    segments: tuple[SegmentTrace, ...]


class TraceRecorder:
    """Gathers the events of one watched generation; `trace` is there once it has completed or was
    stopped."""

    def __init__(self, checkpoint: Mapping[str, str], words: TokenText) -> None:
        self._checkpoint, self._words = dict(checkpoint), words
        self._started: list[SegmentStarted] = []
        self._steps: list[list[Refined]] = []
        self._completed: Completed | None = None

    @property
    def has_steps(self) -> bool:
        """Return whether any step was recorded."""
        return any(self._steps)

    def see(self, event: Event) -> None:
        """Record one event."""
        match event:
            case SegmentStarted():
                if event.segment == 0:  # of several drafts the last run is kept
                    self._started, self._steps = [], []
                self._started.append(event)
                self._steps.append([])
            case Refined():
                self._steps[-1].append(replace(event, image_t=None, image_1=None, sound_1=None))
            case Completed():
                self._completed = event

    def trace(self) -> Trace:
        """Return the trace so far. Raises: ValueError before the first step."""
        seen = [(s, steps) for s, steps in zip(self._started, self._steps, strict=True) if steps]
        if not seen:
            raise ValueError("there is nothing to keep yet: not a step was taken")
        request = seen[0][0].request if self._completed is None else self._completed.request
        return Trace(request, self._checkpoint, tuple(self._segment(s, steps) for s, steps in seen))

    def _segment(self, started: SegmentStarted, steps: list[Refined]) -> SegmentTrace:
        ids = np.uint16 if max(int(s.tokens_t.max()) for s in steps) < 2**16 else np.uint32
        arrays: dict[str, np.ndarray] = {
            "x_t": np.stack([s.tokens_t for s in steps]).astype(ids),
            "x_1": np.stack([s.tokens_1 for s in steps]).astype(ids),
            "changed": np.stack([s.changed for s in steps]),
            "confidence": np.stack([s.confidence for s in steps]).astype(np.float16),
            "t": np.array([s.t for s in steps], np.float32),
            "nfe": np.array([s.nfe for s in steps], np.uint32),
            "num_active": np.array([s.num_active for s in steps], np.uint32),
            "elapsed_s": np.array([s.elapsed_s for s in steps], np.float32),
        }
        likely = [s.likely for s in steps if s.likely is not None]
        if len(likely) == len(steps):
            arrays["likely_ids"] = np.stack([one.ids for one in likely]).astype(ids)
            arrays["likely_p"] = np.stack([one.probabilities for one in likely]).astype(np.float16)
            arrays["entropy"] = np.stack([one.entropy for one in likely]).astype(np.float16)
        words, text = TokenText(), None
        said = {} if self._completed is None else self._texts(self._completed)
        if started.modality is Modality.TEXT:
            text = "".join(self._words.shown(steps[-1].tokens_t))
            text = said.get(started.segment, text)
            named = ("x_t", "x_1", "likely_ids")
            words = self._words.among(
                i for n in named if n in arrays for i in np.unique(arrays[n]).tolist()
            )
        sampling, length = started.request.sampling, self._length(started)
        heard, held = started.heard, started.held
        return SegmentTrace(started.modality, sampling, arrays, words, text, heard, length, held)

    def _texts(self, completed: Completed) -> dict[int, str | None]:
        """The words of each segment that is a whole answer in words."""
        written = [s.segment for s in self._started if s.modality is Modality.TEXT]
        texts = [a.text for a in completed.answers if a.modality is Modality.TEXT]
        return dict(zip(written, texts, strict=True))

    def _length(self, started: SegmentStarted) -> int | None:
        """The number of positions of an audio block that belong to the whole sound."""
        sounds = [s for s in self._started if s.modality is Modality.AUDIO]
        if started not in sounds or self._completed is None:
            return None
        whole = [a for a in self._completed.answers if a.modality is Modality.AUDIO]
        block = len(self._steps[self._started.index(started)][0].tokens_t)
        return min(block, max(0, len(whole[0].tokens) - block * sounds.index(started)))


def events_of(trace: Trace) -> Iterable[Event]:
    """The run again, event by event, without the model: words are read from the trace, pictures are
    not decoded."""
    nfe, elapsed_s = 0, 0.0
    answers: list[Answer] = []
    for number, segment in enumerate(trace.segments):
        a = segment.arrays
        request = replace(trace.request, sampling=segment.sampling)
        num_steps, heard = segment.num_steps, segment.heard
        yield SegmentStarted(
            request, number, segment.modality, num_steps, elapsed_s, heard, segment.held
        )
        for k in range(segment.num_steps):
            nfe, elapsed_s = int(a["nfe"][k]), float(a["elapsed_s"][k])
            is_text = segment.modality is Modality.TEXT
            yield Refined(
                segment=number,
                modality=segment.modality,
                index=k,
                num_steps=segment.num_steps,
                last=k == segment.num_steps - 1,
                t=float(a["t"][k]),
                tokens_t=a["x_t"][k].astype(np.int64),
                tokens_1=a["x_1"][k].astype(np.int64),
                changed=a["changed"][k],
                confidence=_confidence(a, k),
                nfe=nfe,
                num_active=int(a["num_active"][k]),
                elapsed_s=elapsed_s,
                words_t=segment.words.shown(a["x_t"][k]) if is_text else None,
                words_1=segment.words.shown(a["x_1"][k]) if is_text else None,
                likely=_likely(a, k),
            )
        answer = segment.answer
        if answers and answers[-1].modality is answer.modality is Modality.AUDIO:
            whole = np.concatenate([answers.pop().tokens, answer.tokens])
            answer = replace(answer, tokens=whole)
        answers.append(answer)
    yield Completed(trace.request, tuple(answers), nfe, elapsed_s)


def _confidence(arrays: Mapping[str, np.ndarray], step: int) -> np.ndarray:
    """The confidence at a step, 0 where none is known."""
    if "confidence" not in arrays:
        return np.zeros(arrays["x_t"].shape[1:], np.float32)
    return arrays["confidence"][step].astype(np.float32)


def _likely(arrays: Mapping[str, np.ndarray], step: int) -> Likely | None:
    if "entropy" not in arrays:
        return None
    return Likely(
        arrays["likely_ids"][step].astype(np.int64),
        arrays["likely_p"][step].astype(np.float32),
        arrays["entropy"][step].astype(np.float32),
    )
