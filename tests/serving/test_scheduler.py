"""Whose turn it is. A script notes every item that it is asked for, so the order is a fact."""

import threading
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from engine.api.conversation import Conversation
from engine.api.events import Refined
from engine.api.request import Request
from serving.scheduler import Ended, QueueFullError, Run, Scheduler
from tests.fake_engine import FakeEngine

STEP = next(
    event
    for event in FakeEngine(0.0).generate(Request(Conversation.ask("hello")))
    if isinstance(event, Refined)
)


class Script:
    """Runs by name; `order` says who stepped when."""

    def __init__(self, rows: int = 2, most_open: int = 10) -> None:
        self.order: list[str] = []
        self.closed: list[str] = []
        self.delivered: dict[str, list[Any]] = {}
        self.over: list[Run] = []
        self.scheduler = Scheduler(rows=rows, most_open=most_open, ended=self.over.append)
        self._ready = threading.Event()
        self._hold = self.run("hold", 1, owner="nobody", gate=self._ready)

    def run(
        self, name: str, steps: int, owner: str = "a", gate: threading.Event | None = None
    ) -> Run:
        items = self.delivered[name] = []

        def start() -> Iterator[Refined]:
            try:
                for index in range(steps):
                    if gate is not None:
                        gate.wait()
                    self.order.append(name)
                    yield replace(STEP, index=index)
            finally:
                self.closed.append(name)

        return self.scheduler.submit(start, owner, items.append)

    def finish(self) -> list[str]:
        """Let everything run that was submitted; who stepped, in order."""
        self._ready.set()
        assert self.scheduler.wait_until_idle(30)
        self.scheduler.close()
        return self.order[1:]


def test_runs_step_in_turn_whatever_their_length() -> None:
    script = Script(rows=2)
    script.run("long", 4)
    script.run("short", 2)
    assert script.finish() == ["long", "short", "long", "short", "long", "long"]
    assert script.closed == ["hold", "short", "long"]


def test_a_new_run_gets_its_first_step_before_others_go_on() -> None:
    script = Script(rows=1)
    script.run("long", 5)
    for name in ("second", "third"):
        script.run(name, 2)
    order = script.finish()
    assert order[:3] == ["long", "second", "third"]
    assert order[3:7] == ["long"] * 4  # then the oldest is finished first


def test_owners_share_however_many_runs_they_have() -> None:
    script = Script(rows=1)
    for name in ("a1", "a2", "a3"):
        script.run(name, 6, owner="a")
    script.run("b1", 6, owner="b")
    order = script.finish()
    upto = order[: len(order) - order[::-1].index("b1")]
    assert upto.count("b1") == 6
    assert sum(name.startswith("a") for name in upto) <= 9  # three first steps, then equal shares


def test_a_cancelled_run_takes_no_further_step_and_frees_its_place() -> None:
    script = Script(rows=1, most_open=2)
    run = script.run("waiting", 3)
    with pytest.raises(QueueFullError):
        script.run("one too many", 1)
    script.scheduler.cancel(run)
    assert script.finish() == []
    assert run.outcome == "cancelled"
    assert script.delivered["waiting"] == [Ended()]


def test_cancelling_in_the_middle_closes_the_run() -> None:
    script = Script(rows=1)
    ended = threading.Event()
    run: Run

    def stop(item: Any) -> None:
        if isinstance(item, Ended):
            ended.set()
        elif item.index == 1:
            script.scheduler.cancel(run)

    def start() -> Iterator[Refined]:
        try:
            for index in range(100):
                script.order.append("run")
                yield replace(STEP, index=index)
        finally:
            script.closed.append("run")

    run = script.scheduler.submit(start, "a", stop)
    assert script.finish() == ["run", "run"]
    assert ended.is_set()
    assert "run" in script.closed


def test_a_failure_ends_its_run_alone() -> None:
    script = Script(rows=2)
    error = ValueError("no")
    items: list[Any] = []

    def start() -> Iterator[Refined]:
        yield STEP
        raise error

    run = script.scheduler.submit(start, "a", items.append)
    script.run("other", 3)
    assert script.finish() == ["other"] * 3
    assert items[-1] == Ended(error)
    assert (run.outcome, run.steps) == ("failed", 1)


def test_every_item_arrives_in_order_and_the_times_rise() -> None:
    script = Script()
    run = script.run("one", 5)
    script.finish()
    *steps, end = script.delivered["one"]
    assert [step.index for step in steps] == list(range(5))
    assert end == Ended()
    assert run.started_s is not None and run.refined_s is not None and run.ended_s is not None
    assert run.arrived_s <= run.started_s <= run.refined_s <= run.ended_s
    assert run in script.over


@pytest.mark.parametrize("numbers", [{"rows": 0, "most_open": 1}, {"rows": 1, "most_open": 0}])
def test_a_scheduler_needs_room(numbers: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="room for a run"):
        Scheduler(**numbers)
