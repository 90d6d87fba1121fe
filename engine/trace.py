"""A recorded generation: what every step was, in one file that NumPy opens.

    numbers = np.load("run.npz")
    about = json.loads(str(numbers["about"]))
    states = numbers["0.x_t"]                  # segment 0: uint16 "steps L Q"

Owns: `Trace`, its file, and the checks of a file that somebody else wrote. docs/trace.md describes
the format. Does not own: how the numbers came about (`engine.watch`), their display.
"""

import io
import json
import zipfile
import zlib
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from engine.events import Answer, Completed, Event, Likely, Refined, Started
from engine.request import Conversation, Part, Repaint, Request, Sampling, Start, Turn
from engine.words import Words
from flow.modality import Modality

FORMAT, VERSION = "next-omni trace", 1
MAX_FILE_BYTES, MAX_BYTES = 32 * 2**20, 128 * 2**20
MAX_SEGMENTS, MAX_STEPS, MAX_POSITIONS, MAX_CODEBOOKS, MAX_LIKELY = 32, 4096, 8192, 16, 32
MAX_ABOUT_CHARACTERS = 1_000_000
AXES = {
    "x_t": "SLQ", "x_1": "SLQ", "changed": "SLQ", "confidence": "SLQ", "t": "S", "nfe": "S",
    "num_active": "S", "elapsed_s": "S", "likely_ids": "SLQK", "likely_p": "SLQK", "entropy": "SLQ",
}  # fmt: skip
"""Every array of a segment: S steps, L positions, Q codebooks, K alternatives."""
KINDS = {
    "x_t": "u", "x_1": "u", "changed": "b", "confidence": "f", "t": "f", "nfe": "u",
    "num_active": "u", "elapsed_s": "f", "likely_ids": "u", "likely_p": "f", "entropy": "f",
}  # fmt: skip
START_KINDS = {"tokens": "i", "predicted": "i", "pinned": "b"}
OPTIONAL = ("likely_ids", "likely_p", "entropy")
BROKEN = (zipfile.BadZipFile, zlib.error, EOFError, KeyError, TypeError, json.JSONDecodeError)
LIMITS = {"S": MAX_STEPS, "L": MAX_POSITIONS, "Q": MAX_CODEBOOKS, "K": MAX_LIKELY}


@dataclass(frozen=True)
class SegmentTrace:
    """One segment of an answer. sampling: complete. arrays: by the names of `AXES`. words: of every
    id in the arrays of a text, so that it can be read without the model. text: the whole answer, as
    the tokenizer joins it. heard: as in `engine.events.Started`. length: positions of a sound's
    block before its end; None is all of them."""

    modality: Modality
    sampling: Sampling
    arrays: Mapping[str, np.ndarray]
    words: Words = field(default_factory=Words)
    text: str | None = None
    heard: int = 0
    length: int | None = None

    @property
    def num_steps(self) -> int:
        return len(self.arrays["t"])


@dataclass(frozen=True)
class Trace:
    """A generation: the request as it was asked, the checkpoint that answered (its name and
    digest), and the segments of the answer."""

    request: Request
    checkpoint: Mapping[str, str]
    segments: tuple[SegmentTrace, ...]

    def save(self, file: Path) -> None:
        """Write the file; see docs/trace.md."""
        asked, asked_arrays = _request_arrays(self.request)
        about = {
            "format": FORMAT,
            "version": VERSION,
            "checkpoint": dict(self.checkpoint),
            "request": asked,
            "segments": [
                {
                    "modality": str(s.modality),
                    "sampling": asdict(s.sampling),
                    "words": {str(i): piece for i, piece in s.words.pieces.items()},
                    "ends": list(s.words.ends),
                    "text": s.text,
                    "heard": s.heard,
                    "length": s.length,
                }
                for s in self.segments
            ],
        }
        numbers: dict[str, Any] = {
            f"{i}.{name}": array
            for i, segment in enumerate(self.segments)
            for name, array in segment.arrays.items()
        }
        numbers |= {"about": np.array(json.dumps(about))} | asked_arrays
        with file.open("wb") as out:
            np.savez_compressed(out, **numbers)

    @classmethod
    def load(cls, file: Path | bytes) -> "Trace":
        """Read a file that may come from anywhere: nothing in it is run, and nothing larger than
        `MAX_BYTES` is unpacked.

        Raises: ValueError with one sentence where it is no trace, broken, or too large.
        """
        try:
            content = file if isinstance(file, bytes) else _content(file)
            return _read(content)
        except (zipfile.BadZipFile, EOFError, KeyError, TypeError, json.JSONDecodeError) as error:
            raise ValueError(
                f"this is not a whole trace: {error or type(error).__name__}"
            ) from error


