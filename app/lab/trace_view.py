"""A recorded run as the Lab shows it: pictures of every step, heat maps, and one token from near.

Pure functions from a trace and a lens to plain values for the browser; no gradio, no state.
"""

from base64 import b64encode
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace

import numpy as np

from app.stream.encode import jpeg, recipe_of, strip
from engine.api.request import Modality, Request
from engine.inspection.protocols import CodeInspector
from engine.inspection.trace import SegmentTrace, Trace
from engine.media.film_limits import FRAMES
from engine.media.token_text import TokenText

NEAR, PATCH_MARGIN, MAX_STEPS, MAX_CODES = 6, 1, 256, 2**20
"""Limits of a view: alternatives and neighbours of a code; cells around it; steps of a part; codes
of all parts at all steps."""
HEATS = {
    "confidence": "how sure the prediction is",
    "entropy": "bits of doubt about it",
    "distance": "how far the state is from it",
    "changes": "codes changed so far",
    "settled": "the step after which it stays",
}


Surprise = Callable[[Request, np.ndarray, Modality], float]


def is_of_these_codes(segment: SegmentTrace, words: TokenText) -> bool:
    """Return whether the ids of a segment are the checkpoint's: no word of its text is another
    one there."""
    known, pieces = words.pieces, segment.words.pieces
    return all(known.get(i, "")[: len(p)] == p for i, p in pieces.items())


def surprises(trace: Trace, surprise: Surprise, words: TokenText) -> list[float | None]:
    """Return, for each segment, the bits a code of what it ended with; None where that is
    unfinished, stands behind other segments of the answer, or is of another vocabulary."""
    found: list[float | None] = [None] * len(trace.segments)
    segment = trace.segments[0]
    if not is_of_these_codes(segment, words):
        return found
    with suppress(ValueError):
        tokens = segment.arrays["x_t"][-1].astype(np.int64)
        found[0] = round(surprise(trace.request, tokens, segment.modality), 3)
    return found


def overview(
    trace: Trace, code_inspector: CodeInspector, run_id: str, bits: Sequence[float | None]
) -> dict[str, object]:
    """Return everything but the single token: one entry a segment. bits: see `surprises`.

    Raises: ValueError where the lens cannot see this trace, or it is too long to show.
    """
    longest = max(s.num_steps for s in trace.segments)
    if longest > MAX_STEPS:
        raise ValueError(f"the Lab shows up to {MAX_STEPS} steps, and this run has {longest}")
    if sum(s.arrays["x_t"].size for s in trace.segments) > MAX_CODES:
        raise ValueError(f"the Lab shows up to {MAX_CODES} codes, all steps together: record fewer")
    if any(s.modality is Modality.AUDIO for s in trace.segments):
        raise ValueError("the Lab shows words, pictures and films, and this run made a sound")
    last = trace.segments[-1].sampling
    start = trace.request.start
    return {
        "id": run_id,
        "start_t": None if start is None else round(start.t, 4),
        "checkpoint": dict(trace.checkpoint),
        "recipe": recipe_of(replace(trace.request, sampling=last)),
        "heats": HEATS,
        "segments": [
            _segment(s, code_inspector) | {"bits": b}
            for s, b in zip(trace.segments, bits, strict=True)
        ],
    }


def _segment(segment: SegmentTrace, code_inspector: CodeInspector) -> dict[str, object]:
    a = segment.arrays
    heats = heat_maps(segment, code_inspector)
    is_text = segment.modality is Modality.TEXT
    frames = 1 if segment.modality is Modality.IMAGE else FRAMES
    return {
        "modality": str(segment.modality),
        "steps": segment.num_steps,
        "length": a["x_t"].shape[1],
        "codebooks": a["x_t"].shape[2],
        "frames": None if is_text else frames,
        "grid": None if is_text else round((a["x_t"].shape[1] / frames) ** 0.5),
        "t": [round(float(t), 4) for t in a["t"]],
        "nfe": a["nfe"].tolist(),
        "num_active": a["num_active"].tolist(),
        "elapsed_s": [round(float(s), 3) for s in a["elapsed_s"]],
        "moved": [round(float(m), 4) for m in a["changed"].mean((1, 2))],
        "held": list(segment.held),
        "final": a["x_t"][-1].tolist(),
        "agrees": [round(float(m), 4) for m in (a["x_1"] == a["x_t"][-1]).mean((1, 2))],
        "heat": {name: _bytes(values) for name, values in heats.items()},
        "range": {name: _range(values) for name, values in heats.items()},
        "pictures": None
        if is_text
        else {
            n: [strip(f).data_uri() for f in frames_of(segment, code_inspector, n)]
            for n in ("x_t", "x_1")
        },
        "words": {n: [segment.words.shown(ids) for ids in a[n]] for n in ("x_t", "x_1")}
        if is_text
        else None,
    }


def frames_of(
    segment: SegmentTrace,
    code_inspector: CodeInspector,
    which: str,
    steps: slice | np.ndarray = slice(None),
) -> np.ndarray:
    """uint8 "S F H W 3": state ("x_t") or prediction ("x_1") at some steps of a film, or of a
    picture, which is a film of one frame."""
    codes = segment.arrays[which][steps]
    if segment.modality is Modality.VIDEO:
        return code_inspector.films(codes)
    return code_inspector.pictures(codes)[:, None]


