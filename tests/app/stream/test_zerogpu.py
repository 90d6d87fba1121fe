"""Nothing touches a GPU that a Space lends per call outside of such a call."""

from collections.abc import Callable, Iterator
from inspect import isgeneratorfunction
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from app.session import Session
from app.stream import zerogpu
from app.stream.zerogpu import on_worker, seconds_needed
from engine.api.conversation import Conversation, Part
from engine.api.request import Modality, Request
from engine.api.sampling import Sampling
from tests.fake_engine import FakeEngine


class Worker:
    """Stands in for the package `spaces`: says whether a call is inside a decorated one."""

    def __init__(self) -> None:
        self.lent = False
        self.limits: list[object] = []

    def GPU(  # noqa: N802
        self, *, duration: object
    ) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
        def decorate(call: Callable[..., Any]) -> Callable[..., Any]:
            def stream(*given: Any, **named: Any) -> Iterator[Any]:
                self.limits.append(duration)
                self.lent = True
                yield from call(*given, **named)
                self.lent = False

            def plain(*given: Any, **named: Any) -> Any:
                self.limits.append(duration)
                self.lent = True
                found = call(*given, **named)
                self.lent = False
                return found

            return stream if isgeneratorfunction(call) else plain

        return decorate


class OnlyLent(FakeEngine):
    """An engine that may be used while a GPU is lent, and at no other time."""

    def __init__(self, worker: Worker) -> None:
        self._worker = worker
        super().__init__(step_s=0)
        self.finds = True

    def _used(self, name: str, found: Any) -> Any:
        def call(*given: Any, **named: Any) -> Any:
            assert self._worker.lent, f"{name} touches the GPU outside of a call"
            return found(*given, **named) if callable(found) else found

        return call

    def __getattribute__(self, name: str) -> Any:
        found = super().__getattribute__(name)
        if name in ("embed", "generate", "info"):
            return self._used(name, found)
        if name == "code_inspector":
            touching = ("pictures", "films", "distances", "neighbours")
            return SimpleNamespace(
                words=found.words, **{n: self._used(n, getattr(found, n)) for n in touching}
            )
        if name == "inspector":
            asked = ("bits_per_code", "read_probes", "path_preview")
            return SimpleNamespace(**{n: self._used(n, f"what {n} found") for n in asked})
        return found


@pytest.fixture
def worker(monkeypatch: pytest.MonkeyPatch) -> Worker:
    found = Worker()
    monkeypatch.setattr(zerogpu, "spaces", found)
    monkeypatch.setattr(zerogpu, "Config", SimpleNamespace(zero_gpu=True))
    return found


def test_whatever_touches_the_gpu_runs_on_a_worker(worker: Worker) -> None:
    engine = on_worker(OnlyLent(worker))
    request = Request(Conversation.ask("a dog"), Modality.IMAGE, Sampling(steps=2))
    assert len(list(engine.generate(request))) > 2
    assert worker.limits[-1] is seconds_needed
    codes = np.zeros((1, 64, 4), np.int64)
    engine.code_inspector.pictures(codes)
    engine.embed([(Part(text="a dog"),)])
    found = engine.inspector.bits_per_code(request, codes[0], Modality.IMAGE)
    assert found == "what bits_per_code found"
    assert worker.lent is False
    before = len(worker.limits)
    assert engine.info() == engine.info()
    assert len(worker.limits) <= before + 1, "what runs here is asked for once"


def test_a_page_asks_for_a_worker_and_only_there(worker: Worker) -> None:
    session = Session(OnlyLent(worker))
    assert session.capabilities.makes_images
    with pytest.raises(AssertionError, match="outside of a call"):
        OnlyLent(worker).embed([])


def test_elsewhere_the_engine_is_itself() -> None:
    engine = FakeEngine()
    assert on_worker(engine) is engine


def test_a_run_is_charged_by_its_steps() -> None:
    asked = [
        Request(Conversation.ask("a"), Modality.IMAGE, Sampling(steps=steps)) for steps in (4, 64)
    ]
    assert seconds_needed(asked[0]) < seconds_needed(asked[1]) < seconds_needed(asked[1], watch=8)
