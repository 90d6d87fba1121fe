"""A line to a server that can be cut: every connection breaks, as when a machine dies."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from urllib.parse import urlsplit


class Cable:
    """Listens at `address` and passes everything on to a server, unless it is unplugged."""

    def __init__(self, server: str) -> None:
        parts = urlsplit(server)
        self._server = (parts.hostname, parts.port)
        self._entrance = socket.create_server(("127.0.0.1", 0))
        self.address = f"http://127.0.0.1:{self._entrance.getsockname()[1]}"
        self._ends: list[socket.socket] = []
        self._plugged = True
        threading.Thread(target=self._accept, daemon=True).start()

    def cut(self) -> None:
        """Break every connection; new ones are taken."""
        ends, self._ends = self._ends, []
        for end in ends:
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def unplug(self) -> None:
        """Break every connection, and new ones at once."""
        self._plugged = False
        self.cut()

    def plug_in(self) -> None:
        """Take new connections again."""
        self._plugged = True

    def close(self) -> None:
        """Take no more connections."""
        self._entrance.close()
        self.cut()

    def _accept(self) -> None:
        with suppress(OSError):  # it is closed
            while True:
                near, _ = self._entrance.accept()
                if not self._plugged:
                    near.close()
                    continue
                far = socket.create_connection(self._server)
                self._ends += [near, far]
                for one, other in ((near, far), (far, near)):
                    threading.Thread(target=_pass_on, args=(one, other), daemon=True).start()


def _pass_on(one: socket.socket, other: socket.socket) -> None:
    with one, other:
        with suppress(OSError):
            while content := one.recv(2**16):
                other.sendall(content)
        for end in (one, other):
            with suppress(OSError):  # closed while the other thread reads, it would stay open
                end.shutdown(socket.SHUT_RDWR)


@contextmanager
def cable(server: str) -> Iterator[Cable]:
    """A cable to a server, for a block."""
    found = Cable(server)
    try:
        yield found
    finally:
        found.close()
