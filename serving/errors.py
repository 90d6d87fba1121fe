"""Failures as the error object of the OpenAI API.

`{"error": {"message", "type", "param", "code"}}`, with a sentence that says what to do. Owns:
`ApiError`, the handlers. Does not own: what is wrong with an input (the engine's ValueErrors).
"""

from collections.abc import Sequence
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import ValidationError
from starlette.exceptions import HTTPException

from engine.api.errors import DeviceError
from serving.run_log import LOGGER
from serving.scheduler import QueueFullError

INVALID = "invalid_request_error"
SERVER = "server_error"
RETRY_S = 2


class ApiError(HTTPException):
    """An answer that is an error. retry: whether the same request may succeed later."""

    def __init__(
        self,
        status: int,
        message: str,
        *,
        kind: str = INVALID,
        param: str | None = None,
        code: str | None = None,
        retry: bool = False,
    ) -> None:
        super().__init__(status, message)
        self.retry = retry
        self.body = {"message": message, "type": kind, "param": param, "code": code}


def unavailable(message: str, code: str) -> ApiError:
    """The error where the server cannot answer now."""
    return ApiError(503, message, kind=SERVER, code=code, retry=True)


def server_stopping() -> ApiError:
    """The error where the server takes no new requests, or gave up an open one."""
    return unavailable(
        "This server is stopping and takes no new requests: try again, another one may answer.",
        "server_stopping",
    )


def missing(name: str) -> ApiError:
    """The error where a request lacks a parameter."""
    message = f"Missing required parameter: '{name}'."
    return ApiError(400, message, param=name, code="missing_required_parameter")


def as_api_error(error: Exception) -> ApiError:
    """Return the error to answer with; what nobody foresaw is said to be ours, without details."""
    match error:
        case ApiError():
            return error
        case QueueFullError():
            return ApiError(
                429,
                "Too many requests are waiting: try again in a few seconds.",
                kind="rate_limit_error",
                code="rate_limit_exceeded",
                retry=True,
            )
        case ValidationError():
            return invalid(error.errors())
        case ValueError():
            return ApiError(400, _sentence(str(error)), code="invalid_value")
        case DeviceError():
            return unavailable(str(error), "device_failed")
        case _:
            return ApiError(
                500,
                "Something broke in the server, not in your request: the log says what.",
                kind=SERVER,
                code="internal_error",
            )


def invalid(errors: Sequence[Any]) -> ApiError:
    """Return the error for the first thing that a request's form lacks or has too much."""
    first = errors[0]
    name = _path([part for part in first["loc"] if part != "body"])
    match first["type"]:
        case "extra_forbidden":
            message, code = f"Unknown parameter: '{name}'.", "unknown_parameter"
        case "missing":
            return missing(name)
        case "unsupported_parameter":
            name = first["ctx"]["param"]
            message, code = first["msg"], "unsupported_parameter"
        case "json_invalid":
            return ApiError(400, "The body is not valid JSON: check its quotes and commas.")
        case kind:
            what = first["msg"].removeprefix("Value error, ")
            message = f"Invalid value for '{name}': {_lowered(what)}." if name else _sentence(what)
            code = "invalid_type" if kind.endswith("_type") else "invalid_value"
    return ApiError(400, message, param=name or None, code=code)


def answer(error: ApiError) -> JSONResponse:
    """Return the response for an error."""
    headers = {"Retry-After": str(RETRY_S)} if error.retry else None
    return JSONResponse({"error": error.body}, error.status_code, headers)


def handle_errors(application: FastAPI) -> None:
    """Answer every failure of an application with an error object."""

    async def known(request: Request, error: Exception) -> JSONResponse:
        return answer(as_api_error(error))

    async def form(request: Request, error: Exception) -> JSONResponse:
        assert isinstance(error, RequestValidationError)
        return answer(invalid(error.errors()))

    async def routing(request: Request, error: Exception) -> JSONResponse:
        assert isinstance(error, HTTPException)
        method, path = request.method, request.url.path
        message = {
            404: f"Invalid URL ({method} {path}): /docs lists what there is.",
            405: f"Not allowed to {method} on {path}: /docs lists what there is.",
        }.get(error.status_code, str(error.detail))
        return answer(ApiError(error.status_code, message, code="invalid_url"))

    async def unforeseen(request: Request, error: Exception) -> JSONResponse:
        LOGGER.error("crash", exc_info=error, extra={"fields": {"path": request.url.path}})
        return answer(as_api_error(error))

    for kind in (ApiError, QueueFullError, ValidationError, ValueError, DeviceError):
        application.add_exception_handler(kind, known)
    application.add_exception_handler(RequestValidationError, form)
    application.add_exception_handler(HTTPException, routing)
    application.add_exception_handler(Exception, unforeseen)


def _path(parts: Sequence[str | int]) -> str:
    """Return the place of a value as OpenAI writes it, messages[0].content; the names of the types
    that pydantic tried are left out."""
    path = ""
    for part in parts:
        if isinstance(part, int):
            path += f"[{part}]"
        elif part.isidentifier() and part not in ("str", "int", "float", "bool"):
            path += f".{part}" if path else part
    return path


def _lowered(text: str) -> str:
    return text[:1].lower() + text[1:]


def _sentence(text: str) -> str:
    text = text[:1].upper() + text[1:]
    return text if text.endswith((".", "!", "?")) else f"{text}."
