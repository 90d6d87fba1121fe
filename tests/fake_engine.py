"""An engine without a model: scripted answers that form out of noise at a steady pace.

It keeps the real engine's contract (events, determinism by seed, stopping at a yield), so the page
is tested to its last byte without weights.
"""

import time
from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np

from engine.api.conversation import Part
from engine.api.errors import OUT_OF_MEMORY, DeviceError
from engine.api.events import Answer, AudioChunk, Completed, Event, SegmentStarted
from engine.api.request import Modality, Request
from engine.api.sampling import Sampling
from engine.inspection.path_preview import PathPreview
from engine.inspection.probes import ProbeReadout
from engine.inspection.trace import Trace, TraceRecorder
from engine.media.images import fitted
from engine.media.token_text import TokenText
from tests.fake_embedding import embed
from tests.fake_forming import GRID, PATCH_PX, forming
from world.concepts import BY_NAME, COLOURABLE, CONCEPTS, OBJECT_COLOURS
from world.image.scenes import CELLS as LATTICE
from world.image.scenes import IMAGE_PX, Background, Family, Item, Scene, render
from world.video.motion import FRAMES, SLIDES, Motion, VideoScene, render_video


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


NUM_CODEBOOKS, NUM_WORDS = 4, 24
COUNTS = {"two": 2, "three": 3, "four": 4}
MOTIONS = {
    "left": Motion.LEFT,
    "up": Motion.UP,
    "down": Motion.DOWN,
    "bouncing": Motion.BOUNCE,
    "spinning": Motion.SPIN,
    "appears": Motion.APPEAR,
}
CELLS = {
    1: ((2, 2),),
    2: ((0, 2), (4, 2)),
    3: ((0, 0), (4, 0), (2, 4)),
    4: ((0, 0), (4, 0), (0, 4), (4, 4)),
}


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
        self.lens = FakeLens()
        self.requests: list[Request] = []
        self.closed_after: list[int] = []
        """How many steps each generation had made when it ended, for whatever reason."""

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

    def surprise(self, request: Request, tokens: np.ndarray, modality: Modality) -> float:
        return 1.5

    def believed(self, trace: Trace, index: int) -> ProbeReadout | None:
        """A red car at the first place of every state of a picture or film."""
        states = trace.segments[index].arrays["x_t"]
        if trace.segments[index].modality not in (Modality.IMAGE, Modality.VIDEO):
            return None
        there = np.zeros(states.shape[:2], np.int64)
        there[:, 0] = 1
        sure = np.full(there.shape, 0.75, np.float32)
        return ProbeReadout(("", "car"), ("", "red"), there, there, sure)

    def preview(self, sampling: Sampling, modality: Modality) -> PathPreview:
        times, steps = np.linspace(0, 0.99, 20), np.linspace(0, 1, (sampling.steps or 16) + 1)
        share = times[None] ** (sampling.a or 1)
        changes = np.full((1, len(steps) - 1), 1 / len(steps))
        return PathPreview(times, 9 * share, share**4, share, steps, changes)

    def generate(self, request: Request, *, watch: int = 0) -> Iterator[Event]:
        """A sentence for a question; a picture when asked to draw, a film when asked for one, or
        what `request.to` says."""
        start = time.perf_counter()
        if request.to is not None and request.to not in self.modalities:
            raise ValueError(f"this checkpoint cannot answer with {request.to}")
        request = _complete(request)
        self.requests.append(request)
        heard: tuple[Answer, ...] = ()
        if request.listens:
            heard = (replace(_sentence(str(self.hears)), heard=True),)
        text = request.conversation.turns[-1].parts[-1].text or str(self.hears)
        if request.think and not self.thinks:
            raise ValueError("this checkpoint does not think first: let it answer at once")
        if "refuse" in text:
            raise ValueError("this engine refuses the word 'refuse': leave it out")
        script = (*heard, *_aloud(request, _script(request, text)))
        answers: list[Answer] = []
        steps = 0
        try:
            for segment, answer in enumerate(_blocks(script)):
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
                    last = answer.suggest
                    yield AudioChunk(segment, answer.audio, last, time.perf_counter() - start)
            whole = _joined(answers)
            yield Completed(request, whole, 2 * steps, time.perf_counter() - start)
        finally:
            self.closed_after.append(steps)


TONE_HZ, NUM_BLOCKS = 440, 3


def _aloud(request: Request, script: tuple[Answer, ...]) -> tuple[Answer, ...]:
    """The script, with a tone after its words where they are to be spoken."""
    if request.to is Modality.AUDIO:
        return (_tone(),)
    first, *others = script
    spoken = request.aloud and first.modality is Modality.TEXT
    return (first, *((_tone(),) if spoken else ()), *others)


def _tone() -> Answer:
    times = np.arange(16_000 * NUM_BLOCKS) / 16_000
    samples = (0.2 * np.sin(2 * np.pi * TONE_HZ * times)).astype(np.float32)
    return Answer(Modality.AUDIO, np.zeros((NUM_WORDS, 2), np.int64), audio=samples)


def _blocks(script: tuple[Answer, ...]) -> Iterator[Answer]:
    """A sound as its blocks, the last one marked; everything else as it is."""
    for answer in script:
        if answer.audio is None:
            yield answer
            continue
        pieces = np.split(answer.audio, NUM_BLOCKS)
        for i, piece in enumerate(pieces):
            yield replace(answer, audio=piece, suggest=i == NUM_BLOCKS - 1)