def heat_maps(segment: SegmentTrace, code_inspector: CodeInspector) -> dict[str, np.ndarray]:
    """Return, for each of `HEATS` that the trace allows, a number for every step and position,
    float32 "S L"."""
    a = segment.arrays
    changed = a["changed"]
    last = np.where(changed.any(2), np.arange(1, len(changed) + 1)[:, None], 0).max(0)
    found = {
        "changes": changed.sum(2).cumsum(0),
        "settled": np.broadcast_to(last, changed.shape[:2]),
    }
    if is_of_these_codes(segment, code_inspector.words):
        gaps = code_inspector.distances(segment.modality, a["x_t"], a["x_1"])
        found["distance"] = np.maximum(gaps, 0).mean(2)
    if "confidence" in a:
        found["confidence"] = a["confidence"].astype(np.float32).mean(2)
    if "entropy" in a:
        found["entropy"] = a["entropy"].astype(np.float32).mean(2) / np.log(2)
    return {name: found[name].astype(np.float32) for name in HEATS if name in found}


def token(
    trace: Trace, code_inspector: CodeInspector, segment_index: int, step: int, position: int
) -> dict[str, object]:
    """Return one position at one step, code by code: its history, likely alternatives and nearest
    neighbours.

    Raises: ValueError where there is no such place.
    """
    if not 0 <= segment_index < len(trace.segments):
        raise ValueError(f"this run has no part {segment_index}")
    segment = trace.segments[segment_index]
    states = segment.arrays["x_t"]
    if not (0 <= step < states.shape[0] and 0 <= position < states.shape[1]):
        raise ValueError(f"this run has no position {position} at step {step + 1}")
    codes = [_code(segment, code_inspector, step, position, q) for q in range(states.shape[2])]
    return {"segment": segment_index, "step": step, "position": position, "codes": codes}


def _code(
    segment: SegmentTrace, code_inspector: CodeInspector, step: int, position: int, q: int
) -> dict[str, object]:
    a = segment.arrays
    history, predicted = (a[name][:, position, q] for name in ("x_t", "x_1"))
    path, near, gaps = (np.empty(0),) * 3
    if is_of_these_codes(segment, code_inspector.words):
        final = np.broadcast_to(history[-1:], history.shape)
        path = _column(code_inspector, segment.modality, history, final, a["x_t"].shape[2], q)
        near, gaps = code_inspector.neighbours(segment.modality, q, int(predicted[step]), NEAR)
    likely: list[dict[str, object]] = []
    if "entropy" in a:
        ids, p = a["likely_ids"][step, position, q], a["likely_p"][step, position, q]
        shown = _shown(segment, code_inspector, step, position, q, ids[:NEAR])
        likely = [
            {"id": int(i), "p": round(float(share), 4), **look}
            for i, share, look in zip(ids, p, shown, strict=False)
            if share > 0
        ]
    looks = _shown(segment, code_inspector, step, position, q, near)
    return {
        "now": int(history[step]),
        "predicted": int(predicted[step]),
        "confidence": None
        if "confidence" not in a
        else round(float(a["confidence"][step, position, q]), 4),
        "entropy": None
        if "entropy" not in a
        else round(float(a["entropy"][step, position, q]) / float(np.log(2)), 3),
        "history": [int(i) for i in history],
        "path": [round(float(d), 4) for d in path],
        "pieces": None
        if segment.modality is not Modality.TEXT
        else [segment.words.pieces.get(int(i), "") for i in history],
        "likely": likely,
        "near": [
            {"id": int(i), "distance": round(float(d), 4), **look}
            for i, d, look in zip(near, gaps, looks, strict=True)
        ],
    }


def _column(
    code_inspector: CodeInspector,
    modality: Modality,
    x: np.ndarray,
    y: np.ndarray,
    num_codebooks: int,
    q: int,
) -> np.ndarray:
    """d(x, y) "S" of ids of one codebook."""
    wide = np.zeros((2, len(x), num_codebooks), np.int64)
    wide[0, :, q], wide[1, :, q] = x, y
    return code_inspector.distances(modality, wide[:1], wide[1:])[0, :, q]


def _shown(
    segment: SegmentTrace,
    code_inspector: CodeInspector,
    step: int,
    position: int,
    q: int,
    ids: np.ndarray,
) -> list[dict[str, object]]:
    """Return how each code would look in its place: a piece of text, or the patch and its surround
    in the predicted picture or frame."""
    if segment.modality is Modality.TEXT:
        known = {**code_inspector.words.pieces, **segment.words.pieces}
        return [{"piece": known.get(int(i), f"#{int(i)}")} for i in ids]
    if len(ids) == 0:
        return []
    predicted = segment.arrays["x_1"][step]
    length = len(predicted) // (FRAMES if segment.modality is Modality.VIDEO else 1)
    frame, place = divmod(position, length)
    seen = predicted[frame * length : (frame + 1) * length].astype(np.int64)
    codes = np.repeat(seen[None], len(ids), 0)
    codes[:, place, q] = ids
    return [{"picture": jpeg(_around(p, place)).data_uri()} for p in code_inspector.pictures(codes)]


def _around(picture: np.ndarray, position: int) -> np.ndarray:
    """The cell of a position and those beside it."""
    side = picture.shape[0]
    cell = 16
    row, column = divmod(position, side // cell)
    span = (2 * PATCH_MARGIN + 1) * cell
    top, left = (min(max(0, (i - PATCH_MARGIN) * cell), side - span) for i in (row, column))
    top, left = max(0, top), max(0, left)
    return np.ascontiguousarray(picture[top : top + span, left : left + span])


def _range(values: np.ndarray) -> list[float]:
    return [round(float(values.min()), 4), round(float(values.max()), 4)]


def _bytes(values: np.ndarray) -> str:
    """The numbers from their least to their greatest as 0 .. 255, base64, row by row."""
    low, high = float(values.min()), float(values.max())
    scaled = (values - low) / (high - low) if high > low else np.zeros_like(values)
    return b64encode((scaled * 255).round().astype(np.uint8).tobytes()).decode()
