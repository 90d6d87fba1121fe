"""The file of a recorded generation, which NumPy opens in three lines:

    numbers = np.load("run.npz")
    about = json.loads(str(numbers["about"]))
    states = numbers["0.x_t"]                  # segment 0: uint16 "steps L Q"

docs/trace.md describes the format. Owns: writing and reading it, and the checks of a file that
somebody else wrote. Does not own: what a trace is (`engine.inspection.trace`).
"""

import io
import json
import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from engine.api.conversation import Conversation, Part, Turn
from engine.api.insertion import MediaInsertion
from engine.api.request import InitialState, Inpainting, Request
from engine.api.sampling import Sampling
from engine.inspection.trace import AXES, MAX_LIKELY, SegmentTrace, Trace
from engine.media.token_text import TokenText
from flow.modality import Modality

FORMAT, VERSION = "next-omni trace", 1
MAX_FILE_BYTES, MAX_BYTES = 32 * 2**20, 128 * 2**20
OLD_SETTINGS = {"hold": "keep_threshold"}
"""The names of settings in files of earlier versions."""
MAX_SEGMENTS, MAX_STEPS, MAX_POSITIONS, MAX_CODEBOOKS = 32, 4096, 8192, 16
MAX_ABOUT_CHARACTERS = 1_000_000
KINDS = {
    "x_t": "u", "x_1": "u", "changed": "b", "confidence": "f", "t": "f", "nfe": "u",
    "num_active": "u", "elapsed_s": "f", "likely_ids": "u", "likely_p": "f", "entropy": "f",
}  # fmt: skip
START_KINDS = {"tokens": "i", "predicted": "i", "pinned": "b"}
OPTIONAL = ("likely_ids", "likely_p", "entropy")
BROKEN = (zipfile.BadZipFile, zlib.error, EOFError, KeyError, TypeError, json.JSONDecodeError)
LIMITS = {"S": MAX_STEPS, "L": MAX_POSITIONS, "Q": MAX_CODEBOOKS, "K": MAX_LIKELY}


def trace_bytes(trace: Trace) -> bytes:
    """The content of its file."""
    asked, arrays = _request_arrays(trace.request)
    about = {
        "format": FORMAT,
        "version": VERSION,
        "checkpoint": dict(trace.checkpoint),
        "request": asked,
        "segments": [_about_segment(segment) for segment in trace.segments],
    }
    numbers: dict[str, Any] = {"about": np.array(json.dumps(about)), **arrays}
    for i, segment in enumerate(trace.segments):
        numbers |= {f"{i}.{name}": array for name, array in segment.arrays.items()}
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **numbers)
    return buffer.getvalue()


def read_trace(source: Path | bytes) -> Trace:
    """The trace of a file, or of its bytes, that may come from anywhere: nothing in it is run, and
    nothing larger than `MAX_BYTES` is unpacked.

    Raises: ValueError with one sentence where it is no trace, broken, or too large.
    """
    size = len(source) if isinstance(source, bytes) else source.stat().st_size
    if size > MAX_FILE_BYTES:
        raise ValueError(f"a trace has at most {MAX_FILE_BYTES // 2**20} MB, and this is larger")
    try:
        return _read(source if isinstance(source, bytes) else source.read_bytes())
    except BROKEN as error:
        raise ValueError(f"this is not a whole trace: {error or type(error).__name__}") from error


def _about_segment(segment: SegmentTrace) -> dict[str, Any]:
    return {
        "modality": str(segment.modality),
        "sampling": asdict(segment.sampling),
        "words": {str(i): piece for i, piece in segment.words.pieces.items()},
        "ends": list(segment.words.ends),
        "text": segment.text,
        "heard": segment.heard,
        "length": segment.length,
        "held": list(segment.held),
    }


