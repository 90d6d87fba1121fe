"""The sessions of a worker: how many there may be, and how long they live.

A client that was cut off finds its session for 30 s. Owns: `OpenSessions`. Does not own: what a
session does (`serving.realtime.session`).
"""

import asyncio
import time

from serving.errors import ApiError, server_stopping
from serving.realtime.session import Session
from serving.worker import Worker

MOST_SESSIONS, MOST_OF_AN_OWNER = 64, 8
AWAY_S, IDLE_S = 30.0, 900.0
"""The time that a session waits for a client that was cut off, and for one that sends nothing."""
LOOK_S = 0.2
"""The time between two looks at whether a session is over."""
OVER, RESTARTING, LATER = 1000, 1012, 1013
"""Codes of a websocket that is closed."""
CROWDED = "Too many sessions are open: close one, or try again later."
IDLE = "Nothing was sent for {:g} minutes: connect again to go on."
UNKNOWN = (
    "There is no session '{}': one that was cut off is kept for {:g} s. Connect without resume to "
    "begin another."
)


class OpenSessions:
    """Those of one worker, by id."""

    def __init__(self, worker: Worker) -> None:
        self._worker = worker
        self._sessions: dict[str, Session] = {}
        self._looking: asyncio.Task[None] | None = None

    def open(self, owner: str) -> Session:
        """Return a new session. Raises: ApiError where there are too many."""
        mine = sum(session.owner == owner for session in self._sessions.values())
        if len(self._sessions) >= MOST_SESSIONS or mine >= MOST_OF_AN_OWNER:
            raise ApiError(
                429, CROWDED, kind="rate_limit_error", code="rate_limit_exceeded", retry=True
            )
        session = Session(self._worker, owner)
        self._sessions[session.id] = session
        if self._looking is None or self._looking.done():
            self._looking = asyncio.create_task(self._look_after())
        return session

    def find(self, session_id: str, owner: str) -> Session:
        """Return a session that is open. Raises: ApiError where this owner has none of that id."""
        found = self._sessions.get(session_id)
        if found is None or found.owner != owner or found.end_code is not None:
            message = UNKNOWN.format(session_id[:80], AWAY_S)
            raise ApiError(404, message, param="resume", code="session_not_found")
        return found

    def close(self, session: Session) -> None:
        """Forget a session whose client has left."""
        session.end(None, OVER)
        self._sessions.pop(session.id, None)

    async def _look_after(self) -> None:
        """End sessions whose time is over, until there is none."""
        while self._sessions:
            for session in list(self._sessions.values()):
                self._look_at(session)
            await asyncio.sleep(LOOK_S)

    def _look_at(self, session: Session) -> None:
        since_s = time.monotonic() - session.active_at_s
        stops = self._worker.draining.is_set()
        if not session.is_attached and (stops or since_s > AWAY_S):
            self.close(session)
        elif stops and not session.is_answering:
            session.end(server_stopping(), RESTARTING)
        elif since_s > IDLE_S and not session.is_answering:
            message = IDLE.format(IDLE_S / 60)
            session.end(ApiError(408, message, code="session_idle"), OVER)
