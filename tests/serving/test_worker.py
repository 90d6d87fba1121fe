"""Admission, and what a worker says of itself."""

import json
import logging
import signal
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import httpx
import openai
import pytest

from engine.api.events import Refined
from serving.run_log import JsonLines
from serving.worker import ServingSettings
from tests.fake_engine import FakeEngine
from tests.page_server import until
from tests.serving.conftest import Served, serving

SECRET = "a purple walrus"


def test_the_model_is_listed(client: openai.OpenAI) -> None:
    (model,) = client.models.list().data
    assert model.id == "fake"
    assert client.models.retrieve("fake").id == "fake"
    with pytest.raises(openai.NotFoundError, match="this server has 'fake'"):
        client.models.retrieve("gpt-5")
    with pytest.raises(openai.NotFoundError, match="does not exist here"):
        client.images.generate(model="gpt-image-1", prompt="a car")


def test_it_is_alive_before_it_is_ready() -> None:
    with serving(None) as served, httpx.Client(base_url=served.address) as plain:
        assert plain.get("/health").status_code == 200
        refused = plain.get("/ready")
        assert refused.status_code == 503
        assert "still loading" in refused.json()["error"]["message"]
        body = {"model": "fake", "prompt": "a car"}
        assert plain.post("/v1/images/generations", json=body).status_code == 503
        served.worker.load(lambda metrics: FakeEngine())
        assert plain.get("/ready").json()["model"] == "fake"


def test_a_key_is_needed_where_there_are_keys() -> None:
    with serving(FakeEngine(0.0), ServingSettings(keys=("sk-a", "sk-b"))) as served:
        assert served.client("sk-b").models.list().data
        with pytest.raises(openai.AuthenticationError, match="not known here") as wrong:
            served.client("sk-c").models.list()
        assert wrong.value.code == "invalid_api_key"
        with httpx.Client(base_url=served.address) as plain:
            assert plain.get("/v1/models").status_code == 401
            assert plain.get("/health").status_code == 200


def test_a_body_is_limited_whether_or_not_it_says_its_length() -> None:
    limit = ServingSettings(most_body_bytes=2**20)
    with serving(FakeEngine(0.0), limit) as served, httpx.Client(base_url=served.address) as plain:
        body = json.dumps({"model": "fake", "prompt": "x" * 2**20}).encode()
        for content in (body, iter([body])):
            refused = plain.post("/v1/images/generations", content=content)
            assert refused.status_code == 413
            assert "smaller files" in refused.json()["error"]["message"]


def test_an_unknown_address_is_an_error_object(served: Served) -> None:
    with httpx.Client(base_url=served.address) as plain:
        for found, status in ((plain.get("/v1/poems"), 404), (plain.get("/v1/embeddings"), 405)):
            assert found.status_code == status
            assert "/docs" in found.json()["error"]["message"]
        broken = plain.post(
            "/v1/embeddings", content=b"{", headers={"content-type": "application/json"}
        )
        assert broken.status_code == 400
        assert "not valid JSON" in broken.json()["error"]["message"]


def _streamed(client: openai.OpenAI) -> Any:
    """Return a stream, of which the first chunk is there."""
    return client.chat.completions.create(
        model="fake",
        messages=[{"role": "user", "content": "hello"}],
        stream=True,
        extra_body={"revisions": True},
    )


def test_too_many_runs_are_refused_until_one_is_over() -> None:
    engine = FakeEngine(0.0)
    with serving(engine, ServingSettings(rows=1, most_open=1)) as served:
        client = served.client()
        with engine.gated(Refined) as gate:
            first = _streamed(client)
            with pytest.raises(openai.RateLimitError, match="Too many requests are waiting"):
                client.images.generate(model="fake", prompt="a car")
            gate.open()
        assert list(first)
        assert served.worker.scheduler.wait_until_idle(30)
        assert client.images.generate(model="fake", prompt="a car").data