def _joined(answers: list[Answer]) -> tuple[Answer, ...]:
    found: list[Answer] = []
    for answer in answers:
        before = found[-1].audio if found else None
        if answer.audio is not None and before is not None:
            found.pop()
            answer = replace(answer, audio=np.concatenate([before, answer.audio]))
        found.append(replace(answer, suggest=answer.suggest and answer.audio is None))
    return tuple(found)


def _complete(request: Request) -> Request:
    old = request.sampling
    return replace(
        request,
        sampling=replace(
            old,
            steps=old.steps or 16,
            guidance_scale=3.0 if old.guidance_scale is None else old.guidance_scale,
            transition=old.transition or "midpoint",
        ),
    )


def _script(request: Request, text: str) -> tuple[Answer, ...]:
    words = set(text.lower().replace("?", "").split())
    seed = request.sampling.seed
    if request.pin is not None:
        made = (_sentence("here you go, look at it"), _picture(text, seed))
        return made[::-1] if request.pin.words == 0 else made
    if request.think:
        return (replace(_sentence("three"), thought="one, two, three"),)
    asked = [turn for turn in request.conversation.turns if turn.role == "user"]
    seen = [part for turn in asked for part in turn.parts if part.is_seen]
    shown = [part for part in asked[-1].parts if part.is_seen]
    if request.to is Modality.IMAGE:
        return (_picture(text, seed),)
    if request.to is Modality.VIDEO:
        return (_film(text, seed, shown[0].image if shown else None),)
    if "draw" in words:
        return _sentence("here is " + text.lower().partition("draw ")[2]), _picture(text, seed)
    if not shown and words & {"video", "film", "clip"}:
        return _sentence("here is your film"), _film(text, seed, None)
    if seen:
        kind = "picture" if seen[-1].video is None else "film"
        return (
            _sentence(f"I see a {kind}, and this is message {len(request.conversation.turns)}"),
        )
    if words & {"hello!", "hello", "hi", "can"}:
        return (_sentence("hello! I can draw small scenes and answer questions about pictures"),)
    return (
        replace(
            _sentence("I do not know about that, but I can draw animals and food"), suggest=True
        ),
    )


def _sentence(text: str) -> Answer:
    return Answer(Modality.TEXT, np.zeros((NUM_WORDS, 1), np.int64), text=text)


def _picture(text: str, seed: int) -> Answer:
    return Answer(
        Modality.IMAGE, np.zeros((GRID * GRID, NUM_CODEBOOKS), np.int64), image=draw(text, seed)
    )


def draw(text: str, seed: int) -> np.ndarray:
    """The things that the text names, uint8 "128 128 3"."""
    words = text.lower().split()
    things = _things(words, seed)
    if len(things) == 1:
        things *= next((n for w, n in COUNTS.items() if w in words), 1)
    cells = CELLS[min(len(things), 4) or 1]
    if "above" in words and len(things) == 2:
        cells = ((2, 0), (2, 4))
    items = tuple(
        Item(name, colour, "big", *cell)
        for (name, colour), cell in zip(things, cells, strict=False)
    )
    return render(Scene(Family.GROUP, _background(words), items))


def _things(words: list[str], seed: int) -> list[tuple[str, str | None]]:
    """The concepts that are named, with their colours; the seed gives one to those without."""
    singular = {c.plural: c.name for c in CONCEPTS} | {c.name: c.name for c in CONCEPTS}
    named = [(singular[w], words[i - 1] if i else "") for i, w in enumerate(words) if w in singular]
    default = sorted(OBJECT_COLOURS)[seed % 7]
    return [
        (name, (said if said in OBJECT_COLOURS else default) if name in COLOURABLE else None)
        for name, said in named
        if name in BY_NAME
    ]


def _background(words: list[str]) -> Background:
    place = next((p for p in ("night", "sea", "sky", "grass", "room") if p in words), None)
    return Background(place) if place else Background("plain", ("blue",))


def _film(text: str, seed: int, first: np.ndarray | None) -> Answer:
    frames = film(text, seed) if first is None else _slid(fitted(first, IMAGE_PX))
    return Answer(
        Modality.VIDEO, np.zeros((FRAMES * GRID * GRID, NUM_CODEBOOKS), np.int64), video=frames
    )


def film(text: str, seed: int) -> np.ndarray:
    """The first thing that the text names, moving as it says or to the right, uint8
    "8 128 128 3"."""
    words = text.lower().split()
    name, colour = (_things(words, seed) or [("circle", "red")])[0]
    motion = next((m for w, m in MOTIONS.items() if w in words), Motion.RIGHT)
    right, down = SLIDES.get(motion, (0, 0))
    middle = (LATTICE - 4) // 2
    starts = {-1: LATTICE - 4, 0: middle, 1: 0}
    row = LATTICE - 4 if motion is Motion.BOUNCE else starts[down]
    mover = Item(name, colour, "big", starts[right], row)
    return render_video(VideoScene(_background(words), (mover,), motion, cells=LATTICE - 4))


def _slid(picture: np.ndarray) -> np.ndarray:
    """A film that begins with a picture, which goes out to the right."""
    return np.stack([np.roll(picture, i * PATCH_PX, axis=1) for i in range(FRAMES)])
