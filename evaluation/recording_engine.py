"""An engine that records its requests and answers, as the source of examples.

`evaluation.answers.generate_answers` hands over requests with their answers, and
`evaluation.answers.record_verdicts` the verdicts of suites that judge each answer. Owns:
`RecordingEngine`, `Group` and the choice of examples: the first ones in the order of their seeds,
never by eye. Does not own: their markup (`evaluation.report.examples`).
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from engine.api.events import Answer, Event
from engine.api.request import Request
from engine.engine import Engine

FEW, EACH, EACH_OF_FEW = 4, 2, 4
"""The number of right, and of wrong, answers kept of a group: `EACH_OF_FEW` where a suite has at
most `FEW` groups, else `EACH`."""


@dataclass(frozen=True)
class Example:
    """One request and its answer. right: the suite's own verdict, None where it gave none."""

    request: Request
    answers: tuple[Answer, ...]
    right: bool | None


@dataclass(frozen=True)
class Group:
    """Requests of one name. num: their number; num_right: the number of right answers, None where
    each was not judged. examples: the first ones by seed."""

    what: str
    num: int
    num_right: int | None
    examples: tuple[Example, ...]


class RecordingEngine:
    """A wrapper of an engine that records the requests since the last `take_groups`."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self._groups: list[_Open] = []

    @property
    def model(self) -> Any:
        return self.engine.model

    @property
    def facts(self) -> Mapping[str, Any]:
        return self.engine.facts

    @property
    def device(self) -> Any:
        return self.engine.device

    @property
    def max_audio_s(self) -> float:
        return self.engine.max_audio_s

    def generate_batch(self, requests: Sequence[Request]) -> list[tuple[Answer, ...]]:
        """Return the answers of the engine."""
        return self.engine.generate_batch(requests)

    def generate(self, request: Request) -> Iterator[Event]:
        """Yield the events of the engine; they are not recorded."""
        return self.engine.generate(request)

    def record(
        self, what: str, requests: Sequence[Request], answers: Sequence[tuple[Answer, ...]]
    ) -> None:
        """Record a group of requests with one answer each."""
        self._groups.append(_Open(what, list(requests), list(answers)))

    def judge(self, what: str, right: Sequence[bool]) -> None:
        """Record the verdicts of the last group of that name, one for each request."""
        group = next(g for g in reversed(self._groups) if g.what == what)
        assert len(right) == len(group.requests), what
        group.right = [bool(r) for r in right]

    def take_groups(self) -> tuple[Group, ...]:
        """Return the recorded groups, cut to a few examples each, and clear the record."""
        groups, self._groups = self._groups, []
        each = EACH_OF_FEW if len(groups) <= FEW else EACH
        return tuple(group.cut(each) for group in groups)


@dataclass
class _Open:
    """A group while its suite runs."""

    what: str
    requests: list[Request]
    answers: list[tuple[Answer, ...]]
    right: list[bool] | None = None

    def cut(self, each: int) -> Group:
        """Keep the first `each` right and the first `each` wrong; the first 2 each of unjudged
        ones."""
        num = len(self.requests)
        verdicts: Sequence[bool | None] = self.right if self.right is not None else [None] * num
        rows = [Example(*row) for row in zip(self.requests, self.answers, verdicts, strict=True)]
        kinds = (None,) if self.right is None else (True, False)
        most = each * 2 if self.right is None else each
        kept = [e for kind in kinds for e in [e for e in rows if e.right is kind][:most]]
        return Group(self.what, num, None if self.right is None else sum(self.right), tuple(kept))