def _request_arrays(request: Request) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """The request as plain values, its pictures and its start as arrays of their own."""
    arrays: dict[str, np.ndarray] = {}
    turns: list[dict[str, Any]] = []
    for turn in request.conversation.turns:
        parts: list[dict[str, str]] = []
        for part in turn.parts:
            plain_part: dict[str, str] = {}
            if part.text is not None:
                plain_part["text"] = part.text
            for kind, array in _media(part):
                if array is not None:
                    name = plain_part[kind] = f"{kind}.{len(arrays)}"
                    arrays[name] = array
            parts.append(plain_part)
        turns.append({"role": turn.role, "parts": parts})
    to = None if request.to is None else str(request.to)
    plain: dict[str, Any] = {"turns": turns, "to": to, "sampling": asdict(request.sampling)}
    plain |= {"aloud": request.aloud, "think": request.think}
    if request.style is not None:
        plain["style"] = request.style
    if request.pin is not None:
        plain["pin"] = asdict(request.pin)
    if request.inpainting is not None:
        plain["repaint"] = {"strength": request.inpainting.strength}
        arrays |= {
            "repaint.image": request.inpainting.image,
            "repaint.mask": request.inpainting.mask,
        }
    start = request.start
    if start is not None:
        plain["start"] = {n: getattr(start, n) for n in ("modality", "t", "segment", "said")}
        arrays |= {f"start.{name}": getattr(start, name) for name in START_KINDS}
    return plain, arrays


def _media(part: Part) -> tuple[tuple[str, np.ndarray | None], ...]:
    return ("picture", part.image), ("film", part.video), ("sound", part.audio)


def _read(content: bytes) -> Trace:
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        sizes = {item.filename: item.file_size for item in archive.infolist()}
        if sum(sizes.values()) > MAX_BYTES:
            raise ValueError(f"a trace unpacks to at most {MAX_BYTES // 2**20} MB")
        about = json.loads(str(_array(archive, "about", sizes, max_items=MAX_ABOUT_CHARACTERS)))
        if not isinstance(about, dict) or about.get("format") != FORMAT:
            raise ValueError("this is not a trace: it does not say that it is one")
        if about.get("version") != VERSION:
            raise ValueError(f"this program reads traces of version {VERSION} only")
        described = about["segments"]
        if not 1 <= len(described) <= MAX_SEGMENTS:
            raise ValueError(f"a trace has 1 to {MAX_SEGMENTS} segments, not {len(described)}")
        request = _read_request(about["request"], archive, sizes)
        segments = tuple(_read_segment(i, one, archive, sizes) for i, one in enumerate(described))
    checkpoint = {str(k): str(v)[:200] for k, v in dict(about["checkpoint"]).items()}
    return Trace(request, checkpoint, segments)


