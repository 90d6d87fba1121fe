"""Branches of a recorded run: the state after one of its steps, with edits, as the start of another
run. Owns: `Edit`, `start_of`."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from engine.api.request import InitialState
from engine.inspection.trace import Trace
from flow.modality import Modality


@dataclass(frozen=True)
class Edit:
    """An edit at one position of a state. codes: an id for each sub-codebook, None where it stays;
    held: the position is fixed from here on."""

    position: int
    codes: tuple[int | None, ...]
    held: bool


def start_of(trace: Trace, segment: int, step: int, edits: Sequence[Edit] = ()) -> InitialState:
    """The state after a recorded step, with its edits; fixed positions of the run stay fixed.

    Raises: ValueError where there is no such place, or nothing would be left to do.
    """
    if not trace.checkpoint.get("digest"):
        raise ValueError("this run is of another program: look into it, it cannot be gone on from")
    if not 0 <= segment < len(trace.segments):
        raise ValueError(f"this run has no part {segment}")
    arrays = trace.segments[segment].arrays
    if trace.segments[segment].modality is Modality.AUDIO:
        raise ValueError("a run of sound cannot be gone on from: take words, a picture or a film")
    if not 0 <= step < len(arrays["t"]):
        raise ValueError(f"this run has no step {step + 1}")
    tokens, predicted = (arrays[name][step].astype(np.int64) for name in ("x_t", "x_1"))
    pinned = np.zeros(len(tokens), bool)
    pinned[list(trace.segments[segment].held)] = True
    for edit in edits:
        if not 0 <= edit.position < len(tokens) or len(edit.codes) != tokens.shape[1]:
            raise ValueError(f"this run has no position {edit.position} of {len(edit.codes)} codes")
        for q, code in enumerate(edit.codes):
            if code is not None:
                tokens[edit.position, q] = code
        pinned[edit.position] = edit.held
    before = trace.request.start
    said = () if before is None else before.said
    said += tuple(s.text for s in trace.segments[:segment] if s.text and not s.heard)
    number = segment + (0 if before is None else before.segment)
    t = float(arrays["t"][step])
    return InitialState(
        trace.segments[segment].modality, tokens, predicted, t, pinned, number, said
    )
