"""/v1/realtime: a conversation that is spoken live, over a websocket.

The client sends events and gets events, in JSON, as OpenAI's Realtime API names them. Extension:
`?resume=SESSION_ID&after=EVENT_NUMBER` goes on with a session that was cut off. Owns: the socket.
Does not own: what the events do (`serving.realtime.session`).
"""

import asyncio
from contextlib import suppress

from fastapi import APIRouter, WebSocket, WebSocketDisconnect

from serving.errors import ApiError, as_api_error, missing
from serving.generation import ready_worker
from serving.realtime.event_log import EventLog, EventsLostError, error_fields
from serving.realtime.open_sessions import LATER, OVER, OpenSessions
from serving.realtime.session import Session

ROUTER = APIRouter(tags=["realtime"])
PARAMETERS = ("model", "resume", "after")
REFUSED = 1008
LEFT = (1000, 1001)
"""Codes with which a client closes a socket that it does not miss."""
NO_NUMBER = "'after' is the number of the last event that came: 12 where its id is event_12."
LOST = "What comes after event {} is not kept any more: connect without resume."
SLOW = "The events are made faster than they are read: connect again and read them at once."
REASON_BYTES = 120
"""The longest reason that fits into the frame that closes a websocket, about."""


@ROUTER.websocket("/v1/realtime")
async def converse(socket: WebSocket) -> None:
    """Let a client speak with the model."""
    await socket.accept()
    try:
        session, after = _session(socket)
    except ApiError as error:
        with suppress(RuntimeError, WebSocketDisconnect):  # the client has left
            await _refuse(socket, error, LATER if error.retry else REFUSED)
        return
    left = session.attach(resumed="resume" in socket.query_params)
    receiving = asyncio.create_task(_receive(socket, session))
    others = (
        asyncio.create_task(_send(socket, session, after)),
        asyncio.create_task(left.wait()),
    )
    try:
        await asyncio.wait({receiving, *others}, return_when=asyncio.FIRST_COMPLETED)
        if left.is_set():
            return
        if session.end_code is not None or _said_goodbye(receiving):
            _sessions(socket).close(session)
        else:
            session.detach()
    finally:
        for task in (receiving, *others):
            task.cancel()
        with suppress(RuntimeError, WebSocketDisconnect):  # it is closed
            await socket.close(session.end_code or OVER)


def _said_goodbye(receiving: asyncio.Task[int]) -> bool:
    """Return whether the client closed the socket on purpose."""
    ended = receiving.done() and not receiving.cancelled() and receiving.exception() is None
    return ended and receiving.result() in LEFT


async def _receive(socket: WebSocket, session: Session) -> int:
    """Take the client's events; return the code with which it closed the socket."""
    while (message := await socket.receive())["type"] != "websocket.disconnect":
        await session.take(message.get("text") or "")
    return message.get("code") or 1005


async def _send(socket: WebSocket, session: Session, after: int) -> None:
    """Send the events behind a number, until the session is over or the socket breaks."""
    try:
        async for event in session.log.follow(after):
            await socket.send_text(event)
    except EventsLostError:
        session.end(None, LATER)
        await _refuse(socket, ApiError(429, SLOW, code="events_lost"), LATER)
    except (RuntimeError, WebSocketDisconnect):  # the one who receives says so
        await asyncio.Event().wait()


def _session(socket: WebSocket) -> tuple[Session, int]:
    """Return the session that a client asks for, and the number of the last event that it has.
    Raises: ApiError."""
    said = socket.query_params
    for name in said:
        if name not in PARAMETERS:
            raise ApiError(
                400, f"Unknown parameter: '{name[:80]}'.", param=name, code="unknown_parameter"
            )
    if "model" not in said:
        raise missing("model")
    ready_worker(socket, said["model"])
    sessions, owner = _sessions(socket), socket.state.owner
    if "resume" not in said:
        return sessions.open(owner), 0
    session, after = sessions.find(said["resume"], owner), _number(said.get("after", ""))
    if not session.log.keeps(after):
        raise ApiError(410, LOST.format(after), param="after", code="events_lost")
    return session, after


def _sessions(socket: WebSocket) -> OpenSessions:
    state = socket.app.state
    if not hasattr(state, "realtime_sessions"):
        state.realtime_sessions = OpenSessions(state.worker)
    return state.realtime_sessions


def _number(text: str) -> int:
    if not (text.isascii() and text.isdigit()):
        raise ApiError(400, NO_NUMBER, param="after", code="invalid_value")
    return int(text)


async def _refuse(socket: WebSocket, error: ApiError, code: int) -> None:
    """Tell why there is no session, and close the socket."""
    log = EventLog()
    log.add("error", error=error_fields(as_api_error(error)))
    log.end()
    async for event in log.follow(0):
        await socket.send_text(event)
    await socket.close(code, str(error.detail).encode()[:REASON_BYTES].decode(errors="ignore"))
