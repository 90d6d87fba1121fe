"""A smoke test of a checkpoint: every pair of input and output, once, in a few steps.

For converted or downloaded weights. It checks no quality: an answer must stream, have the right
shape, repeat exactly, and stop on request. Owns: the pairs and their checks.
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
from evaluation.result import AUTO
from flow.modality import Modality
from model.config import OmniConfig
from model.tokenizers.audio import POSITIONS_A_SECOND
from model.tokenizers.whisper_encoder import SAMPLE_RATE
from world.image.rendering import render
from world.image.scenes import sample_scene
from world.video.motion import Motion, render_video, sample_video

STEPS = 4
"""The default steps of a run, enough to observe refinement."""
NOTHING: Mapping[str, str] = {}
SOUND_HZ, SOUND_S = 440.0, 1.0


class Streaming(Protocol):
    """The part of an engine under test; `engine.engine.Engine` fits it."""

    model: Any

    def generate(self, request: Request) -> Generator[Event]:
        """Yield the events of one answer."""
        ...

    def embed(self, items: Sequence[tuple[Part, ...]]) -> np.ndarray:
        """Return unit vectors "N D"."""
        ...


@dataclass(frozen=True)
class CheckResult:
    """The result of one pair. trouble: the error, or "". first_s, seconds: until the first
    refinement and until the end, the second time; steps: of all segments of the answer."""

    way: str
    trouble: str
    first_s: float = 0.0
    seconds: float = 0.0
    steps: int = 0

    @property
    def works(self) -> bool:
        return not self.trouble


def smoke(
    engine: Streaming, sampling: Sampling, on_check: Callable[[str], None]
) -> list[CheckResult]:
    """Check every pair that the checkpoint's config supports; on_check gets each name before its
    run."""
    tried: list[CheckResult] = []
    for name, request in ways(engine, sampling).items():
        on_check(name)
        tried.append(_tried(engine, name, request))
    if engine.model.config.has_embedding:
        on_check("to be found")
        tried.append(_found(engine))
    return tried


def ways(engine: Streaming, sampling: Sampling) -> Mapping[str, Request]:
    """Return one request for each pair of an input and an output modality, by name."""
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
    """Return modality -> reason for those with codes in the vocabulary but no tokenizer."""
    return {str(modality): why for modality, why in engine.model.config.missing.items()}


def _leads(config: OmniConfig, taken: Modality, made: Modality) -> bool:
    """Return whether the config supports a pair; with separate tasks text leads everywhere, other
    inputs to text or to an edit."""
    changes = config.edits and taken is made is Modality.IMAGE
    return config.dialogue.tasks is None or Modality.TEXT in (taken, made) or changes


def _messages(config: OmniConfig) -> dict[Modality, Conversation]:
    """Return one message of each modality; audio no longer than the checkpoint's limit."""
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


def _tried(engine: Streaming, way: str, request: Request) -> CheckResult:
    """Run a request twice to the end, and once until its first step."""
    try:
        first, _, _ = _run(engine, request)
        again, first_s, steps = _run(engine, request)
        with closing(engine.generate(request)) as events:
            next((e for e in events if isinstance(e, Refined)), None)
    except (ValueError, RuntimeError, AssertionError) as error:
        return CheckResult(way, f"{type(error).__name__}: {error}")
    trouble = _trouble(request, first, steps)
    if not trouble and not _same(first, again):
        trouble = "the same request gave another answer"
    return CheckResult(way, trouble, first_s, again.elapsed_s if again else 0.0, steps)


def _run(engine: Streaming, request: Request) -> tuple[Completed | None, float, int]:
    """Return the last event, the seconds to the first step, and the number of steps."""
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


def _found(engine: Streaming) -> CheckResult:
    started = time.perf_counter()
    vector = engine.embed([(Part(text="a red heart"),)])[0]
    long = float(np.linalg.norm(vector))
    trouble = "" if abs(long - 1) < 1e-2 else f"its vector has the length {long:.3f}, not 1"
    return CheckResult("to be found", trouble, seconds=time.perf_counter() - started)


def table(tried: Sequence[CheckResult], lacking: Mapping[str, str] = NOTHING) -> str:
    """Return the table as text: a line a pair, and one a modality that was not checked."""
    lines = [f"{'way':16} {'first':>7} {'all':>7} {'steps':>5}"]
    for t in tried:
        figures = f"{t.first_s:6.2f}s {t.seconds:6.2f}s {t.steps:5}"
        lines.append(f"{t.way:16} {figures if t.works else t.trouble}")
    lines += [f"{modality:16} not tried: {why}" for modality, why in lacking.items()]
    return "\n".join(lines)


def to_json(
    tried: Sequence[CheckResult],
    checkpoint: str,
    weights: str = AUTO,
    lacking: Mapping[str, str] = NOTHING,
) -> str:
    """Return one line of JSON. works: all checks passed; not_tried: modality -> reason."""
    works = all(t.works for t in tried)
    whole = {"checkpoint": checkpoint, "weights": weights, "works": works, "not_tried": {**lacking}}
    return json.dumps({**whole, "ways": [asdict(t) for t in tried]})
