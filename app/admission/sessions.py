"""The sessions that Gradio keeps: it would keep every name that a request makes up.

Gradio drops the session that was used least, whoever that is. Here those go first that nobody is
connected for, so that inventing names costs no visitor a conversation.
"""

from typing import Any

from app.stream.presence import Presence

MAX_ABSENT = 30
"""Sessions kept of which nobody is connected: the last ones."""


class Sessions:
    """The sessions of a page, a `gradio.Blocks`."""

    def __init__(self, page: Any, presence: Presence) -> None:
        self._page, self._presence = page, presence
        self._heard: dict[str, None] = {}

    def heard(self, session: str) -> None:
        """A request names a session; the oldest absent ones go. Called in the event loop."""
        self._heard.pop(session, None)
        self._heard[session] = None
        if len(self._heard) <= MAX_ABSENT:
            return
        absent = [name for name in self._heard if not self._presence.here(name)]
        for name in absent[: max(0, len(absent) - MAX_ABSENT)]:
            self._drop(name)

    def _drop(self, name: str) -> None:
        queue, states = self._page._queue, self._page.state_holder
        events = queue.pending_event_ids_session.get(name, ())
        if any(event in queue.event_ids_to_events for event in events):
            return
        del self._heard[name]
        queue.pending_event_ids_session.pop(name, None)
        queue.pending_messages_per_session.pop(name, None)
        with states.lock:
            states.session_data.pop(name, None)
            states.time_last_used.pop(name, None)
