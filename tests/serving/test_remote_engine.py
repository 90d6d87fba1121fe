"""An engine of another machine is the engine itself, also behind a line that breaks."""

import json
import math
import threading
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from itertools import islice, takewhile

import numpy as np
import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect

from engine.api.conversation import Conversation, Part
from engine.api.errors import OUT_OF_MEMORY, DeviceError
from engine.api.events import Completed, Event, Refined, Waiting
from engine.api.request import InitialState, Inpainting, Modality, Request
from engine.api.sampling import Sampling
from serving.api import engine_calls
from serving.remote.link import Link
from serving.remote.packing import pack
from serving.remote.remote_engine import AWAY, GAVE_UP, RemoteEngine
from serving.worker import ServingSettings
from tests.fake_engine import FakeEngine
from tests.page_server import until
from tests.serving.cable import cable
from tests.serving.conftest import Served, serving

PICTURE = np.arange(8 * 8 * 3, dtype=np.uint8).reshape(8, 8, 3)
SOUND = np.linspace(-0.5, 0.5, 16_000).astype(np.float32)
CODES = np.arange(12).reshape(4, 3)
ASKED = {
    "words": Request(Conversation.ask("what is this?", image=PICTURE)),
    "picture": Request(Conversation.ask("draw a car"), Modality.IMAGE, Sampling(steps=5, seed=3)),
    "film": Request(Conversation.ask("film a car"), Modality.VIDEO, Sampling(steps=3)),
    "speech": Request(Conversation.ask("", audio=SOUND), aloud=True),
    "part of a picture": Request(
        Conversation.ask("draw a cat"),
        Modality.IMAGE,
        Sampling(guidance_interval=(0.2, 0.9)),
        inpainting=Inpainting(PICTURE, PICTURE[..., 0] > 100),
    ),
    "from a state": Request(
        Conversation.ask("draw a cat"),
        start=InitialState(Modality.IMAGE, CODES, CODES, 0.5, CODES[:, 0] > 3, said=("a cat",)),
    ),
}


@pytest.fixture(scope="module")
def remote(served: Served) -> RemoteEngine:
    return RemoteEngine.connect(Link(served.address))


def _timeless(events: Iterator[Event]) -> list[bytes]:
    """Events as bytes, without their times."""
    told = [e for e in events if not isinstance(e, Waiting)]
    return [pack(replace(e, elapsed_s=0.0) if hasattr(e, "elapsed_s") else e) for e in told]


@pytest.mark.parametrize("name", ASKED)
def test_events_are_those_of_the_engine(
    name: str, remote: RemoteEngine, fake: FakeEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine_calls, "MOST_BEHIND", math.inf)
    here = _timeless(fake.generate(ASKED[name], preview_hz=math.inf))
    assert _timeless(remote.generate(ASKED[name], preview_hz=math.inf)) == here


def test_a_slow_line_gets_every_code_and_few_previews(
    remote: RemoteEngine, fake: FakeEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine_calls, "MOST_BEHIND", -1)
    here = [e for e in fake.generate(ASKED["picture"]) if isinstance(e, Refined)]
    there = [e for e in remote.generate(ASKED["picture"]) if isinstance(e, Refined)]
    assert [e.image_1 is not None for e in there] == [e.last for e in here]
    assert [pack(e.tokens_t) for e in there] == [pack(e.tokens_t) for e in here]


def test_the_worker_gets_the_request_as_it_is(remote: RemoteEngine, fake: FakeEngine) -> None:
    for request in ASKED.values():
        list(fake.generate(request))
        list(remote.generate(request))
        here, there = fake.requests[-2:]
        assert pack(here) == pack(there)


def test_what_it_is_and_what_it_answers(remote: RemoteEngine, fake: FakeEngine) -> None:
    assert remote.info() == fake.info() and remote.digest == fake.digest
    assert remote.at_once == 4 * ServingSettings().rows
    items = [(Part(text="a red car"),), (Part(image=PICTURE), Part(text="what?"))]
    np.testing.assert_array_equal(remote.embed(items), fake.embed(items))
    codes = np.ones((2, 64, 4), np.int64)
    for name in ("pictures", "films"):
        here = getattr(fake.code_inspector, name)(codes)
        np.testing.assert_array_equal(getattr(remote.code_inspector, name)(codes), here)
    far = remote.code_inspector.distances(Modality.IMAGE, codes, codes * 3)
    assert (far == 2).all()
    near = remote.code_inspector.neighbours(Modality.IMAGE, 0, 5, 3)
    assert [n.tolist() for n in near] == [[5, 6, 7], [0.0, 1.0, 2.0]]
    assert remote.inspector.bits_per_code(ASKED["picture"], codes[0], Modality.IMAGE) == 1.5
    here, there = (e.inspector.path_preview(Sampling(a=2), Modality.IMAGE) for e in (fake, remote))
    assert pack(here) == pack(there)


def test_a_recorded_run_is_asked_about(remote: RemoteEngine, fake: FakeEngine) -> None:
    recorder = remote.recorder()
    for event in remote.generate(ASKED["picture"], watch=4):
        recorder.see(event)
    trace = recorder.trace()
    here, there = (e.inspector.read_probes(trace, 0) for e in (fake, remote))
    assert pack(here) == pack(there)
    assert trace.checkpoint["digest"] == fake.digest
    with pytest.raises(ValueError, match="this trace has 1 segments"):
        remote.inspector.read_probes(trace, 1)


