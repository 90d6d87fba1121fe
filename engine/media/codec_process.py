"""A separate program that reads requests on its stdin and answers on its stdout.

For codecs whose packages conflict with ours: it runs in a Python environment of its own. The caller
of the engine sets the command, never a checkpoint. A message either way is a line of JSON, followed
by as many raw bytes as its "bytes" states; `speech_codec/emova.py` describes the requests.
Owns: `SpeechProcess`, which starts it, waits no longer than it may, starts it once more where it
ended at work, and ends it. Does not own: what the bytes mean (`engine.media.external_codec`).
"""

import json
import os
import selectors
import shlex
import signal
import subprocess
import tempfile
import threading
import time
import weakref
from collections.abc import Mapping
from contextlib import suppress
from typing import IO, Any

from engine.api.errors import DeviceError

START_S, ANSWER_S, LAST_S = 600.0, 120.0, 2.0
"""Time limits to start, to answer, and to exit once its stdin is closed."""
PIECE_BYTES, LINE_BYTES, CONTENT_BYTES = 2**16, 2**16, 2**28
"""The sizes of one read, of the longest line and of the longest content."""
TOLD_LINES, TOLD_CHARACTERS = 3, 400
"""The part of its stderr that an error message quotes: last lines, and characters."""
Message = tuple[dict[str, Any], bytes]


class SpeechProcess:
    """The program of a command line, which starts at once. start_s, answer_s: how long it may take
    to be ready, and to answer. Threads may share it: one request at a time."""

    def __init__(
        self, command: str, *, start_s: float = START_S, answer_s: float = ANSWER_S
    ) -> None:
        """Raises: DeviceError where there is no such program."""
        try:
            self._words = shlex.split(command)
        except ValueError as error:
            raise DeviceError(f"the speech codec's command is cut off: {command}") from error
        self._start_s, self._answer_s = start_s, answer_s
        self._lock = threading.Lock()
        self._greeting: dict[str, Any] | None = None
        self._child = _Child(self._words)

    def greeting(self) -> Mapping[str, Any]:
        """Return the header that it sends as soon as it is ready.

        Raises: DeviceError where it ends before that, is silent too long or not understood.
        """
        with self._lock:
            return self._ready()

    def ask(self, content: bytes, **asked: Any) -> bytes:
        """The content of its answer to a message. The request is repeated once if it ended before.

        Raises: DeviceError with its own words where it cannot answer, and where it ended twice, is
        silent too long or not understood; the next message finds it started anew.
        """
        line = json.dumps({**asked, "bytes": len(content)}).encode()
        with self._lock:
            said, found = self._asked(line + b"\n" + content)
        if "error" in said:
            raise DeviceError(f"the speech codec says: {said['error']}")
        return found

    def close(self) -> None:
        """Ends it; the next message would start it again."""
        self._child.end()

    def _asked(self, sent: bytes) -> Message:
        with suppress(EOFError):
            return self._exchanged(sent)
        try:
            return self._exchanged(sent)
        except EOFError as error:
            raise self._failed("ended twice at the same work") from error

    def _exchanged(self, sent: bytes) -> Message:
        self._ready()
        return self._answered(sent, self._answer_s)

    def _ready(self) -> Mapping[str, Any]:
        if not self._child.lives:
            self._greeting, self._child = None, _Child(self._words)
        if self._greeting is None:
            try:
                self._greeting, _ = self._answered(b"", self._start_s)
            except EOFError as error:
                raise self._failed("ended before it was ready") from error
        return self._greeting

    def _answered(self, sent: bytes, within_s: float) -> Message:
        """Raises: EOFError where it ended, which it then has."""
        try:
            return self._child.exchange(sent, within_s)
        except EOFError:
            self._child.end()
            raise
        except TimeoutError as error:
            raise self._failed(f"did not answer within {within_s:g} s") from error
        except ValueError as error:
            raise self._failed(f"is not understood ({error})") from error

    def _failed(self, how: str) -> DeviceError:
        """End the process, and return an error that quotes the end of its stderr."""
        self._child.end()
        told = self._child.told()
        return DeviceError(f"the speech codec {how}" + (f": {told}" if told else ""))


