"""The client side of the audio suites: transcripts, generated audio, codec round trips, latency.

Extends `evaluation.answers`, which covers text and images.
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
from evaluation.answers import AnswerEngine, generate_answers, seeded, text_of
from flow.modality import Modality
from world.audio.speech import Clip
from world.audio.voices import SAMPLE_RATE

SILENT = np.zeros(0, np.float32)
MOST_STREAMED = 6
"""Answers streamed for timing; the first one is a warm-up and does not count."""


class SpeechEngine(AnswerEngine, Protocol):
    """The part of an engine that the audio suites need; `engine.engine.Engine` fits it."""

    @property
    def max_audio_s(self) -> float:
        """Return the seconds of audio in one message; 0 without audio."""
        ...

    def generate(self, request: Request) -> Iterator[Event]:
        """Yield the events of one answer."""
        ...


def require_audio(engine: SpeechEngine) -> None:
    """Require audio. Raises: ValueError where the checkpoint has none."""
    if engine.max_audio_s == 0:
        raise ValueError(
            "this checkpoint neither hears nor speaks: choose one that was trained with sound"
        )


def transcribe(engine: SpeechEngine, clips: Sequence[Clip], sampling: Sampling) -> list[str]:
    """Return the model's transcript of each clip; clip i has seed sampling.seed + i."""
    requests = [
        Request(Conversation.write_down(c.samples), Modality.TEXT, seeded(sampling, i))
        for i, c in enumerate(clips)
    ]
    return [text_of(answers) for answers in generate_answers(engine, requests, "write down")]


def audio_of(answers: Sequence[Answer]) -> np.ndarray:
    """Return the first audio of an answer, float32 "N" at 16 kHz; empty where it has none."""
    return next((a.audio for a in answers if a.audio is not None), SILENT)


def sound_round_trip(engine: SpeechEngine, samples: np.ndarray) -> np.ndarray:
    """Return decode(encode(samples)), cut to their length."""
    tokenizer = engine.model.audio
    with torch.inference_mode():
        codes = tokenizer.encode(torch.from_numpy(samples)[None].to(engine.device))
        return tokenizer.decode(codes)[0, : len(samples)].cpu().numpy()


@dataclass(frozen=True)
class Latency:
    """Seconds from a request to its first audio, and to its end; seconds of audio."""

    first_s: float
    all_s: float
    sound_s: float


def latency_metrics(engine: SpeechEngine, requests: Sequence[Request]) -> dict[str, float]:
    """Return first_sound_s (median) and rtf of requests streamed one by one. The first of several
    is a warm-up; nothing is returned where no answer has audio."""
    timed = [_timed(engine, request) for request in requests]
    counted = [t for t in timed[1:] or timed if t.sound_s > 0]
    if not counted:
        return {}
    computed_s, sound_s = sum(t.all_s for t in counted), sum(t.sound_s for t in counted)
    first_s = float(np.median([t.first_s for t in counted]))
    return {"first_sound_s": first_s, "rtf": computed_s / sound_s}


def _timed(engine: SpeechEngine, request: Request) -> Latency:
    started_s, first_s, samples = time.monotonic(), 0.0, 0
    for event in engine.generate(request):
        if isinstance(event, AudioChunk) and len(event.samples):
            if samples == 0:
                first_s = time.monotonic() - started_s
            samples += len(event.samples)
    return Latency(first_s, time.monotonic() - started_s, samples / SAMPLE_RATE)
