"""The laws of the bus: latest wins, finals are never dropped, nobody slows the producer."""

import asyncio
from concurrent.futures import ThreadPoolExecutor

import pytest

from app.stream import encode
from app.stream.message import Message
from app.stream.presence import Presence
from app.stream.run import MAX_STEPS_KEPT, MAX_WATCHERS, CrowdedError, Run, watch_id
from app.stream.run_bus import (
    MAX_OPEN,
    MAX_OPEN_OF_ADDRESS,
    MAX_OPEN_OF_OWNER,
    NOBODY,
    PATIENCE_S,
    FullError,
    StepBus,
)


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
    runs = [bus.open(f"visitor {i}") for i in range(20)]
    ids = {run.id for run in runs} | {run.control_id for run in runs}
    assert len(ids) == 40
    assert all(len(i) >= 24 for i in ids)
    assert bus.find("") is None
    assert bus.find(next(iter(ids))[:-1]) is None


def test_who_may_watch_a_run_cannot_control_it() -> None:
    bus, run = begun()
    assert bus.held(run.control_id) is run
    assert bus.find(run.id) is run
    assert bus.held(run.id) is None
    assert bus.find(run.control_id) is None
    assert watch_id(run.control_id) == run.id


def test_finished_runs_go_for_new_ones_and_unfinished_ones_never() -> None:
    bus = StepBus(max_runs=3)
    active = bus.open("first")
    finished = [bus.open(f"visitor {i}") for i in range(4)]
    for run in finished:
        bus.end(run, last())
    bus.open("last")
    assert bus.find(active.id) is active
    assert [bus.find(run.id) for run in finished] == [None, None, *finished[2:]]


def test_beyond_a_limit_the_new_run_is_refused_and_the_others_stay() -> None:
    bus = StepBus()
    mine = [bus.open("me") for _ in range(MAX_OPEN_OF_OWNER)]
    with pytest.raises(FullError, match="many answers under way"):
        bus.open("me")
    here = [bus.open(f"there {i}", "1.2.3.4") for i in range(MAX_OPEN_OF_ADDRESS)]
    with pytest.raises(FullError, match="Too many people are waiting"):
        bus.open("one more", "1.2.3.4")
    rest = MAX_OPEN - len(mine) - len(here)
    others = [bus.open(f"elsewhere {i}", f"5.6.7.{i}") for i in range(rest)]
    assert bus.line() == {"waiting": MAX_OPEN, "wait_s": None, "full": True}
    with pytest.raises(FullError, match="Your words are still here"):
        bus.open("anybody", "8.8.8.8")
    assert bus.unfinished() == [*mine, *here, *others]
    assert not any(run.stopping for run in bus.unfinished())
    bus.end(mine[0], last())
    assert bus.open("anybody", "8.8.8.8") in bus.unfinished()


def test_a_run_whose_visitor_never_connects_goes_after_ten_seconds() -> None:
    now_s = 0.0
    presence = Presence()
    bus = StepBus(presence=presence, clock=lambda: now_s)
    with presence.staying("here"):
        there, gone = bus.open("here"), bus.open("gone")
        now_s = PATIENCE_S - 1
        third = bus.open("here")
        assert bus.place(third) == 2
        now_s = PATIENCE_S + 1
        bus.open("here")
    assert gone.failure == NOBODY
    assert not there.ended
    assert bus.place(third) == 1


def test_a_run_has_so_many_watchers_and_no_more() -> None:
    _, run = begun()

    async def scenario() -> None:
        reads = asyncio.Event()
        viewers = [Viewer(run, reads) for _ in range(MAX_WATCHERS)]
        watching = [asyncio.create_task(viewer.watch()) for viewer in viewers]
        for viewer in viewers:
            await viewer.has("waiting")
        with pytest.raises(CrowdedError):
            await Viewer(run).watch()
        reads.set()
        run.end(last())
        assert all("completed" in told for told in await asyncio.gather(*watching))

    asyncio.run(scenario())


def test_the_place_in_line_never_rises_whoever_comes_and_goes() -> None:
    bus = StepBus()
    runs = [bus.open(f"visitor {i}") for i in range(40)]

    def end(index: int) -> None:
        bus.begin(runs[index])
        bus.end(runs[index], last())
        bus.open(f"late {index}")

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(end, range(0, 40, 2)))
    for run in runs[1::2]:
        places = [m.header["place"] for _, m in run.steps()]
        assert places == sorted(places, reverse=True)
        assert places[-1] == bus.place(run)


def test_who_waits_is_told_how_long() -> None:
    now_s = 0.0
    bus = StepBus(clock=lambda: now_s)
    first, second, third = (bus.open(name) for name in "abc")
    bus.begin(first)
    now_s = 20.0
    bus.end(first, last())
    assert third.steps()[-1][1].header == {"kind": "waiting", "place": 1, "wait_s": 20}
    assert second.steps()[-1][1].header == {"kind": "waiting", "place": 0, "wait_s": 0}
    assert bus.line() == {"waiting": 2, "wait_s": 40, "full": False}


def test_places_in_line_move_up() -> None:
    bus = StepBus()
    first, second, third = (bus.open(name) for name in "abc")
    assert [bus.place(r) for r in (first, second, third)] == [0, 1, 2]
    bus.begin(first)
    assert bus.place(second) == 1
    bus.end(first, last())
    assert [bus.place(second), bus.place(third)] == [0, 1]
    assert third.steps()[-1][1].header["place"] == 1


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
