"""The driver of one generation: events become messages, a stop becomes a partial answer.

It runs in the page's own process, also where the engine itself runs in a worker (ZeroGPU), so the
bus sees every step. It never waits for a viewer; about five times a second it lets the page
breathe.
"""

import logging
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import closing
from dataclasses import dataclass, field, replace

import numpy as np

from app.stream import encode
from app.stream.patch_labels import Labels
from app.stream.run import Run
from app.stream.run_bus import StepBus
from engine.api.errors import DeviceError
from engine.api.events import (
    Answer,
    AudioChunk,
    CandidateDone,
    Completed,
    Event,
    Refined,
    SegmentStarted,
    Waiting,
)
from engine.api.request import Modality, Request
from engine.media.marking.marker import UNMARKED, Marker

logger = logging.getLogger(__name__)

PULSE_S = 0.2
BROKEN = "Something went wrong while this was forming. Nothing you wrote is lost: please try again."

Generate = Callable[[Request], Iterator[Event]]


@dataclass(frozen=True)
class Outcome:
    """The result of a run: the complete request and what there is of an answer."""

    request: Request
    answers: tuple[Answer, ...] = ()
    stopped: bool = False
    refusal: str | None = None


@dataclass
class RunDriver:
    """A generation under way. Iterate to drive it; `outcome` is there afterwards."""

    generate: Generate
    request: Request
    run: Run
    bus: StepBus
    outcome: Outcome | None = None
    see: Callable[[Event], None] | None = None
    """Is told every event before the viewers are."""
    label: Callable[[Event], Labels | None] | None = None
    """Says of an event what the model sees where; it is told every one but the last."""
    _told: str = field(default="", init=False)
    marker: Marker = UNMARKED
    """Marks the files of the answer."""
    pulse_s: float = PULSE_S
    """The time between two pauses in which the page may breathe; 0: a pause after each step."""

    def __iter__(self) -> Iterator[None]:
        """Yields now and then, so that a closed page can close it; that stops the engine."""
        partial = _Partial(self.request)
        self.bus.begin(self.run)
        try:
            yield from self._drive(partial)
        except ValueError as refused:
            if partial.begun:
                raise
            logger.info("refused: %s", refused, exc_info=True)
            self.outcome = Outcome(partial.request, refusal=str(refused))
            self.bus.end(self.run, encode.failed(str(refused)))
        except DeviceError as broken:
            logger.exception("the device failed")
            self.outcome = Outcome(partial.request, refusal=str(broken))
            self.bus.end(self.run, encode.failed(str(broken)))
        finally:
            self.bus.end(self.run, encode.failed(BROKEN))

    def _events(self) -> Generator[Event]:
        yield from self.generate(self.request)

    def _drive(self, partial: "_Partial") -> Iterator[None]:
        with closing(self._events()) as events:
            due = 0.0
            for event in events:
                partial.see(event)
                if self.see is not None:
                    self.see(event)
                if isinstance(event, Completed):
                    self._completed(event, partial.request)
                    return
                self._publish(event)
                if self.run.stopping:
                    break
                if isinstance(event, Refined | Waiting) and time.monotonic() >= due:
                    yield
                    due = time.monotonic() + self.pulse_s
        self.outcome = partial.outcome()
        self.bus.end(self.run, partial.message(self.marker))

    def _publish(
        self, event: SegmentStarted | Refined | AudioChunk | CandidateDone | Waiting
    ) -> None:
        if not isinstance(event, Waiting):
            labels = None if self.label is None else self.label(event)
            self.run.publish(encode.message(event, labels))
        elif event.sentence and event.sentence != self._told:
            self.run.publish(encode.away(event.sentence))
        self._told = event.sentence if isinstance(event, Waiting) else ""

    def _completed(self, event: Completed, request: Request) -> None:
        """request: with every default filled in, as the last segment started with it."""
        self.outcome = Outcome(request, event.answers)
        told = (request, event.answers, event.elapsed_s, event.nfe, self.marker)
        last = encode.ended("completed", *told)
        self.bus.end(self.run, last)


class _Partial:
    """The answer that a stopped run leaves: the model's prediction at its last step, segment by
    segment, and as much of a sound as was final."""

    def __init__(self, request: Request) -> None:
        self.request = request
        self._last: dict[int, Refined] = {}
        self._heard: set[int] = set()
        self._sounds: list[np.ndarray] = []

    @property
    def begun(self) -> bool:
        """Return whether anything was refined yet: until then, a ValueError is the engine's
        refusal."""
        return bool(self._last)

    def see(self, event: Event) -> None:
        if isinstance(event, SegmentStarted):
            if event.segment == 0:  # the next of several drafts
                self._last.clear()
            self.request = event.request
            if event.heard:
                self._heard.add(event.segment)
        elif isinstance(event, AudioChunk):
            self._sounds.append(event.samples)
        elif isinstance(event, Refined):
            before = self._last.get(event.segment)
            if event.image_1 is None and before is not None:
                event = replace(event, image_1=before.image_1)
            self._last[event.segment] = event

    def outcome(self) -> Outcome:
        sound: Answer | None = None
        if self._sounds:
            samples = np.concatenate(self._sounds)
            sound = Answer(Modality.AUDIO, np.zeros((0, 1), np.int64), audio=samples)
        answers: list[Answer] = []
        for last in self._last.values():
            if last.modality is not Modality.AUDIO:
                found = self._answer(last)
            else:
                found, sound = sound, None
            answers += [] if found is None else [found]
        return Outcome(self.request, tuple(answers), stopped=True)

    def message(self, marker: Marker) -> encode.Message:
        last = next(reversed(self._last.values()), None)
        elapsed_s, nfe = (0.0, 0) if last is None else (last.elapsed_s, last.nfe)
        told = (self.request, self.outcome().answers, elapsed_s, nfe, marker)
        return encode.ended("stopped", *told)

    def _answer(self, last: Refined) -> Answer | None:
        if last.modality is Modality.TEXT and last.words_1 is not None:
            heard, words = last.segment in self._heard, "".join(last.words_1)
            return Answer(last.modality, last.changed, text=words, heard=heard)
        if last.image_1 is not None and last.modality is Modality.VIDEO:
            return Answer(last.modality, last.changed, video=last.image_1)
        if last.image_1 is not None:
            return Answer(last.modality, last.changed, image=last.image_1)
        return None
