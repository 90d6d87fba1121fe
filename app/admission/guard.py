"""The ASGI middleware in front of every route: the one place that lets a request in.

Owns: the order of the rules. The rules themselves: `app.admission.origins` (who), `json_body`
(what), `uploads` and `app.stream.slots` (how much), `response_headers` (what an answer carries).
"""

import asyncio
import json
import logging
import re
from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from urllib.parse import parse_qs

from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.admission.json_body import MAX_JSON_BYTES, check_names, read_json
from app.admission.origins import Origins, Refusal
from app.admission.response_headers import with_page_headers
from app.admission.uploads import MAX_REQUEST_BYTES, TOO_LARGE, UploadQuota, num_files
from app.stream.presence import Presence
from app.stream.slots import NoSlotError, Pool, Slots

logger = logging.getLogger(__name__)

API = "/gradio_api"
CLOSED = re.compile(
    r"/(monitoring|docs|redoc|login|logout)(/|$)|/openapi\.json$|"
    rf"{API}/(dev|(undo-)?vibe-.*|profiling|process_recording|run-history|runs|deep_link|token|"
    r"custom_component|stream)(/|$)|"
    rf"{API}/(proxy=|file=https?:|file/https?:)"
)
"""Routes of Gradio's that this page uses nowhere."""
UPLOADS = (f"{API}/upload", "/gallery/give")
HEAVY = ("/gallery/why", "/gallery/map")
HEAVY_FUNCTIONS = ("exported",)
"""Server functions of components that take long."""
HEAVY_FILES = ("/shared/", "/labels/")
"""Paths below which each answer is made from a run when it is asked for."""
STREAM = re.compile(rf"{API}/(?:heartbeat|call/(?:v2/)?[^/]+)/([^/]+)$")
STREAM_OF_QUEUE = f"{API}/queue/data"
BODY_S = 60.0
"""The time in which a request's body has to be here."""
GONE = Refusal(404, "There is nothing here.")
SLOW = Refusal(408, "This request did not arrive in time: try again.")
BUSY = Refusal(429, "You have asked for much at once: wait until some of it is done.")
NOT_ANSWERED = Refusal(400, "This could not be answered as it was asked: load the page again.")
EVENTS = re.compile(rf"{API}/(run|api|call|queue/join|component_server|cancel)(/|$)")
"""Routes in which Gradio answers values of a wrong kind with the status of a server's error."""
FORM = Refusal(415, "Send JSON.")


class _RefusedError(Exception):
    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal.sentence)
        self.refusal = refusal


@dataclass
class Guard:
    """See the module's docstring. embedded: whether other sites may show the page in a frame, and a
    proxy of theirs stands in front (a Space). heard: is told each session that a request names."""

    app: ASGIApp
    origins: Origins = field(default_factory=Origins)
    presence: Presence = field(default_factory=Presence)
    embedded: bool = False
    heard: Callable[[str], None] = lambda session: None
    uploads: UploadQuota = field(default_factory=UploadQuota)

    def __post_init__(self) -> None:
        self._streams = Slots(total=1024, each=256)
        self._bodies = Slots(total=64, each=48)
        self._pool = Pool(2, 2, waiting=8, patience_s=5.0)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self.app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        if self.embedded and (forwarded := headers.get("x-forwarded-for")):
            scope["client"] = (forwarded, 0)
        method = scope.get("method", "GET")
        refusal = self.origins.refusal(headers, method, scope.get("http_version", "1.1"))
        if refusal is None and CLOSED.match(scope["path"]):
            refusal = GONE
        if scope["type"] == "websocket":
            await (self.app(scope, receive, send) if refusal is None else _shut(receive, send))
            return
        answer = _Answer(send, scope["path"], headers.get("host", "").lower(), self.embedded)
        if refusal is None:
            try:
                await self._let_in(scope, headers, receive, answer)
            except _RefusedError as refused:
                refusal = refused.refusal
            except NoSlotError:
                refusal = BUSY
        if refusal is not None:
            await answer.refuse(refusal)

    async def _let_in(
        self, scope: Scope, headers: Headers, receive: Receive, answer: "_Answer"
    ) -> None:
        path, method = scope["path"], scope["method"]
        address = (scope.get("client") or ("",))[0]
        async with AsyncExitStack() as held:
            if method == "GET" and (session := _session_of_stream(scope)):
                await held.enter_async_context(self._streams.one(address))
                held.enter_context(self.presence.staying(session))
            if path.startswith(HEAVY_FILES):
                await held.enter_async_context(self._pool.one(address))
            if method == "POST":
                receive = await self._read(path, headers, address, receive, held)
            await self.app(scope, receive, answer)

    async def _read(
        self, path: str, headers: Headers, address: str, receive: Receive, held: AsyncExitStack
    ) -> Receive:
        """Return the request's body, checked, as something to receive from."""
        kind = headers.get("content-type", "")
        if path.startswith(UPLOADS):
            async with self._bodies.one(address):
                body = await _whole_body(receive, headers, MAX_REQUEST_BYTES)
            _raise(self.uploads.refusal(address, num_files(kind, body), len(body)))
            return _replay(body, receive)
        if kind.startswith("multipart/"):
            raise _RefusedError(FORM)
        async with self._bodies.one(address):
            body = await _whole_body(receive, headers, MAX_JSON_BYTES)
        asked = await _json_of(path, body)
        session = str(asked.get("session_hash") or asked.get("viewer") or "")
        if session and path.startswith(API):
            self.heard(session)
        if path in HEAVY or asked.get("fn_name") in HEAVY_FUNCTIONS:
            visitor = session if self.presence.here(session) else address
            await held.enter_async_context(self._pool.one(visitor))
        return _replay(body, receive)


