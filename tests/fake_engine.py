"""An engine without a model: scripted answers that form out of noise at a steady pace, or step by
step as a test lets it.

It keeps the real engine's contract (events, determinism by seed, stopping at a yield), so the page
is tested to its last byte without weights.
"""

import threading
import time
from collections.abc import Generator, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import replace

import numpy as np

from engine.api.conversation import Part
from engine.api.errors import OUT_OF_MEMORY, DeviceError
from engine.api.events import Answer, AudioChunk, Completed, Event, PreviewRate, SegmentStarted
from engine.api.request import Modality, Request
from engine.api.sampling import Sampling
from engine.inspection.path_preview import PathPreview
from engine.inspection.probes import ProbeReadout
from engine.inspection.trace import Trace, TraceRecorder
from engine.media.token_text import TokenText
from tests.fake_embedding import embed
from tests.fake_forming import GRID, PATCH_PX, forming
from tests.fake_script import answers_to, blocks, completed, joined, sentence, spoken
from world.concepts import CONCEPTS
from world.palette import palette
from world.video.motion import FRAMES


class FakeLens:
    """Every code is a colour, and codes lie on a line."""

    words = TokenText()

    def pictures(self, codes: np.ndarray) -> np.ndarray:
        tiles = (codes[..., :3].astype(np.uint8) * 90).reshape(len(codes), GRID, GRID, 3)
        return tiles.repeat(PATCH_PX, 1).repeat(PATCH_PX, 2)

    def films(self, codes: np.ndarray) -> np.ndarray:
        frames = self.pictures(codes.reshape(-1, GRID * GRID, codes.shape[2]))
        return frames.reshape(len(codes), -1, *frames.shape[1:])

    def distances(self, modality: Modality, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        return np.abs(x.astype(np.float32) - y.astype(np.float32))

    def neighbours(
        self, modality: Modality, codebook: int, code: int, num: int
    ) -> tuple[np.ndarray, np.ndarray]:
        return np.arange(num) + code, np.arange(num, dtype=np.float32)


class Gate:
    """Holds generations after each event of one kind until a test lets them go on, so that a test
    can wait for what the page shows of that event without racing against the next."""

    def __init__(self, kind: type[Event]) -> None:
        self._kind = kind
        self._passes = threading.Semaphore(0)
        self._is_open = False

    def step(self, count: int = 1) -> None:
        """Let so many events pass."""
        self._passes.release(count)

    def open(self) -> None:
        """Let everything pass from now on."""
        self._is_open = True
        self._passes.release()

    def wait(self, event: Event) -> None:
        """Wait after an event of the gate's kind."""
        if isinstance(event, self._kind) and not self._is_open:
            self._passes.acquire()
            if self._is_open:
                self._passes.release()


class FakeEngine:
    """step_s: how long one step takes. broken: prompts containing this word crash it;
    "lose the device" is explained as the real engine does. hears: what everybody says; None is
    deaf and mute. films: whether it makes them and watches them. thinks: whether it thinks first
    where it is asked to. finds: whether it embeds, see `tests.fake_embedding`."""

    def __init__(
        self,
        step_s: float = 0.03,
        broken: str = "crash",
        *,
        hears: str | None = "hello there",
        films: bool = True,
        thinks: bool = True,
        finds: bool = False,
    ) -> None:
        self.step_s = step_s
        self.hears = hears
        self.films = films
        self.thinks = thinks
        self.finds = finds
        self.digest = "fake"
        self.broken = broken
        self.code_inspector = FakeLens()
        self.requests: list[Request] = []
        self.closed_after: list[int] = []
        """How many steps each generation had made when it ended, for whatever reason."""
        self._gate: Gate | None = None

    @contextmanager
    def gated(self, kind: type[Event]) -> Iterator[Gate]:
        """Hold every generation after each of its events of that kind; the gate opens at the end of
        the block."""
        self._gate = gate = Gate(kind)
        try:
            yield gate
        finally:
            self._gate = None
            gate.open()

    def info(self) -> dict[str, object]:
        return {
            "name": "fake",
            "device": "cpu",
            "dtype": "float32",
            "parameters": 13_400_000,
            "backbone_parameters": 10_100_000,
            "pictures_seen": 1_250_000,
            "date": "2026-11-21",
            "concepts": [concept.name for concept in CONCEPTS],
            "modalities": [str(m) for m in self.modalities],
            "hears_s": 8.0 if self.hears else 0.0,
            "thinks": self.thinks,
            "finds": self.finds,
            "believes": True,
            "facts": {"palette": palette()},
            "config": {"video_frames": FRAMES if self.films else 0},
        }

    @property
    def modalities(self) -> tuple[Modality, ...]:
        """What it can answer with."""
        sound = (Modality.AUDIO,) if self.hears else ()
        film = (Modality.VIDEO,) if self.films else ()
        return (Modality.TEXT, Modality.IMAGE, *sound, *film)

    def embed(self, items: Sequence[tuple[Part, ...]]) -> np.ndarray:
        if not self.finds:
            raise ValueError("this checkpoint was not trained to find things")
        return embed(items)

    def recorder(self) -> TraceRecorder:
        """Keeps the ids of the events; there are no pieces to read."""
        return TraceRecorder({"name": "fake", "digest": "0"}, TokenText())

    @property
    def inspector(self) -> "FakeEngine":
        return self

    def bits_per_code(self, request: Request, tokens: np.ndarray, modality: Modality) -> float:
        return 1.5

    def read_probes(self, trace: Trace, index: int) -> ProbeReadout | None:
        """A red car at the first place of every state of a picture or film."""
        states = trace.segments[index].arrays["x_t"]
        if trace.segments[index].modality not in (Modality.IMAGE, Modality.VIDEO):
            return None
        there = np.zeros(states.shape[:2], np.int64)
        there[:, 0] = 1
        sure = np.full(there.shape, 0.75, np.float32)
        return ProbeReadout(("", "car"), ("", "red"), there, there, sure)

    def path_preview(self, sampling: Sampling, modality: Modality) -> PathPreview:
        times, steps = np.linspace(0, 0.99, 20), np.linspace(0, 1, (sampling.steps or 16) + 1)
        share = times[None] ** (sampling.a or 1)
        changes = np.full((1, len(steps) - 1), 1 / len(steps))
        return PathPreview(times, 9 * share, share**4, share, steps, changes)

    def generate(
        self, request: Request, *, preview_hz: PreviewRate = 0.0, watch: int = 0
    ) -> Generator[Event]:
        """The events of `_events`, held at the gate where there is one."""
        with closing(self._events(request)) as events:
            for event in events:
                yield event
                if self._gate is not None:
                    self._gate.wait(event)

    def _events(self, request: Request) -> Generator[Event]:
        """A sentence for a question; a picture when asked to draw, a film when asked for one, or
        what `request.to` says."""
        start = time.perf_counter()
        if request.to is not None and request.to not in self.modalities:
            raise ValueError(f"this checkpoint cannot answer with {request.to}")
        request = completed(request)
        self.requests.append(request)
        heard: tuple[Answer, ...] = ()
        if request.listens:
            heard = (replace(sentence(str(self.hears)), heard=True),)
        text = request.conversation.turns[-1].parts[-1].text or str(self.hears)
        if request.think and not self.thinks:
            raise ValueError("this checkpoint does not think first: let it answer at once")
        if "refuse" in text:
            raise ValueError("this engine refuses the word 'refuse': leave it out")
        script = (*heard, *spoken(request, answers_to(request, text)))
        answers: list[Answer] = []
        steps = sounds = 0
        try:
            for segment, answer in enumerate(blocks(script)):
                yield SegmentStarted(
                    request,
                    segment,
                    answer.modality,
                    request.sampling.steps or 0,
                    time.perf_counter() - start,
                    int(answer.heard),
                )
                for event in forming(request, segment, answer, start, steps):
                    time.sleep(self.step_s)
                    if "lose the device" in text and event.index == 2:
                        raise DeviceError(OUT_OF_MEMORY)
                    if self.broken in text and event.index == 2:
                        raise RuntimeError("the fake engine crashed, as it was asked to")
                    steps += 1
                    yield event
                answers.append(answer)
                if answer.audio is not None:
                    elapsed_s = time.perf_counter() - start
                    sounds += 1
                    ends = tuple(0.5 * (i + 1) for i in range(2 * sounds))
                    yield AudioChunk(segment, answer.audio, answer.suggest, elapsed_s, ends)
            whole = joined(answers)
            yield Completed(request, whole, 2 * steps, time.perf_counter() - start)
        finally:
            self.closed_after.append(steps)
