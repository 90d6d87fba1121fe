"""The client side of the suites: an engine as a protocol, batched requests, normalised answers."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Protocol, runtime_checkable

import numpy as np
from tqdm import tqdm

from engine.api.events import Answer
from engine.api.request import Request
from engine.api.sampling import Sampling

BATCH = 24


class AnswerEngine(Protocol):
    """The part of an engine that a suite needs; `engine.engine.Engine` fits it."""

    model: Any
    device: Any

    @property
    def facts(self) -> Mapping[str, Any]:
        """Return how its checkpoint was made."""
        ...

    def generate_batch(self, requests: Sequence[Request]) -> list[tuple[Answer, ...]]:
        """Return the answers of each request, in order."""
        ...


@runtime_checkable
class RequestRecorder(Protocol):
    """An engine that records its requests; `evaluation.recording_engine.RecordingEngine`
    fits it."""

    def record(
        self, what: str, requests: Sequence[Request], answers: Sequence[tuple[Answer, ...]]
    ) -> None:
        """Record requests under a name, with an answer each."""
        ...

    def judge(self, what: str, right: Sequence[bool]) -> None:
        """Record whether each answer is right."""
        ...


def generate_answers(
    engine: AnswerEngine, requests: Sequence[Request], what: str
) -> list[tuple[Answer, ...]]:
    """Return all answers in order, `BATCH` requests at a time; progress goes to stderr under that
    name."""
    answers: list[tuple[Answer, ...]] = []
    with tqdm(total=len(requests), desc=what) as bar:
        for start in range(0, len(requests), BATCH):
            batch = requests[start : start + BATCH]
            answers += engine.generate_batch(batch)
            bar.update(len(batch))
    if isinstance(engine, RequestRecorder):
        engine.record(what, requests, answers)
    return answers


def record_verdicts(engine: AnswerEngine, what: str, right: Iterable[bool]) -> None:
    """Give a recording engine the verdict on each answer to the requests of that name."""
    if isinstance(engine, RequestRecorder):
        engine.judge(what, list(right))


def image_of(answers: Sequence[Answer]) -> np.ndarray | None:
    """Return the first image of an answer, uint8 "H W 3", or None."""
    return next((a.image for a in answers if a.image is not None), None)


def text_of(answers: Sequence[Answer]) -> str:
    """Return the text of an answer, see `plain`."""
    return plain(" ".join(a.text for a in answers if a.text))


def plain(text: str) -> str:
    """Normalise text: lower case, single spaces, no full stop or exclamation mark at the end."""
    return " ".join(text.lower().split()).rstrip(".!").rstrip()


def seeded(sampling: Sampling, number: int) -> Sampling:
    """Return the settings of request `number`: the seed is offset by it."""
    return replace(sampling, seed=sampling.seed + number)
