"""An engine that remembers what it was asked and what it answered, so that examples can be shown.

A suite asks as ever; `evaluation.answers.ask` hands over the requests with their answers, and
`evaluation.answers.tell` the verdicts, where the suite has one for each. Owns: `RecordingEngine`,
`Group` and which examples are kept: the first ones in the order of their seeds, never chosen by
eye. Does not own: how they are shown (`evaluation.report.examples`).
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from engine.api.events import Answer, Event
from engine.api.request import Request
from engine.engine import Engine

FEW, EACH, EACH_OF_FEW = 4, 2, 4
"""Of every group so many right and so many wrong answers are kept, more where a suite has at most
`FEW` groups."""


@dataclass(frozen=True)
class Example:
    """One request and its answer. right: the suite's own verdict, None where it gave none."""

    request: Request
    answers: tuple[Answer, ...]
    right: bool | None


@dataclass(frozen=True)
class Group:
    """Requests that were asked together under one name. num: how many; num_right: how many were
    right, None where nobody judged each. examples: the first ones, by their seeds."""

    what: str
    num: int
    num_right: int | None
    examples: tuple[Example, ...]


class RecordingEngine:
    """An engine seen from outside, and what a suite asked it since `taken` was called last."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self._groups: list[_Open] = []

    @property
    def model(self) -> Any:
        return self.engine.model

    @property
    def device(self) -> Any:
        return self.engine.device

    @property
    def hears_s(self) -> float:
        return self.engine.hears_s

    def generate_batch(self, requests: Sequence[Request]) -> list[tuple[Answer, ...]]:
        """The answers of the engine."""
        return self.engine.generate_batch(requests)

    def generate(self, request: Request) -> Iterator[Event]:
        """The events of the engine; they are not remembered."""
        return self.engine.generate(request)

    def remember(
        self, what: str, requests: Sequence[Request], answers: Sequence[tuple[Answer, ...]]
    ) -> None:
        """Keeps a group of requests with one answer each."""
        self._groups.append(_Open(what, list(requests), list(answers)))

    def judge(self, what: str, right: Sequence[bool]) -> None:
        """Keeps the verdicts of the last group under that name, one for each request."""
        group = next(g for g in reversed(self._groups) if g.what == what)
        assert len(right) == len(group.requests), what
        group.right = [bool(r) for r in right]

    def taken(self) -> tuple[Group, ...]:
        """What was asked, cut down to a few examples of each group, and forgotten."""
        groups, self._groups = self._groups, []
        each = EACH_OF_FEW if len(groups) <= FEW else EACH
        return tuple(group.cut(each) for group in groups)


@dataclass
class _Open:
    """A group as long as its suite runs."""

    what: str
    requests: list[Request]
    answers: list[tuple[Answer, ...]]
    right: list[bool] | None = None

    def cut(self, each: int) -> Group:
        """The first `each` right and the first `each` wrong; the first 2 each where nobody
        judged."""
        num = len(self.requests)
        verdicts: Sequence[bool | None] = self.right if self.right is not None else [None] * num
        rows = [Example(*row) for row in zip(self.requests, self.answers, verdicts, strict=True)]
        kinds = (None,) if self.right is None else (True, False)
        most = each * 2 if self.right is None else each
        kept = [e for kind in kinds for e in [e for e in rows if e.right is kind][:most]]
        return Group(self.what, num, None if self.right is None else sum(self.right), tuple(kept))
