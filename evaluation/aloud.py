"""How the suites of hearing and speaking ask: an engine that has sound, transcripts, recordings.

Beside `evaluation.answers`, which asks for words and pictures.
"""

from collections.abc import Iterator, Sequence
from typing import Protocol

import numpy as np
import torch

from engine.events import Answer, Event
from engine.request import Conversation, Request, Sampling
from evaluation.answers import Answerer, ask, seeded, words_of
from flow.modality import Modality
from world.speech import Clip

SILENT = np.zeros(0, np.float32)


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
