"""Admission of requests: the key, the size of the body, and the id and count of every request.

Plain ASGI, so that a stream passes through unchanged. Owns: `Admission`. Does not own: how many run
at once (`serving.scheduler`).
"""

import hmac
import uuid
from collections.abc import Sequence

from starlette.requests import HTTPConnection, Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from serving.errors import ApiError, answer
from serving.worker import Worker

LOCKED = "/v1/"
"""Paths that need a key, where there are keys."""
REFUSED = 1008
"""The code of a websocket that is closed by policy."""
NO_KEY = "You did not say an API key: send it in the header Authorization: Bearer YOUR_KEY."
WRONG_KEY = "This API key is not known here: check it, or ask whoever runs the server for one."


class Admission:
    """Lets a request through to `application`, or answers it."""

    def __init__(self, application: ASGIApp, worker: Worker) -> None:
        self._application, self._worker = application, worker
        self._settings, self._metrics = worker.settings, worker.metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":
            await self._admit_socket(scope, receive, send)
            return
        if scope["type"] != "http":
            await self._application(scope, receive, send)
            return
        request_id = f"req_{uuid.uuid4().hex}"
        request = Request(scope)

        async def tell(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = [*message.get("headers", []), (b"x-request-id", request_id.encode())]
                message = {**message, "headers": headers}
                route = scope.get("route")
                path = "unknown" if route is None else route.path
                self._metrics.answered(path, message["status"])
            await send(message)

        try:
            owner = self._owner(request)
            self._check_length(request)
        except ApiError as error:
            await answer(error)(scope, receive, tell)
            return
        scope.setdefault("state", {}).update(owner=owner, request_id=request_id)
        limited = _Limited(receive, self._settings.most_body_bytes)
        with self._worker.answering():
            await self._application(scope, limited, tell)

    async def _admit_socket(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a page's server through. A browser, which says whose page it shows, has no business
        here: any site could make it open a socket to this machine."""
        socket = HTTPConnection(scope)
        try:
            if "origin" in socket.headers:
                raise ApiError(403, "A browser cannot speak to a worker.", code="browser")
            owner = self._owner(socket)
        except ApiError as error:
            await send({"type": "websocket.close", "code": REFUSED, "reason": str(error.detail)})
            return
        scope.setdefault("state", {}).update(owner=owner)
        with self._worker.answering():
            await self._application(scope, receive, send)

    def _owner(self, request: HTTPConnection) -> str:
        """Return the name under which a client's share is counted: never its key. Raises: ApiError
        where it has none of the keys."""
        keys = self._settings.keys
        if keys and request.url.path.startswith(LOCKED):
            return f"key {_which(keys, request.headers.get('authorization', ''))}"
        return "anyone" if request.client is None else request.client.host

    def _check_length(self, request: Request) -> None:
        said = request.headers.get("content-length", "0")
        if said.isdigit() and int(said) > self._settings.most_body_bytes:
            raise too_large(self._settings.most_body_bytes)


class _Limited:
    """A body that ends with an error where it is longer than it may be, whatever it said."""

    def __init__(self, receive: Receive, most_bytes: int) -> None:
        self._receive, self._most, self._come = receive, most_bytes, 0

    async def __call__(self) -> Message:
        message = await self._receive()
        self._come += len(message.get("body", b""))
        if self._come > self._most:
            raise too_large(self._most)
        return message


def too_large(most_bytes: int) -> ApiError:
    """The error for a body that is too long."""
    return ApiError(
        413,
        f"The request has more than {most_bytes // 2**20} MiB: send smaller files.",
        code="request_too_large",
    )


def _which(keys: Sequence[str], header: str) -> int:
    """Return the number of the key in a header, compared in constant time. Raises: ApiError."""
    kind, _, said = header.partition(" ")
    if kind.lower() != "bearer" or not said.strip():
        raise ApiError(401, NO_KEY, code="invalid_api_key")
    sent = said.strip().encode()
    same = [hmac.compare_digest(sent, key.encode()) for key in keys]
    if not any(same):
        raise ApiError(401, WRONG_KEY, code="invalid_api_key")
    return same.index(True)
