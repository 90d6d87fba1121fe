"""How the suites of hearing and speaking ask: an engine that has sound, transcripts, recordings,
and how soon it sounds.

Beside `evaluation.answers`, which asks for words and pictures.
"""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch

from engine.api.conversation import Conversation
from engine.api.events import Answer, AudioChunk, Event
from engine.api.request import Request
from engine.api.sampling import Sampling
from evaluation.answers import Answerer, ask, seeded, words_of
from flow.modality import Modality
from world.audio.speech import Clip
from world.audio.voices import SAMPLE_RATE

SILENT = np.zeros(0, np.float32)
MOST_STREAMED = 6
"""Answers that are streamed in order to time them; the first one warms up and does not count."""


class Talker(Answerer, Protocol):
    """The part of an engine that these suites need; `engine.engine.Engine` fits it."""

    @property
    def hears_s(self) -> float:
        """Seconds of sound in one message; 0 where there is no sound."""
        ...

    def generate(self, request: Request) -> Iterator[Event]:
        """The events of one answer."""
        ...


def need_sound(engine: Talker) -> None:
    """Raises: ValueError where the checkpoint has no sound."""
    if engine.hears_s == 0:
        raise ValueError(
            "this checkpoint neither hears nor speaks: choose one that was trained with sound"
        )


def written_down(engine: Talker, clips: Sequence[Clip], sampling: Sampling) -> list[str]:
    """What the model writes down of each clip; clip i with seed sampling.seed + i."""
    requests = [
        Request(Conversation.write_down(c.samples), Modality.TEXT, seeded(sampling, i))
        for i, c in enumerate(clips)
    ]
    return [words_of(answers) for answers in ask(engine, requests, "write down")]


def sound_of(answers: Sequence[Answer]) -> np.ndarray:
    """The first sound of an answer, float32 "N" at 16 kHz; nothing where it has none."""
    return next((a.audio for a in answers if a.audio is not None), SILENT)


def sound_round_trip(engine: Talker, samples: np.ndarray) -> np.ndarray:
    """decode(encode(samples)), as long as they are."""
    tokenizer = engine.model.audio
    with torch.inference_mode():
        codes = tokenizer.encode(torch.from_numpy(samples)[None].to(engine.device))
        return tokenizer.decode(codes)[0, : len(samples)].cpu().numpy()


@dataclass(frozen=True)
class Timed:
    """Seconds from a request to its first sound, and to its end; seconds of sound."""

    first_s: float
    all_s: float
    sound_s: float


def speed(engine: Talker, requests: Sequence[Request]) -> dict[str, float]:
    """first_sound_s and rtf of requests that are streamed one by one, the first one (where there
    are more) uncounted; left out where nothing sounds."""
    timed = [_timed(engine, request) for request in requests]
    counted = [t for t in timed[1:] or timed if t.sound_s > 0]
    if not counted:
        return {}
    computed_s, sound_s = sum(t.all_s for t in counted), sum(t.sound_s for t in counted)
    first_s = float(np.median([t.first_s for t in counted]))
    return {"first_sound_s": first_s, "rtf": computed_s / sound_s}


def _timed(engine: Talker, request: Request) -> Timed:
    started_s, first_s, samples = time.monotonic(), 0.0, 0
    for event in engine.generate(request):
        if isinstance(event, AudioChunk) and len(event.samples):
            if samples == 0:
                first_s = time.monotonic() - started_s
            samples += len(event.samples)
    return Timed(first_s, time.monotonic() - started_s, samples / SAMPLE_RATE)
