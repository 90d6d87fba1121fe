"""The file of a recorded generation, which NumPy opens in three lines:

    numbers = np.load("run.npz")
    about = json.loads(str(numbers["about"]))
    states = numbers["0.x_t"]                  # segment 0: uint16 "steps L Q"

docs/trace.md describes the format. Owns: writing and reading it, and the checks of a file that
somebody else wrote. Does not own: what a trace is (`engine.inspection.trace`).
"""

import io
import json
from dataclasses import asdict
from math import prod
from pathlib import Path
from typing import Any

import numpy as np

from engine.api.conversation import Conversation, Part, Turn
from engine.api.insertion import MediaInsertion
from engine.api.request import InitialState, Inpainting, Request
from engine.inspection.step_list import is_step_list, read_step_list
from engine.inspection.trace import AXES, MAX_LIKELY, SegmentTrace, Trace
from engine.inspection.trace_archive import MAX_FILE_BYTES, TraceArchive, Unread
from engine.inspection.trace_schema import (
    MAX_NAME,
    MAX_PIECE,
    MAX_SEGMENTS,
    InpaintingDescription,
    PartDescription,
    RequestDescription,
    SegmentDescription,
    StartDescription,
    TraceDescription,
    described,
    read_json,
)
from engine.media.token_text import TokenText

FORMAT, VERSION = "next-omni trace", 1
MAX_STEPS, MAX_POSITIONS, MAX_CODEBOOKS, MAX_CODES = 4096, 8192, 16, 2**23
"""Sizes of a segment, and codes of all segments at all steps."""
MAX_ABOUT_BYTES, MAX_ID_BYTES, MAX_NUMBER = 4_000_000, 4, 1e9
KINDS = {
    "x_t": "u", "x_1": "u", "changed": "b", "confidence": "f", "t": "f", "nfe": "u",
    "num_active": "u", "elapsed_s": "f", "likely_ids": "u", "likely_p": "f", "entropy": "f",
}  # fmt: skip
START_KINDS = {"tokens": "i", "predicted": "i", "pinned": "b"}
ALTERNATIVES = ("likely_ids", "likely_p", "entropy")
OPTIONAL = (*ALTERNATIVES, "confidence")
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
    """The trace of a file, or of its bytes, that may come from anywhere: a NumPy archive or a step
    list. Nothing in it is run, and nothing larger than `MAX_BYTES` is unpacked.

    Raises: ValueError with one sentence where it is no trace, broken, or too large.
    """
    content = source if isinstance(source, bytes) else _content(source)
    if len(content) > MAX_FILE_BYTES:
        raise ValueError(f"a trace has at most {MAX_FILE_BYTES // 2**20} MB, and this is larger")
    if is_step_list(content):
        return read_step_list(content)
    archive = TraceArchive.open(content)
    with archive.opened:
        return _read(archive)


def _content(file: Path) -> bytes:
    """Read the file up to its limit. Raises: ValueError where that is not possible."""
    try:
        with file.open("rb") as opened:
            return opened.read(MAX_FILE_BYTES + 1)
    except OSError as error:
        why = (error.strerror or "it is none").lower()
        raise ValueError(f"{file.name} cannot be read: {why}") from error


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


def _read(archive: TraceArchive) -> Trace:
    if archive.header("about").num_bytes > MAX_ABOUT_BYTES:
        raise Unread("this is not a whole trace: its description is too large")
    found = read_json(str(archive.array("about")))
    if not isinstance(found, dict) or found.get("format") != FORMAT:
        raise Unread("this is not a trace: it does not say that it is one")
    if found.get("version") != VERSION:
        raise Unread(f"this program reads traces of version {VERSION} only")
    listed = found.get("segments")
    if not isinstance(listed, list) or not 1 <= len(listed) <= MAX_SEGMENTS:
        raise Unread(f"this is not a whole trace: it has no list of 1 to {MAX_SEGMENTS} segments")
    about = described(TraceDescription, found)
    shapes = [archive.header(f"{i}.x_t").shape for i in range(len(about.segments))]
    if sum(map(prod, shapes)) > MAX_CODES:
        raise Unread(f"a trace has at most {MAX_CODES} codes, all steps together")
    request = _request(about.request, archive)
    segments = tuple(_segment(i, one, archive) for i, one in enumerate(about.segments))
    checkpoint = {name: said[:MAX_NAME] for name, said in about.checkpoint.items()}
    return Trace(request, checkpoint, segments)


