"""The laws of the bus: latest wins, finals are never dropped, nobody slows the producer."""

import asyncio

import pytest

from app.stream import encode
from app.stream.message import Message
from app.stream.run_bus import MAX_STEPS_KEPT, Run, StepBus


def step(index: int) -> Message:
    return Message({"kind": "refined", "index": index})


def last() -> Message:
    return Message({"kind": "completed"}, kept=True)


class Viewer:
    """One viewer, who takes a message only where it may. received: as "refined 3" and the like."""

    def __init__(self, run: Run, reads: asyncio.Event | None = None) -> None:
        self.received: list[str] = []
        self._run, self._reads = run, reads
        self._more = asyncio.Condition()

    async def watch(self) -> list[str]:
        async for _, message in self._run.watch():
            async with self._more:
                kind, index = message.header["kind"], message.header.get("index", "")
                self.received.append(f"{kind} {index}".strip())
                self._more.notify_all()
            if self._reads is not None:
                await self._reads.wait()
        return self.received

    async def has(self, message: str) -> None:
        """Wait until it has received this message."""
        async with self._more:
            await self._more.wait_for(lambda: message in self.received)


async def watched(run: Run) -> list[str]:
    """The messages of a viewer that reads everything."""
    return await Viewer(run).watch()


def begun() -> tuple[StepBus, Run]:
    bus = StepBus()
    run = bus.open("visitor")
    bus.begin(run)
    return bus, run


def test_a_viewer_that_keeps_up_receives_every_step_in_order() -> None:
    _, run = begun()

    async def scenario() -> list[str]:
        viewer = Viewer(run)
        watching = asyncio.create_task(viewer.watch())
        for index in range(5):
            run.publish(step(index))
            await viewer.has(f"refined {index}")
        run.end(last())
        return await watching

    received = asyncio.run(scenario())
    assert [r for r in received if r != "waiting"] == [f"refined {i}" for i in range(5)] + [
        "completed"
    ]


def test_a_slow_viewer_gets_the_latest_step_then_the_end_then_what_it_missed() -> None:
    _, run = begun()

    async def scenario() -> list[str]:
        reads = asyncio.Event()
        viewer = Viewer(run, reads)
        watching = asyncio.create_task(viewer.watch())
        await viewer.has("waiting")
        for index in range(20):
            run.publish(step(index))
        run.end(last())
        reads.set()
        return await watching

    received = [r for r in asyncio.run(scenario()) if r != "waiting"]
    assert received[:2] == ["refined 19", "completed"]
    assert received[2:] == [f"refined {i}" for i in range(19)]


def test_kept_messages_are_never_dropped() -> None:
    _, run = begun()
    for index in range(3):
        run.publish(Message({"kind": "started", "index": index}, kept=True))
        for k in range(MAX_STEPS_KEPT):
            run.publish(step(k))
    run.end(last())
    received = asyncio.run(watched(run))
    assert [r for r in received if r.startswith("started")] == [
        "started 0",
        "started 1",
        "started 2",
    ]
    assert received.count("completed") == 1
    assert len(run.steps()) == MAX_STEPS_KEPT


def test_a_viewer_that_never_reads_does_not_slow_the_producer() -> None:
    _, run = begun()

    async def scenario() -> list[str]:
        viewer = Viewer(run, reads=asyncio.Event())
        stuck = asyncio.create_task(viewer.watch())
        await viewer.has("waiting")
        await asyncio.to_thread(lambda: [run.publish(step(i)) for i in range(2000)])
        stuck.cancel()
        return viewer.received

    assert asyncio.run(scenario()) == ["waiting"], "everything was published before it read again"
    assert run.steps()[-1][1].header["index"] == 1999


def test_the_first_end_wins_and_nothing_follows_it() -> None:
    bus, run = begun()
    bus.end(run, last())
    bus.end(run, encode.failed("too late"))
    run.publish(step(9))
    assert run.failure is None
    assert "completed" in asyncio.run(watched(run))
    assert run.steps()[-1][1].header["kind"] != "refined"


def test_a_run_is_found_only_through_its_own_unguessable_id() -> None:
    bus = StepBus()
    ids = {bus.open("same visitor").id for _ in range(20)}
    assert len(ids) == 20
    assert all(len(i) >= 24 for i in ids)
    assert bus.find("") is None
    assert bus.find(next(iter(ids))[:-1]) is None


def test_memory_is_bounded_and_finished_runs_go_first() -> None:
    bus = StepBus(max_runs=3)
    active = bus.open("a")
    finished = bus.open("b")
    bus.end(finished, last())
    for _ in range(2):
        bus.open("c")
    assert bus.find(active.id) is active
    assert bus.find(finished.id) is None
    for _ in range(3):
        bus.open("d")
    assert bus.find(active.id) is None
    assert active.stopping


def test_places_in_line_move_up() -> None:
    bus = StepBus()
    first, second, third = (bus.open(name) for name in "abc")
    assert [bus.place(r) for r in (first, second, third)] == [0, 1, 2]
    bus.begin(first)
    assert bus.place(second) == 1
    bus.end(first, last())
    assert [bus.place(second), bus.place(third)] == [0, 1]
    assert third.steps()[-1][1].header == {"kind": "waiting", "place": 1}


def test_leaving_stops_ones_own_runs_only() -> None:
    bus = StepBus()
    mine, waiting, other = bus.open("me"), bus.open("me"), bus.open("you")
    bus.begin(mine)
    bus.leave("me")
    assert mine.stopping
    assert not mine.ended
    assert waiting.ended
    assert not other.stopping


def test_a_viewer_that_leaves_is_forgotten() -> None:
    _, run = begun()
    run.publish(step(0))

    async def scenario() -> None:
        viewer = Viewer(run)
        watching = asyncio.create_task(viewer.watch())
        await viewer.has("refined 0")
        assert run.watched
        watching.cancel()
        with pytest.raises(asyncio.CancelledError):
            await watching

    asyncio.run(scenario())
    assert not run.watched
