"""The middleware in front of every route, before a small server of its own."""

import asyncio
import threading
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from functools import partial
from itertools import islice

import pytest
from fastapi import FastAPI, Request, WebSocket
from fastapi.responses import Response
from fastapi.testclient import TestClient
from starlette.websockets import WebSocketDisconnect

from app.admission.guard import HEAVY_FILES, Guard
from app.admission.origins import Origins
from app.admission.uploads import MAX_FILES, MB, UploadQuota
from app.stream.presence import Presence

ELSEWHERE = {"origin": "https://example.org"}


class Site:
    """A server with the routes that the guard knows of, and a client of it."""

    def __init__(self) -> None:
        self.presence = Presence()
        self.heard: list[str] = []
        self.go_on = threading.Event()
        self.working = threading.Semaphore(0)
        self.now_s = 0.0
        self.server = FastAPI()
        self._routes()
        self.guarded = Guard(
            self.server,
            Origins(local=True),
            self.presence,
            heard=self.heard.append,
            uploads=UploadQuota(lambda: self.now_s),
        )

    def client(self, address: str = "127.0.0.1") -> TestClient:
        return TestClient(self.guarded, base_url="http://127.0.0.1:7860", client=(address, 1))

    def _routes(self) -> None:
        async def echo(request: Request) -> Response:
            return Response(await request.body())

        async def state(request: Request) -> dict[str, object]:
            return await request.json()

        def why() -> dict[str, object]:
            self.working.release()
            self.go_on.wait(60)
            return {}

        async def heartbeat(session: str) -> bool:
            return self.presence.here(session)

        def file(name: str) -> Response:
            kinds = {"svg": "image/svg+xml", "html": "text/html", "txt": "text/plain"}
            kind = kinds.get(name.rpartition(".")[2], "image/png")
            return Response("<script>alert(1)</script>", media_type=kind)

        async def live(websocket: WebSocket) -> None:
            await websocket.accept()
            await websocket.close()

        for path in ("/gradio_api/upload", "/gallery/give"):
            self.server.add_api_route(path, echo, methods=["POST"])
        self.server.add_api_route("/gallery/state", state, methods=["POST"])
        self.server.add_api_route("/gallery/why", why, methods=["POST"])
        self.server.add_api_route("/shared/{run}/{kind}", why)
        self.server.add_api_route("/labels/{run}", why)
        self.server.add_api_route("/gradio_api/heartbeat/{session}", heartbeat)
        self.server.add_api_route("/gradio_api/file={name}", file)
        self.server.add_api_route("/gallery/file/{name}", file)
        self.server.add_api_route("/monitoring/summary", lambda: {"secret": 1})
        self.server.add_api_websocket_route("/live", live)


@pytest.fixture
def site() -> Iterator[Site]:
    found = Site()
    yield found
    found.go_on.set()


def test_every_route_is_closed_to_other_sites(site: Site) -> None:
    client = site.client()
    for path in ("/gallery/state", "/gallery/give?name=x", "/gradio_api/upload", "/nowhere"):
        answer = client.post(path, content=b"{}", headers=ELSEWHERE)
        assert answer.status_code == 403, path
        assert "another site" in answer.json()["sentence"]
    assert client.get("/gradio_api/heartbeat/me", headers=ELSEWHERE).status_code == 403
    with (
        pytest.raises(WebSocketDisconnect),
        client.websocket_connect("ws://127.0.0.1:7860/live", headers=ELSEWHERE),
    ):
        pass
    with client.websocket_connect("ws://127.0.0.1:7860/live"):
        pass


def test_a_foreign_host_gets_no_route(site: Site) -> None:
    answer = site.client().get("/gallery/file/a.png", headers={"host": "rebound.example"})
    assert answer.status_code == 421


@pytest.mark.parametrize(
    "path",
    [
        "/monitoring",
        "/monitoring/summary",
        "/gradio_api/dev/reload",
        "/gradio_api/vibe-edit/",
        "/gradio_api/undo-vibe-edit",
        "/gradio_api/proxy=https://example.org/",
        "/gradio_api/file=https://example.org/",
        "/docs",
    ],
)
def test_what_the_page_does_not_use_is_not_there(site: Site, path: str) -> None:
    assert site.client().get(path).status_code == 404


