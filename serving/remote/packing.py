"""Values of the engine's API as bytes: dataclasses, NumPy arrays and plain values, never code.

A message is the length of its header (uint32, big-endian), the header as JSON, and its arrays one
after the other. What a value must be is read off the type hints of its dataclass, so a message of
anybody gives such a value or a ValueError. Owns: `pack`, `unpack`, `arrays_of`.
"""

import json
import struct
import types
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import fields, is_dataclass
from enum import StrEnum
from functools import cache
from math import prod
from typing import Any, Union, get_args, get_origin, get_type_hints

import numpy as np

from engine.api.conversation import without_halves

LENGTH = struct.Struct(">I")
MAX_BYTES = 2**28
"""The most bytes of all arrays of a message, unpacked."""
DEFLATED_FROM = 2**12
"""Whole numbers of so many bytes are deflated: pictures and codes lose half, sounds nothing."""
DTYPES = frozenset("|b1 |u1 |i1 <u2 <i2 <u4 <i4 <u8 <i8 <f2 <f4 <f8".split())
BROKEN = "this is no whole message of a page or worker of this version: {}"
Numbers = np.ndarray[Any, Any]


def pack(value: object, known: Sequence[Numbers] = ()) -> bytes:
    """Return a message. known: arrays that the receiver has, which are not sent."""
    packer = _Packer(known)
    plain = packer.plain(value)
    header = json.dumps({"value": plain, "arrays": packer.listing}).encode()
    return b"".join((LENGTH.pack(len(header)), header, *packer.contents))


def unpack(kind: Any, content: bytes, known: Sequence[Numbers] = ()) -> Any:
    """Return the value of a message. kind: a dataclass, or a type as in a hint.

    Raises: ValueError where it is none, or the value refuses its parts.
    """
    try:
        (length,) = LENGTH.unpack_from(content)
        header = json.loads(content[LENGTH.size : LENGTH.size + length])
        arrays = _arrays(header["arrays"], memoryview(content)[LENGTH.size + length :])
        return _Unpacker(arrays, known).value(kind, header["value"], "the message")
    except (KeyError, TypeError, IndexError, struct.error, zlib.error, RecursionError) as error:
        raise ValueError(BROKEN.format("it is broken")) from error
    except (UnicodeDecodeError, json.JSONDecodeError) as error:
        raise ValueError(BROKEN.format("its header is no JSON")) from error


def arrays_of(value: object) -> list[Numbers]:
    """Return every array in a value, always in the same order."""
    packer = _Packer(())
    packer.plain(value)
    return packer.found


class _Packer:
    """Plain values of one message, and its arrays in the order in which they were met."""

    def __init__(self, known: Sequence[Numbers]) -> None:
        self._known = {id(array): i for i, array in enumerate(known)}
        self.listing: list[dict[str, object]] = []
        self.contents: list[bytes] = []
        self.found: list[Numbers] = []

    def plain(self, value: object) -> object:
        match value:
            case np.ndarray():
                return self._array(value)
            case np.generic():
                return value.item()
            case bytes():
                return self._array(np.frombuffer(value, np.uint8))
            case StrEnum():
                return str(value)
            case list() | tuple():
                return [self.plain(one) for one in value]
            case Mapping():
                return [[self.plain(name), self.plain(one)] for name, one in value.items()]
            case _ if is_dataclass(value):
                plain = {f.name: self.plain(getattr(value, f.name)) for f in fields(value)}
                return {"is": type(value).__name__, **plain}
            case _:
                return value

    def _array(self, array: Numbers) -> dict[str, int]:
        self.found.append(array)
        if id(array) in self._known:
            return {"known": self._known[id(array)]}
        array = array.astype(array.dtype.newbyteorder("<"), copy=False)
        content, deflated = array.tobytes(), False
        if array.dtype.kind in "biu" and len(content) >= DEFLATED_FROM:
            content, deflated = zlib.compress(content, 1), True
        about = {"dtype": array.dtype.str, "shape": array.shape, "deflated": deflated}
        self.listing.append({**about, "size": len(content)})
        self.contents.append(content)
        return {"array": len(self.contents) - 1}


