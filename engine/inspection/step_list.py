"""A step list: the run of any model that writes words, as JSON that a short script writes.

docs/trace.md describes the format. Owns: reading it into a `Trace`. Does not own: the archive of
our own runs (`engine.inspection.trace_file`).
"""

import math
from collections.abc import Sequence
from typing import Annotated, Literal

import numpy as np
from pydantic import FailFast, Field

from engine.api.conversation import Conversation, is_blank
from engine.api.request import MAX_PROMPT_CHARACTERS, Request
from engine.api.sampling import MAX_STEPS as MOST_SAMPLED
from engine.api.sampling import Sampling
from engine.inspection.trace import MAX_LIKELY, SegmentTrace, Trace
from engine.inspection.trace_archive import Unread
from engine.inspection.trace_schema import MAX_NAME, MAX_PIECE, PlainValues, described, read_json
from engine.media.token_text import MASK_SIGN, TokenText
from flow.modality import Modality

FORMAT, VERSION = "next-omni steps", 1
MAX_BYTES, MAX_STEPS, MAX_POSITIONS = 16 * 2**20, 4096, 8192
MAX_CODES, MAX_ALTERNATIVES = 2**22, 2**24
"""Tokens of all steps, and alternatives of all tokens, each position counted at every step."""
MAX_ID = 2**31 - 1
MARKS = (b"\xef\xbb\xbf{", b"{")
NO_PROMPT = "(no prompt)"
Id = Annotated[int, Field(ge=0, le=MAX_ID)]
Share = Annotated[float, Field(ge=0, le=1.001)]
"""A probability, as sums of floating-point numbers give it."""
Likely = Annotated[list[tuple[Id, Share]], Field(max_length=MAX_LIKELY)]


class StepDescription(PlainValues):
    """One step: an id for each position that there is by then, and what was known about it."""

    tokens: Annotated[list[Id], Field(min_length=1, max_length=MAX_POSITIONS), FailFast()]
    predicted: Annotated[list[Id], FailFast()] = Field(default_factory=list)
    confidence: Annotated[list[Share], FailFast()] = Field(default_factory=list)
    likely: Annotated[list[Likely], FailFast()] = Field(default_factory=list)
    t: Share | None = None
    elapsed_s: Annotated[float, Field(ge=0, le=1e9)] | None = None


class StepList(PlainValues):
    """The whole file."""

    format: Literal["next-omni steps"]
    version: Literal[1]
    steps: Annotated[list[StepDescription], Field(min_length=1, max_length=MAX_STEPS), FailFast()]
    words: dict[int, str] = Field(default_factory=dict)
    mask: Id | None = None
    prompt: str = ""
    text: str | None = None
    model: str = ""


def is_step_list(content: bytes) -> bool:
    """Return whether a file is JSON by its first characters, whatever its name."""
    return content[:64].lstrip().startswith(MARKS)


def read_step_list(content: bytes) -> Trace:
    """Return the run as a trace of one segment of words.

    Raises: ValueError with one sentence that names the field where it is none.
    """
    if len(content) > MAX_BYTES:
        raise Unread(f"a step list has at most {MAX_BYTES // 2**20} MB, and this is larger")
    found = read_json(content.decode("utf-8-sig", errors="replace"))
    if not isinstance(found, dict) or found.get("format") != FORMAT:
        raise Unread(f'this JSON is no trace: its "format" is not "{FORMAT}"')
    if found.get("version") != VERSION:
        raise Unread(f"this program reads step lists of version {VERSION} only")
    plain = described(StepList, found)
    arrays = _arrays(plain.steps, plain.mask)
    pieces = {i: piece[:MAX_PIECE] for i, piece in plain.words.items()}
    if plain.mask is not None:
        pieces[plain.mask] = MASK_SIGN
    ids = {i for step in plain.steps for i in (*step.tokens, *step.predicted)}
    pieces |= {i: f" #{i}" for i in ids - pieces.keys()}
    words = TokenText(pieces)
    text = plain.text or "".join(words.shown(arrays["x_t"][-1]))
    prompt = NO_PROMPT if is_blank(plain.prompt) else plain.prompt[:MAX_PROMPT_CHARACTERS]
    sampling = Sampling(steps=min(len(plain.steps), MOST_SAMPLED))
    request = Request(Conversation.ask(prompt), Modality.TEXT, sampling)
    checkpoint = {"name": plain.model[:MAX_NAME], "digest": ""}
    return Trace(request, checkpoint, (SegmentTrace(Modality.TEXT, sampling, arrays, words, text),))


