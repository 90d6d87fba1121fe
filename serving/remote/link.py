"""The connection to a worker: questions by HTTP, runs by websocket, and what goes wrong as errors.

Owns: `Link`, `AwayError`. Does not own: what to do while a worker is away
(`serving.remote.remote_engine`).
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import httpx
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidStatus
from websockets.sync.client import ClientConnection, connect

from engine.api.errors import DeviceError
from serving.remote.packing import MAX_BYTES, pack, unpack
from serving.remote.questions import MEDIA_TYPE, VERSION, About, Asked, Question

PATH = "/v1/engine"
CONNECT_S = 5.0
ANSWER_S = 120.0
"""The time for an answer to a question; it waits for its turn among the runs."""
PING_S = 5.0
REFUSED = (401, 403)
NO_ENTRY = "The worker does not let this page in: check NEXT_OMNI_ENGINE_KEY."
RETRIED = ("model_loading", "server_stopping", "rate_limit_exceeded")
"""The codes of errors that pass by themselves."""


class AwayError(Exception):
    """The worker cannot be reached, or takes no work for now."""


@dataclass(frozen=True)
class Link:
    """address: of a worker, as http://HOST:8000. key: its API key, "" where it has none.

    Raises: ValueError where that is no address.
    """

    address: str
    key: str = ""

    def __post_init__(self) -> None:
        try:
            parts = urlsplit(self.address)
            known = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
        except ValueError:
            known = False
        if not known:
            raise ValueError(
                f"the engine's address is like http://HOST:8000, not {self.address[:80]!r}"
            )

    def about(self) -> About:
        """Return what engine is there. Raises: AwayError; ValueError where it is none of ours."""
        content = self._http("GET", None)
        about = unpack(About, content)
        if about.version != VERSION:
            raise ValueError(
                f"the worker speaks version {about.version} of these calls and the page version "
                f"{VERSION}: install the same version on both"
            )
        return about

    def ask(self, question: Question) -> Any:
        """Return the answer to a question. Raises: AwayError, and what the engine raises."""
        return unpack(question.answer, self._http("POST", pack(Asked(question))))

    def _http(self, method: str, content: bytes | None) -> bytes:
        headers = {"Content-Type": MEDIA_TYPE, **self._headers}
        timeout = httpx.Timeout(ANSWER_S, connect=CONNECT_S)
        try:
            found = httpx.request(
                method, self._url(), content=content, headers=headers, timeout=timeout
            )
        except httpx.TransportError as error:
            raise AwayError(str(error)) from error
        if found.is_success:
            return found.content
        raise refusal(_error_of(found))

    @contextmanager
    def run(self) -> Iterator[ClientConnection]:
        """Open a websocket for one run. Raises: AwayError, also where it breaks in the block."""
        address = f"ws{self._url().removeprefix('http')}/runs"
        try:
            with connect(
                address,
                additional_headers=self._headers,
                open_timeout=CONNECT_S,
                close_timeout=1,
                ping_interval=PING_S,
                ping_timeout=4 * PING_S,
                max_size=MAX_BYTES,
                compression=None,
            ) as socket:
                yield socket
        except (OSError, ConnectionClosed, InvalidHandshake) as error:
            if isinstance(error, InvalidStatus) and error.response.status_code in REFUSED:
                raise DeviceError(NO_ENTRY) from error
            raise AwayError(str(error)) from error

    @property
    def _headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.key}"} if self.key else {}

    def _url(self) -> str:
        return self.address.rstrip("/") + PATH


def refusal(error: dict[str, Any]) -> Exception:
    """Return the exception for an error object of a worker."""
    message, code = str(error.get("message", "")), error.get("code")
    if code in RETRIED:
        return AwayError(message)
    if code in ("invalid_value", "invalid_type"):
        return ValueError(f"{message[:1].lower()}{message[1:]}")
    return DeviceError(message)


def _error_of(answer: httpx.Response) -> dict[str, Any]:
    try:
        found = answer.json()["error"]
        assert isinstance(found, dict)
    except (ValueError, KeyError, TypeError, AssertionError):
        what = f"no worker of this program answers there (HTTP {answer.status_code})"
        return {"message": f"{what}: check the address", "code": "invalid_value"}
    return found