def _request(plain: RequestDescription, archive: TraceArchive) -> Request:
    turns = tuple(Turn(t.role, tuple(_part(p, archive) for p in t.parts)) for t in plain.turns)
    pin = None if plain.pin is None else MediaInsertion(plain.pin.modality, plain.pin.words)
    return Request(
        Conversation(turns),
        plain.to,
        plain.sampling,
        None if plain.start is None else _start(plain.start, archive),
        plain.aloud,
        None if plain.repaint is None else _inpainting(plain.repaint, archive),
        plain.think,
        pin,
        plain.style,
    )


def _part(plain: PartDescription, archive: TraceArchive) -> Part:
    if plain.sound is not None:
        audio = archive.array(plain.sound)
        if audio.ndim != 1 or audio.dtype != np.float32 or not np.isfinite(audio).all():
            raise Unread("a sound of the conversation is not one")
        return Part(text=plain.text, audio=audio)
    if plain.picture is not None:
        return Part(image=_seen(plain.picture, "picture", 3, archive))
    if plain.film is not None:
        return Part(video=_seen(plain.film, "film", 4, archive))
    return Part(text=plain.text)


def _seen(name: str, kind: str, axes: int, archive: TraceArchive) -> np.ndarray:
    seen = archive.array(name)
    if seen.ndim != axes or seen.shape[-1] != 3 or seen.dtype != np.uint8 or not seen.size:
        raise Unread(f"a {kind} of the conversation is not one")
    return seen


def _start(plain: StartDescription, archive: TraceArchive) -> InitialState:
    arrays = {name: archive.array(f"start.{name}") for name in START_KINDS}
    if any(array.dtype.kind != START_KINDS[name] for name, array in arrays.items()):
        raise Unread("the state that the run started from is none")
    said, segment = tuple(plain.said), plain.segment
    return InitialState(plain.modality, **arrays, t=plain.t, segment=segment, said=said)


def _inpainting(plain: InpaintingDescription, archive: TraceArchive) -> Inpainting:
    image, mask = _seen("repaint.image", "picture", 3, archive), archive.array("repaint.mask")
    if mask.dtype != bool:
        raise Unread("the mask of the picture that was repainted is none")
    return Inpainting(image, mask, plain.strength)


def _segment(number: int, plain: SegmentDescription, archive: TraceArchive) -> SegmentTrace:
    arrays: dict[str, np.ndarray] = {}
    axes: dict[str, int] = {}
    for name, letters in AXES.items():
        if name in OPTIONAL and f"{number}.{name}" not in archive:
            continue
        header = archive.header(f"{number}.{name}")
        if len(header.shape) != len(letters) or header.dtype.kind != KINDS[name]:
            raise Unread(f"{name} of segment {number} has another shape than a trace's")
        if header.dtype.kind == "u" and header.dtype.itemsize > MAX_ID_BYTES:
            raise Unread(f"{name} of segment {number} has numbers of over 32 bits")
        for letter, size in zip(letters, header.shape, strict=True):
            if axes.setdefault(letter, size) != size or not 1 <= size <= LIMITS[letter]:
                raise Unread(f"{name} of segment {number} has another size than its steps")
        arrays[name] = array = archive.array(f"{number}.{name}")
        if array.dtype.kind == "f" and not float(np.abs(array).max()) < MAX_NUMBER:
            raise Unread(f"{name} of segment {number} holds a number that is none")
    if set(ALTERNATIVES) & set(arrays) and not set(ALTERNATIVES) <= set(arrays):
        raise Unread(f"segment {number} has a part of its alternatives only")
    pieces = {i: piece[:MAX_PIECE] for i, piece in plain.words.items()}
    words = TokenText(pieces, tuple(plain.ends))
    length = None if plain.length is None else max(0, plain.length)
    held = tuple(sorted(set(plain.held)))
    if held and held[-1] >= axes["L"]:
        raise Unread("it holds positions that are none of its own")
    return SegmentTrace(
        plain.modality, plain.sampling, arrays, words, plain.text, plain.heard, length, held
    )