class TraceRecorder:
    """Gathers the events of one watched generation; `trace` is there once it has completed or was
    stopped."""

    def __init__(self, checkpoint: Mapping[str, str], words: Words) -> None:
        self._checkpoint, self._words = dict(checkpoint), words
        self._started: list[Started] = []
        self._steps: list[list[Refined]] = []
        self._completed: Completed | None = None

    @property
    def has_steps(self) -> bool:
        """Whether there is anything to keep."""
        return any(self._steps)

    def see(self, event: Event) -> None:
        """Keep what one event tells."""
        match event:
            case Started():
                self._started.append(event)
                self._steps.append([])
            case Refined():
                self._steps[-1].append(event)
            case Completed():
                self._completed = event

    def trace(self) -> Trace:
        """What was seen so far. Raises: ValueError before the first step."""
        seen = [(s, steps) for s, steps in zip(self._started, self._steps, strict=True) if steps]
        if not seen:
            raise ValueError("there is nothing to keep yet: not a step was taken")
        request = seen[0][0].request if self._completed is None else self._completed.request
        return Trace(request, self._checkpoint, tuple(self._segment(s, steps) for s, steps in seen))

    def _segment(self, started: Started, steps: list[Refined]) -> SegmentTrace:
        ids = np.uint16 if max(int(s.tokens_t.max()) for s in steps) < 2**16 else np.uint32
        arrays: dict[str, np.ndarray] = {
            "x_t": np.stack([s.tokens_t for s in steps]).astype(ids),
            "x_1": np.stack([s.tokens_1 for s in steps]).astype(ids),
            "changed": np.stack([s.changed for s in steps]),
            "confidence": np.stack([s.confidence for s in steps]).astype(np.float16),
            "t": np.array([s.t for s in steps], np.float32),
            "nfe": np.array([s.nfe for s in steps], np.uint32),
            "num_active": np.array([s.num_active for s in steps], np.uint32),
            "elapsed_s": np.array([s.elapsed_s for s in steps], np.float32),
        }
        likely = [s.likely for s in steps if s.likely is not None]
        if len(likely) == len(steps):
            arrays["likely_ids"] = np.stack([one.ids for one in likely]).astype(ids)
            arrays["likely_p"] = np.stack([one.probabilities for one in likely]).astype(np.float16)
            arrays["entropy"] = np.stack([one.entropy for one in likely]).astype(np.float16)
        words, text = Words(), None
        said = {} if self._completed is None else self._texts(self._completed)
        if started.modality is Modality.TEXT:
            text = "".join(self._words.shown(steps[-1].tokens_t))
            text = said.get(started.segment, text)
            named = ("x_t", "x_1", "likely_ids")
            words = self._words.among(
                i for n in named if n in arrays for i in np.unique(arrays[n]).tolist()
            )
        sampling, length = started.request.sampling, self._length(started)
        return SegmentTrace(started.modality, sampling, arrays, words, text, started.heard, length)

    def _texts(self, completed: Completed) -> dict[int, str | None]:
        """The words of each segment that is a whole answer in words."""
        written = [s.segment for s in self._started if s.modality is Modality.TEXT]
        texts = [a.text for a in completed.answers if a.modality is Modality.TEXT]
        return dict(zip(written, texts, strict=True))

    def _length(self, started: Started) -> int | None:
        """How much of a block of sound belongs to the whole sound."""
        sounds = [s for s in self._started if s.modality is Modality.AUDIO]
        if started not in sounds or self._completed is None:
            return None
        whole = [a for a in self._completed.answers if a.modality is Modality.AUDIO]
        block = len(self._steps[self._started.index(started)][0].tokens_t)
        return min(block, max(0, len(whole[0].tokens) - block * sounds.index(started)))


