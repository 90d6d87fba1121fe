"""The archive of a trace: arrays that somebody else wrote, measured before they are unpacked.

Owns: `TraceArchive`, its limits, and the sentences for an archive that cannot be read. Does not
own: what the arrays mean (`engine.inspection.trace_file`).
"""

import io
import struct
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from math import prod
from tokenize import TokenError

import numpy as np

MAX_FILE_BYTES, MAX_BYTES = 32 * 2**20, 128 * 2**20
"""Bytes of the file, and of all its arrays unpacked."""
MAX_ARRAYS = 4096
SUFFIX = ".npy"
MAX_WORD_BYTES = 8
"""Bytes of one number."""
METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
OTHER_METHODS = {9: "deflate64", 12: "bzip2", 14: "lzma", 93: "zstandard", 98: "ppmd"}
ENCRYPTED = 1
BROKEN = (
    zipfile.BadZipFile, zlib.error, EOFError, LookupError, TypeError, ValueError, SyntaxError,
    ArithmeticError, RuntimeError, struct.error, TokenError,
)  # fmt: skip
"""The errors of Python's and NumPy's readers for bytes that are no archive or no array."""


class Unread(ValueError):  # noqa: N818
    """A sentence about a trace, as opposed to an error of Python's about its bytes."""


@contextmanager
def whole(what: str) -> Iterator[None]:
    """Turn the errors of Python's readers into one sentence about a part of the file."""
    try:
        yield
    except Unread:
        raise
    except BROKEN as error:
        raise Unread(f"this is not a whole trace: {what} cannot be read") from error


@dataclass(frozen=True)
class ArrayHeader:
    """The shape and type of an array that is not unpacked yet."""

    shape: tuple[int, ...]
    dtype: np.dtype

    @property
    def num_bytes(self) -> int:
        return prod(self.shape) * self.dtype.itemsize


@dataclass(frozen=True)
class TraceArchive:
    """The arrays of a NumPy archive by name; `array` unpacks each once."""

    opened: zipfile.ZipFile
    names: frozenset[str]
    headers: dict[str, ArrayHeader] = field(default_factory=dict)
    unpacked: dict[str, np.ndarray] = field(default_factory=dict)

    @classmethod
    def open(cls, content: bytes) -> "TraceArchive":
        """Open an archive; nothing is unpacked. Raises: Unread where it is broken, encrypted or
        packed in another way, or all of it is too large."""
        with whole("the archive"):
            opened = zipfile.ZipFile(io.BytesIO(content))
        entries = opened.infolist()
        if len(entries) > MAX_ARRAYS:
            raise Unread(f"a trace has at most {MAX_ARRAYS} arrays, and this has {len(entries)}")
        _refuse_foreign(entries)
        if sum(entry.file_size for entry in entries) > MAX_BYTES:
            raise Unread(f"a trace unpacks to at most {MAX_BYTES // 2**20} MB")
        names = [e.filename for e in entries if e.filename.endswith(SUFFIX)]
        return cls(opened, frozenset(name.removesuffix(SUFFIX) for name in names))

    def __contains__(self, name: str) -> bool:
        return name in self.names

    def header(self, name: str) -> ArrayHeader:
        """Return the header of an array. Raises: Unread where there is none, or it is broken."""
        if name not in self.names:
            raise Unread(f"this is not a whole trace: it has no {name[:80]}")
        if name not in self.headers:
            self.headers[name] = _header(self.opened, name)
        return self.headers[name]

    def array(self, name: str) -> np.ndarray:
        """Unpack an array. Raises: Unread where there is none, or it is cut off."""
        self.header(name)
        if name not in self.unpacked:
            with whole(name), self.opened.open(name + SUFFIX) as file:
                self.unpacked[name] = np.lib.format.read_array(file, allow_pickle=False)
        return self.unpacked[name]


def _refuse_foreign(entries: list[zipfile.ZipInfo]) -> None:
    seen: set[str] = set()
    for entry in entries:
        name = entry.filename[:80]
        if entry.flag_bits & ENCRYPTED:
            raise Unread(f"{name} of this trace is encrypted: save the trace without a password")
        if entry.compress_type not in METHODS:
            how = OTHER_METHODS.get(entry.compress_type, f"method {entry.compress_type}")
            raise Unread(f"{name} of this trace is packed by {how}: pack it by deflate")
        if entry.filename in seen:
            raise Unread(f"this is not a whole trace: it has {name} twice")
        seen.add(entry.filename)


def _header(opened: zipfile.ZipFile, name: str) -> ArrayHeader:
    with whole(name), opened.open(name + SUFFIX) as file:
        if np.lib.format.read_magic(file) != (1, 0):
            raise Unread(f"{name} is no array of this format")
        shape, _, dtype = np.lib.format.read_array_header_1_0(file)
    header = ArrayHeader(shape, dtype)
    if dtype.kind not in "biufU" or (dtype.kind != "U" and dtype.itemsize > MAX_WORD_BYTES):
        raise Unread(f"{name} is not made of numbers")
    if min(shape, default=0) < 0 or header.num_bytes > opened.getinfo(name + SUFFIX).file_size:
        raise Unread(f"{name} is too large for what the file holds")
    return header