@dataclass
class _Answer:
    """An answer on its way, to which our headers are added."""

    send: Send
    path: str
    host: str
    embedded: bool
    begun: bool = False
    failed: bool = False

    async def __call__(self, message: Message) -> None:
        if self.failed:
            return
        if message["type"] == "http.response.start":
            if message["status"] == 500 and EVENTS.match(self.path):
                await self.refuse(NOT_ANSWERED)
                self.failed = True
                return
            self.begun = True
            given = message.get("headers", ())
            headers = with_page_headers(self.path, given, self.host, embedded=self.embedded)
            message = {**message, "headers": headers}
        await self.send(message)

    async def refuse(self, refusal: Refusal) -> None:
        """Send a sentence, in our name and in that of Gradio's errors."""
        if self.begun:
            return
        told = dict.fromkeys(("sentence", "detail", "error"), refusal.sentence)
        body = json.dumps(told).encode()
        headers = [(b"content-type", b"application/json")]
        headers.append((b"content-length", str(len(body)).encode()))
        await self({"type": "http.response.start", "status": refusal.status, "headers": headers})
        await self({"type": "http.response.body", "body": body})


async def not_answered(request: Request, error: Exception) -> JSONResponse:
    """Answer a request whose values led to an error that no route expects."""
    logger.info("%s: %r", request.url.path, error)
    return JSONResponse({"sentence": NOT_ANSWERED.sentence}, NOT_ANSWERED.status)


UNEXPECTED = (LookupError, TypeError, ValueError, AttributeError)
"""The errors that a request's values lead to in Gradio."""


def _session_of_stream(scope: Scope) -> str:
    """Return the session that a connection stays open for, or nothing."""
    if scope["path"] == STREAM_OF_QUEUE:
        return parse_qs(scope["query_string"].decode("latin-1")).get("session_hash", [""])[0]
    found = STREAM.match(scope["path"])
    return found[1] if found else ""


async def _json_of(path: str, body: bytes) -> dict[str, object]:
    try:
        asked = read_json(body) if len(body) < 2**16 else await asyncio.to_thread(read_json, body)
        check_names(asked)
    except ValueError as error:
        raise _RefusedError(Refusal(422, str(error))) from error
    return asked


async def _whole_body(receive: Receive, headers: Headers, limit: int) -> bytes:
    length = headers.get("content-length", "")
    if length.isdigit() and int(length) > limit:
        raise _RefusedError(Refusal(413, TOO_LARGE))
    body = bytearray()
    try:
        async with asyncio.timeout(BODY_S):
            more = True
            while more:
                message = await receive()
                body += message.get("body", b"")
                more = message.get("more_body", False)
                if len(body) > limit:
                    raise _RefusedError(Refusal(413, TOO_LARGE))
    except TimeoutError:
        raise _RefusedError(SLOW) from None
    return bytes(body)


def _replay(body: bytes, receive: Receive) -> Receive:
    """A body that was read, once more; then what really comes, such as a visitor's leaving."""
    left = [body]

    async def again() -> Message:
        if left:
            return {"type": "http.request", "body": left.pop(), "more_body": False}
        return await receive()

    return again


async def _shut(receive: Receive, send: Send) -> None:
    """Refuse a websocket before its handshake (HTTP 403)."""
    await receive()
    await send({"type": "websocket.close", "code": 1008})


def _raise(refusal: Refusal | None) -> None:
    if refusal is not None:
        raise _RefusedError(refusal)
