"""Does a checkpoint run? Every way from what it takes to what it makes, once, in a few steps.

For weights that were converted or fetched: not whether an answer is good, but whether it comes,
step by step, in the right shape, again the same, and stops when it is told to. Owns: the ways that
are tried and what is asked of each.
"""

import json
import time
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass
from typing import Any, Protocol

import numpy as np

from engine.api.conversation import Conversation, Part
from engine.api.events import Completed, Event, Refined
from engine.api.request import Request
from engine.api.sampling import Sampling
from evaluation.report.result import AUTO
from flow.modality import Modality
from model.config import OmniConfig
from model.tokenizers.audio import POSITIONS_A_SECOND
from model.tokenizers.whisper_encoder import SAMPLE_RATE
from world.image.scenes import render, sample_scene
from world.video.motion import Motion, render_video, sample_video

STEPS = 4
"""Of each run, unless told otherwise; enough to see it refine."""
NOTHING: Mapping[str, str] = {}
SOUND_HZ, SOUND_S = 440.0, 1.0


class Streaming(Protocol):
    """The part of an engine that is tried; `engine.engine.Engine` fits it."""

    model: Any

    def generate(self, request: Request) -> Generator[Event]:
        """The events of one answer."""
        ...

    def embed(self, items: Sequence[tuple[Part, ...]]) -> np.ndarray:
        """Unit vectors "N D"."""
        ...


@dataclass(frozen=True)
class Tried:
    """One way. trouble: why it does not work, "" where it does. first_s, seconds: until the first
    refinement and until the end, the second time; steps: of all segments of the answer."""

    way: str
    trouble: str
    first_s: float = 0.0
    seconds: float = 0.0
    steps: int = 0

    @property
    def works(self) -> bool:
        return not self.trouble


def smoke(engine: Streaming, sampling: Sampling, told: Callable[[str], None]) -> list[Tried]:
    """Every way that the checkpoint's config promises, in turn; each name is told before it is
    tried."""
    tried: list[Tried] = []
    for name, request in ways(engine, sampling).items():
        told(name)
        tried.append(_tried(engine, name, request))
    if engine.model.config.has_embedding:
        told("to be found")
        tried.append(_found(engine))
    return tried


def ways(engine: Streaming, sampling: Sampling) -> Mapping[str, Request]:
    """From each modality that can be part of a message to each that can be made."""
    config, spaces, media = engine.model.config, engine.model.spaces, engine.model.config.media
    makes = (Modality.TEXT, *(m for m in media if m in spaces))
    return {
        f"{taken} to {made}": Request(conversation, made, sampling)
        for taken, conversation in _messages(config).items()
        if taken in spaces
        for made in makes
        if _leads(config, taken, made)
    }


def not_tried(engine: Streaming) -> Mapping[str, str]:
    """By modality, why nothing of it is tried that the checkpoint's vocabulary has codes of."""
    return {str(modality): why for modality, why in engine.model.config.missing.items()}


def _leads(config: OmniConfig, taken: Modality, made: Modality) -> bool:
    """Whether a message with that is answered with this; where each has a task of its own, words
    lead everywhere, and all else to words or to what it changes."""
    changes = config.edits and taken is made is Modality.IMAGE
    return config.dialogue.tasks is None or Modality.TEXT in (taken, made) or changes


def _messages(config: OmniConfig) -> dict[Modality, Conversation]:
    """One message of each modality; the sound no longer than the checkpoint hears."""
    rng = np.random.default_rng(0)
    heard_s = config.audio_length / POSITIONS_A_SECOND
    times = np.arange(int(SAMPLE_RATE * min(SOUND_S, heard_s))) / SAMPLE_RATE
    tone = (0.3 * np.sin(2 * np.pi * SOUND_HZ * times)).astype(np.float32)
    film = render_video(sample_video(rng, test=False, motion=Motion.RIGHT))
    picture = render(sample_scene(rng, test=False))
    return {
        Modality.TEXT: Conversation.ask("a red heart"),
        Modality.IMAGE: Conversation.ask("what is this?", image=picture),
        Modality.AUDIO: Conversation.ask("what is this?", audio=tone),
        Modality.VIDEO: Conversation.ask("what happens here?", video=film),
    }


def _tried(engine: Streaming, way: str, request: Request) -> Tried:
    """Once to the end, once more, and once stopped after its first step."""
    try:
        first, _, _ = _run(engine, request)
        again, first_s, steps = _run(engine, request)
        with closing(engine.generate(request)) as events:
            next((e for e in events if isinstance(e, Refined)), None)
    except (ValueError, RuntimeError, AssertionError) as error:
        return Tried(way, f"{type(error).__name__}: {error}")
    trouble = _trouble(request, first, steps)
    if not trouble and not _same(first, again):
        trouble = "the same request gave another answer"
    return Tried(way, trouble, first_s, again.elapsed_s if again else 0.0, steps)


def _run(engine: Streaming, request: Request) -> tuple[Completed | None, float, int]:
    """How it ended, the seconds to its first step, and its steps."""
    first_s, steps = 0.0, 0
    completed: Completed | None = None
    for event in engine.generate(request):
        if isinstance(event, Refined):
            first_s = first_s or event.elapsed_s
            steps += 1
        elif isinstance(event, Completed):
            completed = event
    return completed, first_s, steps


def _trouble(request: Request, completed: Completed | None, steps: int) -> str:
    if completed is None:
        return "the events ended without an answer"
    if not steps:
        return "no step was seen"
    if not any(answer.modality is request.to for answer in completed.answers):
        return f"no {request.to} is in the answer"
    for answer in completed.answers:
        pixels = answer.image if answer.video is None else answer.video
        if pixels is not None and pixels.shape[-1] != 3:
            return f"a picture has the shape {pixels.shape}"
        if answer.audio is not None and not np.isfinite(answer.audio).all():
            return "the sound has samples that are no numbers"
    return ""


def _same(one: Completed | None, other: Completed | None) -> bool:
    if one is None or other is None or len(one.answers) != len(other.answers):
        return False
    pairs = zip(one.answers, other.answers, strict=True)
    return all(np.array_equal(a.tokens, b.tokens) for a, b in pairs)


def _found(engine: Streaming) -> Tried:
    started = time.perf_counter()
    vector = engine.embed([(Part(text="a red heart"),)])[0]
    long = float(np.linalg.norm(vector))
    trouble = "" if abs(long - 1) < 1e-2 else f"its vector has the length {long:.3f}, not 1"
    return Tried("to be found", trouble, seconds=time.perf_counter() - started)


def table(tried: Sequence[Tried], lacking: Mapping[str, str] = NOTHING) -> str:
    """A line a way, and one for all that is not tried of a modality."""
    lines = [f"{'way':16} {'first':>7} {'all':>7} {'steps':>5}"]
    for t in tried:
        figures = f"{t.first_s:6.2f}s {t.seconds:6.2f}s {t.steps:5}"
        lines.append(f"{t.way:16} {figures if t.works else t.trouble}")
    lines += [f"{modality:16} not tried: {why}" for modality, why in lacking.items()]
    return "\n".join(lines)


def to_json(
    tried: Sequence[Tried],
    checkpoint: str,
    weights: str = AUTO,
    lacking: Mapping[str, str] = NOTHING,
) -> str:
    """One line. works: whether all that was tried does; not_tried: what was not, and why."""
    works = all(t.works for t in tried)
    whole = {"checkpoint": checkpoint, "weights": weights, "works": works, "not_tried": {**lacking}}
    return json.dumps({**whole, "ways": [asdict(t) for t in tried]})
