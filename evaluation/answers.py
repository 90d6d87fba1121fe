"""How the suites ask: an engine seen from outside, batches with a progress bar, plain answers."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any, Protocol, runtime_checkable

import numpy as np
from tqdm import tqdm

from engine.api.events import Answer
from engine.api.request import Request
from engine.api.sampling import Sampling

BATCH = 24


class Answerer(Protocol):
    """The part of an engine that an evaluation needs; `engine.engine.Engine` fits it."""

    model: Any
    device: Any

    def generate_batch(self, requests: Sequence[Request]) -> list[tuple[Answer, ...]]:
        """The answers of each request, in order."""
        ...


@runtime_checkable
class Remembering(Protocol):
    """An engine that keeps what it was asked; `evaluation.report.recording_engine.RecordingEngine`
    fits it."""

    def remember(
        self, what: str, requests: Sequence[Request], answers: Sequence[tuple[Answer, ...]]
    ) -> None:
        """Keeps requests under a name, with an answer each."""
        ...

    def judge(self, what: str, right: Sequence[bool]) -> None:
        """Keeps whether each of them was answered right."""
        ...


def ask(engine: Answerer, requests: Sequence[Request], what: str) -> list[tuple[Answer, ...]]:
    """All answers in order, `BATCH` requests at a time; progress goes to stderr under that name."""
    answers: list[tuple[Answer, ...]] = []
    with tqdm(total=len(requests), desc=what) as bar:
        for start in range(0, len(requests), BATCH):
            batch = requests[start : start + BATCH]
            answers += engine.generate_batch(batch)
            bar.update(len(batch))
    if isinstance(engine, Remembering):
        engine.remember(what, requests, answers)
    return answers


def tell(engine: Answerer, what: str, right: Iterable[bool]) -> None:
    """Lets an engine that remembers know whether each answer that was asked for under that name is
    right; nothing else happens."""
    if isinstance(engine, Remembering):
        engine.judge(what, list(right))


def picture_of(answers: Sequence[Answer]) -> np.ndarray | None:
    """The first picture of an answer, uint8 "H W 3", or None."""
    return next((a.image for a in answers if a.image is not None), None)


def words_of(answers: Sequence[Answer]) -> str:
    """The words of an answer, see `plain`."""
    return plain(" ".join(a.text for a in answers if a.text))


def plain(text: str) -> str:
    """Lower case, single spaces, without a full stop or exclamation mark at the end."""
    return " ".join(text.lower().split()).rstrip(".!").rstrip()


def seeded(sampling: Sampling, number: int) -> Sampling:
    """The settings of request `number`."""
    return replace(sampling, seed=sampling.seed + number)