def _array(
    archive: zipfile.ZipFile, name: str, sizes: Mapping[str, int], *, max_items: int
) -> np.ndarray:
    """One array, its header read before its numbers; never an object."""
    if f"{name}.npy" not in sizes:
        raise ValueError(f"the trace has no {name}")
    with archive.open(f"{name}.npy") as file:
        version = np.lib.format.read_magic(file)
        if version != (1, 0):
            raise ValueError(f"{name} is no array of this format")
        shape, _, dtype = np.lib.format.read_array_header_1_0(file)
        items = int(np.prod(shape, dtype=object)) if shape else max(1, dtype.itemsize // 4)
        if dtype.hasobject or items > max_items or items * dtype.itemsize > MAX_BYTES:
            raise ValueError(f"{name} is too large or not made of numbers")
    with archive.open(f"{name}.npy") as file:
        return np.lib.format.read_array(file, allow_pickle=False)


def _read_request(
    plain: Mapping[str, Any], archive: zipfile.ZipFile, sizes: Mapping[str, int]
) -> Request:
    def part(one: Mapping[str, str]) -> Part:
        text = str(one["text"]) if "text" in one else None
        if "sound" in one:
            audio = _array(archive, one["sound"], sizes, max_items=MAX_BYTES)
            if audio.ndim != 1 or audio.dtype != np.float32 or not np.isfinite(audio).all():
                raise ValueError("a sound of the conversation is not one")
            return Part(text=text, audio=audio)
        for kind, axes in (("picture", 3), ("film", 4)):
            if kind not in one:
                continue
            seen = _array(archive, one[kind], sizes, max_items=MAX_BYTES)
            if seen.ndim != axes or seen.shape[-1] != 3 or seen.dtype != np.uint8:
                raise ValueError(f"a {kind} of the conversation is not one")
            return Part(image=seen) if kind == "picture" else Part(video=seen)
        return Part(text=text)

    def start(one: Mapping[str, Any]) -> InitialState:
        arrays = {n: _array(archive, f"start.{n}", sizes, max_items=MAX_BYTES) for n in START_KINDS}
        if any(a.dtype.kind != START_KINDS[n] for n, a in arrays.items()):
            raise ValueError("the state that the run started from is none")
        said = tuple(str(words) for words in one["said"])
        place = (float(one["t"]), int(one["segment"]))
        return InitialState(
            Modality(one["modality"]), **arrays, t=place[0], segment=place[1], said=said
        )

    turns = tuple(Turn(str(t["role"]), tuple(part(p) for p in t["parts"])) for t in plain["turns"])
    to = None if plain["to"] is None else Modality(plain["to"])
    begins = None if plain.get("start") is None else start(plain["start"])
    aloud = bool(plain.get("aloud", False))
    sampling, inpainting = _read_sampling(plain["sampling"]), None
    if plain.get("repaint") is not None:
        image, mask = (
            _array(archive, f"repaint.{name}", sizes, max_items=MAX_BYTES)
            for name in ("image", "mask")
        )
        if image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8 or mask.dtype != bool:
            raise ValueError("the picture that was repainted is none")
        inpainting = Inpainting(image, mask, float(plain["repaint"]["strength"]))
    think, pin = bool(plain.get("think", False)), None
    if plain.get("pin") is not None:
        pin = MediaInsertion(Modality(plain["pin"]["modality"]), plain["pin"]["words"])
    style = None if plain.get("style") is None else str(plain["style"])
    return Request(Conversation(turns), to, sampling, begins, aloud, inpainting, think, pin, style)


def _read_sampling(plain: Mapping[str, Any]) -> Sampling:
    low, high = plain["guidance_interval"]
    named = {OLD_SETTINGS.get(name, name): value for name, value in plain.items()}
    return Sampling(**{**named, "guidance_interval": (low, high)})


def _read_segment(
    number: int, plain: Mapping[str, Any], archive: zipfile.ZipFile, sizes: Mapping[str, int]
) -> SegmentTrace:
    arrays: dict[str, np.ndarray] = {}
    axes: dict[str, int] = {}
    for name, letters in AXES.items():
        if name in OPTIONAL and f"{number}.{name}.npy" not in sizes:
            continue
        array = _array(archive, f"{number}.{name}", sizes, max_items=MAX_BYTES)
        if array.ndim != len(letters) or array.dtype.kind != KINDS[name]:
            raise ValueError(f"{name} of segment {number} has another shape than a trace's")
        for letter, size in zip(letters, array.shape, strict=True):
            if axes.setdefault(letter, size) != size or not 1 <= size <= LIMITS[letter]:
                raise ValueError(f"{name} of segment {number} has another size than its steps")
        if array.dtype.kind == "f" and not np.isfinite(array).all():
            raise ValueError(f"{name} of segment {number} holds a number that is none")
        arrays[name] = array
    if set(OPTIONAL) & set(arrays) and not set(OPTIONAL) <= set(arrays):
        raise ValueError(f"segment {number} has a part of its alternatives only")
    pieces = {int(i): str(piece)[:64] for i, piece in dict(plain["words"]).items()}
    words = TokenText(pieces, tuple(int(i) for i in plain["ends"]))
    sampling = _read_sampling(plain["sampling"])
    text = None if plain["text"] is None else str(plain["text"])
    heard, kept = int(plain.get("heard", 0)), plain.get("length")
    length = None if kept is None else max(0, int(kept))
    held = _held(plain.get("held", ()), axes["L"])
    return SegmentTrace(
        Modality(plain["modality"]), sampling, arrays, words, text, heard, length, held
    )


def _held(found: Any, length: int) -> tuple[int, ...]:
    held = tuple(sorted({int(i) for i in found}))
    if held and not 0 <= held[0] <= held[-1] < length:
        raise ValueError("it holds positions that are none of its own")
    return held