class _Child:
    """One running program. It is ended with the last reference to it, at the latest with ours."""

    def __init__(self, words: list[str]) -> None:
        self._stderr = tempfile.TemporaryFile()  # noqa: SIM115
        try:
            process = subprocess.Popen(
                words,
                bufsize=0,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=self._stderr,
                start_new_session=True,
            )
        except (OSError, IndexError) as error:
            name = words[0] if words else "no command"
            raise DeviceError(f"the speech codec cannot be started: {name}: {error}") from error
        assert process.stdin is not None and process.stdout is not None
        self._stdin, self._stdout = process.stdin, process.stdout
        for pipe in (self._stdin, self._stdout):
            os.set_blocking(pipe.fileno(), False)
        self._finish = weakref.finalize(self, _ended, process)

    @property
    def lives(self) -> bool:
        """Return whether it was not ended from here; it may have exited by itself."""
        return self._finish.alive

    def end(self) -> None:
        self._finish()

    def exchange(self, sent: bytes, within_s: float) -> Message:
        """The next message that it says, once it has read what is sent; neither side waits for a
        pipe that the other one does not empty.

        Raises: EOFError where it ended, TimeoutError, ValueError where it says something else.
        """
        until_s = time.monotonic() + within_s
        left, found = memoryview(sent), bytearray()
        whole: Message | None = None
        with selectors.DefaultSelector() as selector:
            selector.register(self._stdout, selectors.EVENT_READ)
            if left:
                selector.register(self._stdin, selectors.EVENT_WRITE)
            while left or whole is None:
                if time.monotonic() > until_s:
                    raise TimeoutError
                for key, _ in selector.select(max(0.0, until_s - time.monotonic())):
                    if key.fileobj is self._stdout:
                        found += _read(self._stdout)
                        whole = _whole(found)
                    else:
                        left = left[_written(self._stdin, left) :]
                        if not left:
                            selector.unregister(self._stdin)
        return whole

    def told(self) -> str:
        """The end of what it wrote to stderr."""
        self._stderr.seek(max(0, self._stderr.seek(0, os.SEEK_END) - PIECE_BYTES))
        lines = self._stderr.read().decode(errors="replace").split("\n")
        last = [line.strip() for line in lines if line.strip()][-TOLD_LINES:]
        return " | ".join(last)[-TOLD_CHARACTERS:]


def _read(pipe: IO[bytes]) -> bytes:
    piece = os.read(pipe.fileno(), PIECE_BYTES)
    if not piece:
        raise EOFError
    return piece


def _written(pipe: IO[bytes], content: memoryview) -> int:
    try:
        return os.write(pipe.fileno(), content[:PIECE_BYTES])
    except BlockingIOError:
        return 0
    except BrokenPipeError as error:
        raise EOFError from error


def _whole(found: bytearray) -> Message | None:
    """The message, once all of it is there. Raises: ValueError where it is none."""
    line, end, rest = found.partition(b"\n")
    if not end and len(line) <= LINE_BYTES:
        return None
    try:
        said = json.loads(line)
    except ValueError as error:
        raise ValueError(f"it says {bytes(line[:80])!r}") from error
    size = said.get("bytes", 0) if isinstance(said, dict) else -1
    if not isinstance(size, int) or not 0 <= size <= CONTENT_BYTES or len(rest) > size:
        raise ValueError(f"it says {bytes(line[:80])!r}, and {len(rest)} bytes")
    return (said, bytes(rest)) if len(rest) == size else None


def _ended(process: subprocess.Popen[bytes]) -> None:
    """Close its stdin, which ends it; kill it with its children if it goes on."""
    assert process.stdin is not None and process.stdout is not None
    process.stdin.close()
    try:
        process.wait(LAST_S)
    except subprocess.TimeoutExpired:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    process.stdout.close()
