"""The visitors who are here: those whose page holds a connection open."""

import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager


class Presence:
    """The connections that are open, by the name of the session that opened them."""

    def __init__(self) -> None:
        self._open: Counter[str] = Counter()
        self._lock = threading.Lock()

    def here(self, session: str) -> bool:
        """Return whether somebody of this session is connected now."""
        return bool(session) and self._open[session] > 0

    @contextmanager
    def staying(self, session: str) -> Iterator[None]:
        """Count a connection of a session for as long as it is open."""
        with self._lock:
            self._open[session] += 1
        try:
            yield
        finally:
            with self._lock:
                self._open[session] -= 1
                if not self._open[session]:
                    del self._open[session]