def events_of(trace: Trace) -> Iterable[Event]:
    """The run again, event by event, without the model: words are read from the trace, pictures are
    not decoded."""
    nfe, elapsed_s = 0, 0.0
    answers: list[Answer] = []
    for number, segment in enumerate(trace.segments):
        a = segment.arrays
        request = replace(trace.request, sampling=segment.sampling)
        num_steps, heard = segment.num_steps, segment.heard
        yield Started(request, number, segment.modality, num_steps, elapsed_s, heard)
        for k in range(segment.num_steps):
            nfe, elapsed_s = int(a["nfe"][k]), float(a["elapsed_s"][k])
            is_text = segment.modality is Modality.TEXT
            yield Refined(
                segment=number,
                modality=segment.modality,
                index=k,
                num_steps=segment.num_steps,
                last=k == segment.num_steps - 1,
                t=float(a["t"][k]),
                tokens_t=a["x_t"][k].astype(np.int64),
                tokens_1=a["x_1"][k].astype(np.int64),
                changed=a["changed"][k],
                confidence=a["confidence"][k].astype(np.float32),
                nfe=nfe,
                num_active=int(a["num_active"][k]),
                elapsed_s=elapsed_s,
                words_t=segment.words.shown(a["x_t"][k]) if is_text else None,
                words_1=segment.words.shown(a["x_1"][k]) if is_text else None,
                likely=_likely(a, k),
            )
        tokens = a["x_t"][-1].astype(np.int64)[: segment.length]
        if (
            segment.modality is Modality.AUDIO
            and answers
            and answers[-1].modality is Modality.AUDIO
        ):
            tokens = np.concatenate([answers.pop().tokens, tokens])
        heard = segment.heard > 0
        answers.append(Answer(segment.modality, tokens, text=segment.text, heard=heard))
    yield Completed(trace.request, tuple(answers), nfe, elapsed_s)


def _likely(arrays: Mapping[str, np.ndarray], step: int) -> Likely | None:
    if "entropy" not in arrays:
        return None
    return Likely(
        arrays["likely_ids"][step].astype(np.int64),
        arrays["likely_p"][step].astype(np.float32),
        arrays["entropy"][step].astype(np.float32),
    )


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
    if request.repaint is not None:
        plain["repaint"] = {"strength": request.repaint.strength}
        arrays |= {"repaint.image": request.repaint.image, "repaint.mask": request.repaint.mask}
    start = request.start
    if start is not None:
        plain["start"] = {n: getattr(start, n) for n in ("modality", "t", "segment", "said")}
        arrays |= {f"start.{name}": getattr(start, name) for name in START_KINDS}
    return plain, arrays


def _media(part: Part) -> tuple[tuple[str, np.ndarray | None], ...]:
    return ("picture", part.image), ("film", part.video), ("sound", part.audio)


def _content(file: Path) -> bytes:
    if file.stat().st_size > MAX_FILE_BYTES:
        raise ValueError(f"{file} is larger than {MAX_FILE_BYTES // 2**20} MB: not a trace of ours")
    return file.read_bytes()


def _read(content: bytes) -> Trace:
    if len(content) > MAX_FILE_BYTES:
        raise ValueError(f"a trace has at most {MAX_FILE_BYTES // 2**20} MB")
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

    def start(one: Mapping[str, Any]) -> Start:
        arrays = {n: _array(archive, f"start.{n}", sizes, max_items=MAX_BYTES) for n in START_KINDS}
        if any(a.dtype.kind != START_KINDS[n] for n, a in arrays.items()):
            raise ValueError("the state that the run started from is none")
        said = tuple(str(words) for words in one["said"])
        place = (float(one["t"]), int(one["segment"]))
        return Start(Modality(one["modality"]), **arrays, t=place[0], segment=place[1], said=said)

    turns = tuple(Turn(str(t["role"]), tuple(part(p) for p in t["parts"])) for t in plain["turns"])
    to = None if plain["to"] is None else Modality(plain["to"])
    begins = None if plain.get("start") is None else start(plain["start"])
    aloud = bool(plain.get("aloud", False))
    sampling, repaint = _read_sampling(plain["sampling"]), None
    if plain.get("repaint") is not None:
        image, mask = (
            _array(archive, f"repaint.{name}", sizes, max_items=MAX_BYTES)
            for name in ("image", "mask")
        )
        if image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8 or mask.dtype != bool:
            raise ValueError("the picture that was repainted is none")
        repaint = Repaint(image, mask, float(plain["repaint"]["strength"]))
    think = bool(plain.get("think", False))
    return Request(Conversation(turns), to, sampling, begins, aloud, repaint, think)


def _read_sampling(plain: Mapping[str, Any]) -> Sampling:
    low, high = plain["guidance_interval"]
    return Sampling(**{**plain, "guidance_interval": (low, high)})


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
    words = Words(pieces, tuple(int(i) for i in plain["ends"]))
    sampling = _read_sampling(plain["sampling"])
    text = None if plain["text"] is None else str(plain["text"])
    heard, kept = int(plain.get("heard", 0)), plain.get("length")
    length = None if kept is None else max(0, int(kept))
    return SegmentTrace(Modality(plain["modality"]), sampling, arrays, words, text, heard, length)