def _arrays(steps: Sequence[StepDescription], mask: int | None) -> dict[str, np.ndarray]:
    """The arrays of `engine.inspection.trace.AXES` that the steps give."""
    for number, step in enumerate(steps, 1):
        _refuse_other_lengths(number, step)
    num, length = len(steps), max(len(step.tokens) for step in steps)
    if num * length > MAX_CODES:
        raise Unread(f"{num} steps of {length} tokens are more than {MAX_CODES} together")
    states = [step.tokens for step in steps]
    predicted = [step.predicted or step.tokens for step in steps]
    absent = 1 + max(max(row) for row in (*states, *predicted))
    x_t = _table(states, length, absent)
    before = np.concatenate([np.full((1, length), absent if mask is None else mask), x_t[:-1]])
    arrays = {
        "x_t": x_t[..., None],
        "x_1": _table(predicted, length, absent)[..., None],
        "changed": ((x_t != before) & (x_t != absent))[..., None],
        "t": np.array(
            [(k + 1) / num if s.t is None else s.t for k, s in enumerate(steps)], np.float32
        ),
        "nfe": np.arange(1, num + 1, dtype=np.uint32),
        "num_active": np.array([len(step.tokens) for step in steps], np.uint32),
        "elapsed_s": np.array([step.elapsed_s or 0.0 for step in steps], np.float32),
    }
    likely = [step.likely for step in steps if step.likely]
    if _in_all("likely", len(likely), num):
        arrays |= _alternatives(likely, length)
    sure = [step.confidence for step in steps if step.confidence]
    if _in_all("confidence", len(sure), num):
        arrays["confidence"] = _table(sure, length, 0, np.float16)[..., None]
    elif likely:
        shares = [
            [dict(some).get(i, 0.0) for i, some in zip(ids, step, strict=True)]
            for ids, step in zip(predicted, likely, strict=True)
        ]
        arrays["confidence"] = _table(shares, length, 0, np.float16)[..., None]
    return arrays


def _refuse_other_lengths(number: int, step: StepDescription) -> None:
    for name in ("predicted", "confidence", "likely"):
        given = getattr(step, name)
        if given and len(given) != len(step.tokens):
            raise Unread(
                f"step {number} has {len(step.tokens)} tokens and {len(given)} of {name!r}: give "
                "one for each"
            )


def _in_all(name: str, given: int, num: int) -> bool:
    """Return whether all steps have a field. Raises: ValueError where some have it."""
    if given not in (0, num):
        raise Unread(f"{given} of {num} steps have {name!r}: give it in all or none")
    return given > 0


def _table(
    rows: Sequence[Sequence[float]], length: int, absent: int, dtype: type = np.uint32
) -> np.ndarray:
    """The rows as an array "S L", filled up behind their ends."""
    table = np.full((len(rows), length), absent, dtype)
    for row, values in zip(table, rows, strict=True):
        row[: len(values)] = values
    return table


def _alternatives(steps: Sequence[Sequence[Likely]], length: int) -> dict[str, np.ndarray]:
    """Ids and probabilities "S L 1 K" in falling order, and the entropy of those that are given."""
    most = max(1, max(len(likely) for step in steps for likely in step))
    if len(steps) * length * most > MAX_ALTERNATIVES:
        raise Unread(f"{most} alternatives of so many tokens are too many: give fewer")
    ids = np.zeros((len(steps), length, 1, most), np.uint32)
    shares = np.zeros(ids.shape, np.float16)
    entropy = np.zeros(ids.shape[:3], np.float16)
    for s, step in enumerate(steps):
        for position, likely in enumerate(step):
            ordered = sorted(likely, key=lambda one: -one[1])
            for k, (i, share) in enumerate(ordered):
                ids[s, position, 0, k], shares[s, position, 0, k] = i, share
            entropy[s, position, 0] = -sum(p * math.log(p) for _, p in ordered if p > 0)
    return {"likely_ids": ids, "likely_p": shares, "entropy": entropy}