class _Unpacker:
    """Values out of what JSON gave, by their type hints."""

    def __init__(self, arrays: Sequence[Numbers], known: Sequence[Numbers]) -> None:
        self._arrays, self._known = arrays, known

    def value(self, kind: Any, plain: Any, name: str) -> Any:
        """name: of the field, for the error's sentence."""
        origin, parts = get_origin(kind), get_args(kind)
        match plain:
            case _ if kind in (Any, object):
                return plain
            case _ if origin in (Union, types.UnionType):
                return self._one_of(parts, plain, name)
            case {"known": int(place)} if kind is np.ndarray or origin is np.ndarray:
                return self._known[place]
            case {"array": int(place)} if kind is np.ndarray or origin is np.ndarray:
                return self._arrays[place]
            case {"array": int(place)} if kind is bytes:
                return self._arrays[place].tobytes()
            case dict() if is_dataclass(kind):
                return self._dataclass(kind, plain)
            case list() if origin is tuple:
                each = parts[:1] * len(plain) if parts[-1] is Ellipsis else parts
                items = zip(each, plain, strict=True)
                return tuple(self.value(one, item, name) for one, item in items)
            case list() if origin is not None and issubclass(origin, Mapping):
                return {
                    self.value(parts[0], key, name): self.value(parts[1], item, name)
                    for key, item in plain
                }
            case _:
                return _scalar(kind, plain, name)

    def _one_of(self, kinds: Sequence[Any], plain: Any, name: str) -> Any:
        if plain is None and type(None) in kinds:
            return None
        match plain:
            case {"is": said}:
                for kind in (k for k in kinds if getattr(k, "__name__", None) == said):
                    return self._dataclass(kind, plain)
            case _:
                for kind in (k for k in kinds if k is not type(None)):
                    return self.value(kind, plain, name)
        raise ValueError(BROKEN.format(f"{name} is none of its kinds"))

    def _dataclass(self, kind: Any, plain: Mapping[str, Any]) -> Any:
        hints, named = _hints(kind), {k: v for k, v in plain.items() if k != "is"}
        if unknown := sorted(named.keys() - hints.keys()):
            raise ValueError(BROKEN.format(f"{kind.__name__} has no {unknown[0][:80]}"))
        return kind(
            **{k: self.value(hints[k], v, f"{kind.__name__}.{k}") for k, v in named.items()}
        )


@cache
def _hints(kind: Any) -> dict[str, Any]:
    """Return the type hints of a dataclass's fields."""
    hints = get_type_hints(kind)
    return {f.name: hints[f.name] for f in fields(kind)}


def _scalar(kind: Any, plain: Any, name: str) -> Any:
    """Return a text, number or name of an enumeration."""
    if kind is float and isinstance(plain, int) and not isinstance(plain, bool):
        return float(plain)
    if kind is str and isinstance(plain, str):
        return without_halves(plain)
    if isinstance(kind, type) and issubclass(kind, StrEnum) and plain in list(kind):
        return kind(plain)
    if kind in (bool, int, float) and type(plain) is kind:
        return plain
    raise ValueError(BROKEN.format(f"{name} cannot be {str(plain)[:40]!r}"))


def _arrays(listing: Sequence[Mapping[str, Any]], content: memoryview) -> list[Numbers]:
    """Return the arrays behind a header. Raises: ValueError where they are not as it says."""
    found: list[Numbers] = []
    total = 0
    for about in listing:
        if about["dtype"] not in DTYPES:
            raise ValueError(BROKEN.format("an array is not made of numbers"))
        dtype, shape, size = np.dtype(about["dtype"]), tuple(about["shape"]), about["size"]
        if not all(type(n) is int and n >= 0 for n in (*shape, size)):
            raise ValueError(BROKEN.format("an array has no shape"))
        num_bytes = dtype.itemsize * prod(shape)
        total += num_bytes
        if total > MAX_BYTES:
            raise ValueError(f"a message has at most {MAX_BYTES // 2**20} MB of arrays")
        part, content = content[:size], content[size:]
        if about["deflated"]:
            part = zlib.decompressobj().decompress(part, num_bytes + 1)
        if len(part) != num_bytes:
            raise ValueError(BROKEN.format("an array is cut off"))
        found.append(np.frombuffer(bytearray(part), dtype).reshape(shape))
    return found
