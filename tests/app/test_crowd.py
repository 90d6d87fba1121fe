"""Many visitors at once, and visitors who only seem to be there."""

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from websockets.sync.client import connect

from app.admission.sessions import MAX_ABSENT
from app.page import build_page, serve
from app.session import Session
from app.stream import run_bus
from app.stream.run import watch_id
from app.stream.run_bus import MAX_OPEN_OF_OWNER, NOBODY
from benchmarks.bare_visitor import BareVisitor, functions, post
from engine.api.conversation import Conversation
from engine.api.events import Refined
from engine.api.request import Modality, Request
from engine.api.sampling import Sampling
from tests.fake_engine import FakeEngine
from tests.page_server import PATIENCE_S, Served, free_port, served, until

VISITORS = 64
FORM = ("a big whale by the sea", 2, 1, "midpoint", "5", True)


@pytest.fixture
def engine() -> FakeEngine:
    return FakeEngine(step_s=0)


@pytest.fixture
def page(engine: FakeEngine) -> Iterator[Served]:
    with served(engine) as running:
        yield running


def test_all_of_64_visitors_at_once_get_their_picture(page: Served, engine: FakeEngine) -> None:
    numbers = functions(page.url)

    def draw(_: int) -> tuple[list[str], list[int]]:
        """The kinds of all messages of a run, and its places in line."""
        visitor = BareVisitor(page.url, numbers)
        ticket, *_ = visitor.call("draw", "", *FORM[:5], "5", True, None, 0.5, 1)
        with connect(page.url.replace("http", "ws") + f"live/{watch_id(str(ticket))}") as socket:
            visitor.join("draw_run", ticket)
            assert [m for m in visitor.told() if m["msg"] == "process_completed"]
            told = [json.loads(m[4 : 4 + int.from_bytes(m[:4])]) for m in socket]  # type: ignore[arg-type]
        in_order = sorted(told, key=lambda message: message["number"])
        places = [m["place"] for m in in_order if m["kind"] == "waiting"]
        return [m["kind"] for m in told], places

    with ThreadPoolExecutor(VISITORS) as pool:
        seen = list(pool.map(draw, range(VISITORS)))
    assert sum("completed" in kinds for kinds, _ in seen) == VISITORS
    assert all(places == sorted(places, reverse=True) for _, places in seen)
    assert len(engine.requests) == VISITORS


def test_bare_requests_of_one_client_cost_no_visitor_a_run(
    page: Served, engine: FakeEngine
) -> None:
    client = page.client()
    with engine.gated(Refined):
        ticket, *_ = client.predict("", *FORM, api_name="/draw")
        running = client.submit(ticket, api_name="/draw_run")
        until(lambda: engine.requests)
        answers = [
            json.dumps(
                post(
                    page.url,
                    "gradio_api/run/draw",
                    {"data": ["", *FORM[:5], "5", True, None, 0.5, 1]},
                )
            )
            for _ in range(50)
        ]
        refused = sum("many answers under way" in answer for answer in answers)
        gone = sum(run.failure == NOBODY for run in page.session.bus._runs.values())
        assert refused > 0 and 50 - refused <= MAX_OPEN_OF_OWNER + gone
    assert "completed" in str(running.result(timeout=PATIENCE_S))


def test_a_run_that_joined_and_vanished_is_not_made(page: Served, engine: FakeEngine) -> None:
    now_s = 0.0
    page.session.bus._clock = lambda: now_s
    request = Request(Conversation.ask("a red heart"), Modality.IMAGE, Sampling(steps=64))
    run = page.session.open(request, "gone")
    now_s = run_bus.PATIENCE_S + 1
    index = functions(page.url)["draw_run"]
    joined = {"data": [run.control_id], "fn_index": index, "session_hash": "gone"}
    post(page.url, "gradio_api/queue/join", joined)
    until(lambda: run.ended)
    assert run.failure == NOBODY
    assert engine.requests == []


def test_who_watches_cannot_stop(page: Served, engine: FakeEngine) -> None:
    client = page.client()
    with engine.gated(Refined):
        ticket, *_ = client.predict("", *FORM, api_name="/draw")
        running = client.submit(ticket, api_name="/draw_run")
        until(lambda: engine.requests)
        page.client().predict(watch_id(ticket), api_name="/draw_stop")
        assert not page.last_run.stopping
    assert "completed" in str(running.result(timeout=PATIENCE_S))


def test_names_of_sessions_that_are_made_up_are_forgotten(engine: FakeEngine) -> None:
    session = Session(engine)
    blocks = build_page(session, None)
    serve(blocks, session, "127.0.0.1", free_port())
    page = Served(blocks.local_url, session)
    try:
        visitor = page.client()
        visitor.predict("", api_name="/draw_stop")
        for i in range(MAX_ABSENT + 10):
            body = {"data": [""], "session_hash": f"made up {i}"}
            post(page.url, "gradio_api/run/draw_stop", body)
        kept = blocks.state_holder.session_data
        assert len(kept) <= MAX_ABSENT + 2
        assert visitor.session_hash in kept, "who is connected stays"
    finally:
        blocks.close(verbose=False)