def test_a_worker_finishes_what_runs_and_refuses_what_is_new() -> None:
    engine = FakeEngine(0.0)
    with serving(engine) as served:
        client = served.client()
        with engine.gated(Refined) as gate:
            stream = _streamed(client)
            served.server.handle_exit(signal.SIGTERM, None)
            with pytest.raises(openai.InternalServerError, match="is stopping") as refused:
                client.images.generate(model="fake", prompt="a car")
            assert refused.value.status_code == 503
            with httpx.Client(base_url=served.address) as plain:
                assert plain.get("/ready").status_code == 503
                assert plain.get("/health").status_code == 200
            gate.open()
        *_, last = list(stream)
        assert last.choices[0].finish_reason == "stop"
        served.thread.join(30)
        assert not served.thread.is_alive()


def _chat(client: openai.OpenAI) -> Any:
    messages: Any = [{"role": "user", "content": "hello"}]
    return client.chat.completions.create(model="fake", messages=messages).choices


def _pictures(client: openai.OpenAI) -> Any:
    return client.images.generate(model="fake", prompt="a car", n=3).data


@contextmanager
def _asked(engine: FakeEngine, served: Served, ask: Callable[..., Any]) -> Iterator[Future[Any]]:
    """The answer to a client that asks before the block, its first step held until the end of
    the block."""
    with ThreadPoolExecutor(1) as clients, engine.gated(Refined):
        answer = clients.submit(ask, served.client())
        until(lambda: served.worker.scheduler.running)
        yield answer


@pytest.mark.parametrize(("ask", "num"), [(_chat, 1), (_pictures, 3)])
def test_an_answer_of_several_runs_is_finished_too(ask: Callable[..., Any], num: int) -> None:
    engine = FakeEngine(0.0)
    with serving(engine) as served:
        with _asked(engine, served, ask) as answer:
            served.server.handle_exit(signal.SIGTERM, None)
        assert len(answer.result()) == num
        served.thread.join(30)
        assert not served.thread.is_alive()


def test_what_is_given_up_is_told_why() -> None:
    engine = FakeEngine(0.0)
    with serving(engine) as served:
        closing = threading.Thread(target=served.worker.close)
        with _asked(engine, served, _pictures) as answer:
            closing.start()
            until(lambda: all(run.cancelled for run in served.worker.scheduler.chosen()))
        closing.join(30)
        with pytest.raises(openai.InternalServerError, match="is stopping"):
            answer.result()


def test_the_numbers_say_what_happened() -> None:
    with serving(FakeEngine(0.0)) as served, httpx.Client(base_url=served.address) as plain:
        served.client().images.generate(model="fake", prompt=SECRET)
        assert served.worker.scheduler.wait_until_idle(30)
        told = plain.get("/metrics").text
    lines = dict(line.rsplit(" ", 1) for line in told.splitlines() if not line.startswith("#"))
    assert lines['next_omni_runs_total{outcome="completed"}'] == "1.0"
    assert lines["next_omni_steps_total"] == "16.0"
    assert lines["next_omni_first_refinement_seconds_count"] == "1.0"
    assert lines["next_omni_waiting"] == lines["next_omni_running"] == "0.0"
    assert lines['next_omni_requests_total{path="/v1/images/generations",status="200"}'] == "1.0"
    assert SECRET not in told


def test_the_log_has_ids_and_no_prompts(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "serving")
    with serving(FakeEngine(0.0)) as served:
        client = served.client()
        client.images.generate(model="fake", prompt=SECRET)
        with pytest.raises(openai.InternalServerError):
            client.images.generate(model="fake", prompt=f"crash {SECRET}")
        assert served.worker.scheduler.wait_until_idle(30)
    written = [json.loads(JsonLines().format(record)) for record in caplog.records]
    runs = [line for line in written if line["event"] == "run"]
    assert [line["outcome"] for line in runs] == ["completed", "failed"]
    assert all(line["total_s"] >= line["first_s"] >= line["waited_s"] >= 0 for line in runs)
    assert "RuntimeError" in runs[1]["exception"]
    assert SECRET not in json.dumps(written)