def test_a_refusal_and_a_failure_are_those_of_the_engine(remote: RemoteEngine) -> None:
    with pytest.raises(ValueError, match="refuses the word 'refuse'"):
        list(remote.generate(Request(Conversation.ask("refuse"))))
    with pytest.raises(DeviceError, match=OUT_OF_MEMORY[:30]):
        list(remote.generate(Request(Conversation.ask("lose the device"))))
    with pytest.raises(DeviceError, match="the log says what"):
        list(remote.generate(Request(Conversation.ask("crash"))))
    broken = Part(text="a car"), Part(image=PICTURE.astype(np.float32))
    with pytest.raises(ValueError, match="is not one"):
        remote.embed([broken])


def test_leaving_ends_the_run_on_the_worker() -> None:
    fake = FakeEngine(0.0)
    with serving(fake) as served, fake.gated(Refined) as gate:
        engine = RemoteEngine.connect(Link(served.address))
        with closing(engine.generate(ASKED["film"])) as events:
            next(event for event in events if isinstance(event, Refined))
        gate.step()
        until(lambda: served.worker.scheduler.running == 0 and len(fake.closed_after) == 1)
        assert fake.closed_after[0] < 3


@pytest.mark.parametrize("cut_after", [1, 2, 5])
def test_a_run_goes_on_behind_a_break(cut_after: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine_calls, "MOST_BEHIND", math.inf)
    fake = FakeEngine(0.0)
    whole = _timeless(fake.generate(ASKED["picture"]))
    with serving(fake) as served, cable(served.address) as line, fake.gated(Refined) as gate:
        engine = RemoteEngine.connect(Link(line.address))
        events = engine.generate(ASKED["picture"])
        gate.step(cut_after)
        told = list(islice((e for e in events if not isinstance(e, Waiting)), cut_after))
        line.unplug()
        told += takewhile(lambda event: event != Waiting(AWAY), events)
        line.plug_in()
        gate.open()
        assert _timeless(iter([*told, *events])) == whole


def test_a_worker_that_stays_away_is_told() -> None:
    fake = FakeEngine(0.0)
    with serving(fake) as served, cable(served.address) as line:
        engine = RemoteEngine.connect(Link(line.address), patience_s=0.6)
        line.unplug()
        with pytest.raises(DeviceError) as told:
            list(engine.generate(ASKED["picture"]))
        assert str(told.value) == GAVE_UP
        with pytest.raises(DeviceError):
            engine.embed([(Part(text="a car"),)])


def test_a_page_may_begin_before_its_worker() -> None:
    said: list[str] = []
    with serving(None) as served:

        def told(sentence: str) -> None:
            said.append(sentence)
            served.worker.load(lambda metrics: FakeEngine(0.0))

        engine = RemoteEngine.connect(Link(served.address), told=told)
        assert isinstance(list(engine.generate(ASKED["picture"]))[-1], Completed)
    assert said == [f"waiting for the engine at {served.address}"]


def test_a_key_opens_it() -> None:
    with serving(FakeEngine(0.0), ServingSettings(keys=("sk-a",))) as served:
        engine = RemoteEngine.connect(Link(served.address, "sk-a"))
        assert isinstance(list(engine.generate(ASKED["picture"]))[-1], Completed)
        with pytest.raises(ValueError, match="not known here"):
            RemoteEngine.connect(Link(served.address, "sk-b"))
        shut_out = RemoteEngine(Link(served.address, "sk-b"), engine._about)
        with pytest.raises(DeviceError, match="NEXT_OMNI_ENGINE_KEY"):
            list(shut_out.generate(ASKED["picture"]))


@pytest.mark.parametrize("said", ["words", b"", b"\xff" * 99, pack(ASKED["words"])])
def test_what_is_no_request_is_told(served: Served, said: str | bytes) -> None:
    address = f"ws{served.address.removeprefix('http')}/v1/engine/runs"
    with connect(address) as socket:
        socket.send(said)
        assert json.loads(socket.recv(30))["error"]["code"] == "invalid_value"
        with pytest.raises(ConnectionClosed):
            socket.recv(30)


def test_who_says_nothing_is_shown_out(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine_calls, "FIRST_S", 0.05)
    with connect(f"ws{served.address.removeprefix('http')}/v1/engine/runs") as socket:
        assert "none came" in json.loads(socket.recv(30))["error"]["message"]


def test_no_site_opens_a_socket_through_a_browser(served: Served) -> None:
    address = f"ws{served.address.removeprefix('http')}/v1/engine/runs"
    with pytest.raises(InvalidStatus), connect(address, origin="https://elsewhere.example"):
        pass


def test_other_weights_are_told() -> None:
    fake = FakeEngine(0.0)
    with serving(fake) as served:
        engine = RemoteEngine.connect(Link(served.address))
        fake.digest = "another"
        with pytest.raises(DeviceError, match="other weights"):
            list(engine.generate(ASKED["picture"]))


def test_many_runs_at_once(
    remote: RemoteEngine, fake: FakeEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine_calls, "MOST_BEHIND", math.inf)
    whole = {seed: _timeless(fake.generate(_seeded(seed))) for seed in range(12)}
    found: dict[int, list[bytes]] = {}

    def follow(seed: int) -> None:
        found[seed] = _timeless(remote.generate(_seeded(seed)))

    threads = [threading.Thread(target=follow, args=(seed,)) for seed in whole]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == whole


def _seeded(seed: int) -> Request:
    return replace(ASKED["picture"], sampling=Sampling(steps=5, seed=seed))


@pytest.mark.parametrize("address", ["", "host:8000", "ftp://host", "http://", "http://h:x"])
def test_an_address_that_is_none_is_told(address: str) -> None:
    with pytest.raises(ValueError, match="the engine's address is like http://HOST:8000"):
        Link(address)