@pytest.mark.parametrize("path", ["/gradio_api/heartbeat/me", "/nowhere", "/gallery/state"])
def test_every_answer_carries_the_headers(site: Site, path: str) -> None:
    headers = site.client().get(path).headers
    policy = headers["content-security-policy"]
    assert "default-src 'self'" in policy
    assert "frame-ancestors 'self'" in policy
    assert "huggingface" not in policy
    assert "ws://127.0.0.1:7860" in policy
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "same-origin"
    assert headers["x-frame-options"] == "SAMEORIGIN"


def test_a_space_may_be_framed_by_its_host_alone(site: Site) -> None:
    site.guarded.embedded = True
    headers = site.client().get("/nowhere").headers
    assert "frame-ancestors 'self' https://huggingface.co" in headers["content-security-policy"]
    assert "x-frame-options" not in headers


@pytest.mark.parametrize("at", ["/gradio_api/file=", "/gallery/file/"])
def test_a_file_that_was_given_is_no_page_of_this_site(site: Site, at: str) -> None:
    for name in ("x.html", "x.svg", "x.txt"):
        headers = site.client().get(at + name).headers
        assert headers["content-disposition"] == "attachment", name
        assert "sandbox" in headers["content-security-policy"]
        assert headers["x-content-type-options"] == "nosniff"
    assert "content-disposition" not in site.client().get(f"{at}x.png").headers


def test_a_body_is_checked_before_any_route_and_reaches_it_whole(site: Site) -> None:
    client = site.client()
    assert client.post("/gallery/state", json={"words": "é" * 90_000}).json()["words"][-1] == "é"
    for body in (b'{"k": NaN}', b'{"w": "\\ud800"}', b"[]", b"{", b"[" * 100_000):
        answer = client.post("/gallery/state", content=body)
        assert answer.status_code == 422
        assert answer.json()["sentence"].endswith(".")
    assert client.post("/gallery/state", content=bytes(17 * MB)).status_code == 413


def test_presence_lasts_as_long_as_the_connection(site: Site) -> None:
    assert site.client().get("/gradio_api/heartbeat/me").json() is True
    assert not site.presence.here("me")


def test_uploads_are_bounded_by_request_and_by_address(site: Site) -> None:
    client = site.client()
    assert client.post("/gallery/give", content=bytes(22 * MB)).status_code == 413
    many = [("files", (f"{i}.txt", b"x")) for i in range(900)]
    assert client.post("/gradio_api/upload", files=many).status_code == 413
    assert client.post("/gradio_api/upload", files=many[:MAX_FILES]).status_code == 200
    large = bytes(19 * MB)
    codes = [client.post("/gallery/give", content=large).status_code for _ in range(10)]
    assert codes.count(200) == 8
    refused = client.post("/gallery/give", content=large)
    assert refused.status_code == 429
    assert "ten minutes" in refused.json()["sentence"]
    assert site.client("10.0.0.7").post("/gallery/give", content=large).status_code == 200
    site.now_s = 601
    assert client.post("/gallery/give", content=large).status_code == 200


@pytest.mark.parametrize("path", ["/gallery/why", "/shared/run/mp4", "/labels/run"])
def test_work_of_one_visitor_leaves_room_for_others(site: Site, path: str) -> None:
    """Two at once, a few more that wait, and the rest are told."""
    with site.client() as client, ThreadPoolExecutor(24) as pool:
        ask = client.get if path.startswith(HEAVY_FILES) else partial(client.post, json={})
        asked = [pool.submit(ask, path) for _ in range(24)]
        refused = [done.result() for done in islice(as_completed(asked), 14)]
        assert {answer.status_code for answer in refused} == {429}
        assert "much at once" in refused[0].json()["sentence"]
        site.working.acquire()
        site.working.acquire()
        assert not site.working.acquire(blocking=False), "two at once"
        assert client.post("/gallery/state", json={}).status_code == 200
        site.go_on.set()
        codes = Counter(one.result().status_code for one in asked)
    assert set(codes) == {200, 429}
    assert codes[200] >= 2


def test_an_open_body_is_not_waited_for_without_end(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.admission.guard.BODY_S", 0.01)
    told: list[dict[str, object]] = []

    async def never() -> dict[str, object]:
        await asyncio.Event().wait()
        return {}

    async def take(message: dict[str, object]) -> None:
        told.append(message)

    scope = {
        "type": "http",
        "method": "POST",
        "path": "/gallery/state",
        "query_string": b"",
        "headers": [(b"host", b"127.0.0.1:7860")],
    }
    asyncio.run(site.guarded(scope, never, take))
    assert told[0]["status"] == 408
