"""The files that visitors may give: so many and so large a request, and so many in ten minutes.

Files are known by the address that they come from: a session's name is free to invent.
"""

import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from app.admission.origins import Refusal

KEPT_S = 600
"""The time after which a file that was given is deleted, and counts no more."""
MB = 2**20
MAX_FILES = 12
"""The most files of one request."""
MAX_REQUEST_BYTES = 21 * MB
"""A file of 20 MB and what names it."""
MAX_BYTES, MAX_FILES_KEPT = 160 * MB, 120
"""The most of one address in ten minutes."""
MAX_BYTES_OF_ALL = 800 * MB
TOO_LARGE = "This is too large: 20 MB are the limit."
TOO_MANY = f"These are too many files at once: {MAX_FILES} are the limit."
TOO_MUCH = "You have given many files: try again in ten minutes."
FULL = "Too many files are here at the moment: try again in ten minutes."
NO_LENGTH = "Say how long the file is (Content-Length)."


@dataclass(frozen=True)
class _Given:
    when_s: float
    address: str
    num: int
    size: int


@dataclass
class UploadQuota:
    """The files of the last ten minutes. clock: of `time.monotonic`."""

    clock: Callable[[], float] = time.monotonic
    _given: deque[_Given] = field(default_factory=deque)

    def refusal(self, address: str, num: int, size: int) -> Refusal | None:
        """Return why files are not taken; None takes them, and counts them."""
        if size > MAX_REQUEST_BYTES:
            return Refusal(413, TOO_LARGE)
        if num > MAX_FILES:
            return Refusal(413, TOO_MANY)
        now_s = self.clock()
        while self._given and now_s - self._given[0].when_s > KEPT_S:
            self._given.popleft()
        theirs = [given for given in self._given if given.address == address]
        if (
            sum(given.size for given in theirs) + size > MAX_BYTES
            or sum(given.num for given in theirs) + num > MAX_FILES_KEPT
        ):
            return Refusal(429, TOO_MUCH)
        if sum(given.size for given in self._given) + size > MAX_BYTES_OF_ALL:
            return Refusal(429, FULL)
        self._given.append(_Given(now_s, address, num, size))
        return None


def num_files(content_type: str, body: bytes) -> int:
    """Return the number of parts of a form, or 1 of anything else."""
    _, _, boundary = content_type.partition("boundary=")
    mark = boundary.partition(";")[0].strip().strip('"').encode("latin-1")
    return max(1, body.count(b"--" + mark) - 1) if mark else 1
