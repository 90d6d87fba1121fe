"""A run as those see it with whom it is shared: a picture or film that comes out of noise.

Owns: `Formation`, from a recorded run or from the messages that a page plays. Does not own: its
files (`app.sharing.animation`).
"""

from base64 import b64decode
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from app.lab.trace_view import frames_of
from app.stream.encode import recipe_of
from engine.api.request import Modality
from engine.inspection.protocols import CodeInspector
from engine.inspection.trace import Trace
from engine.media.film_limits import FRAMES
from engine.media.images import read_picture

MAX_STEPS_SHOWN = 32
"""Longer runs are shown by so many of their steps."""


@dataclass(frozen=True)
class Formation:
    """states: uint8 "S F H W 3", at steps from first to last, of a picture as a film of one frame;
    the last one is the answer. num_steps: of the run. steps: the number of each state among them.
    recipe: makes it again."""

    states: np.ndarray
    steps: tuple[int, ...]
    num_steps: int
    recipe: Mapping[str, object]

    @property
    def prompt(self) -> str:
        """Return the words that were asked for."""
        return str(self.recipe["prompt"])

    @property
    def answer(self) -> np.ndarray:
        """Return uint8 "F H W 3", the end."""
        return self.states[-1]


def of_trace(trace: Trace, code_inspector: CodeInspector) -> Formation | None:
    """Return the last picture or film of a run; None where it made none. One that was stopped ends
    with what the model held to be the answer."""
    drawn = [s for s in trace.segments if s.modality in (Modality.IMAGE, Modality.VIDEO)]
    if not drawn:
        return None
    segment = drawn[-1]
    chosen = _spread(segment.num_steps)
    states = frames_of(segment, code_inspector, "x_t", chosen)
    if segment.arrays["t"][-1] < 1:
        states[-1:] = frames_of(segment, code_inspector, "x_1", chosen[-1:])
    recipe = recipe_of(trace.request) | {"checkpoint": trace.checkpoint.get("digest")}
    return Formation(states, tuple((chosen + 1).tolist()), segment.num_steps, recipe)


def of_recording(recording: Mapping[str, object]) -> Formation:
    """Return the picture or film of a recorded run, see `app.record`.

    Raises: ValueError where it shows none.
    """
    messages = recording["messages"]
    assert isinstance(messages, list)
    shown = [m for m in messages if m["kind"] == "refined" and "x_t" in m["media"]]
    if not shown:
        raise ValueError("this run shows no picture")
    shown = [shown[i] for i in _spread(len(shown))]
    tall = np.stack([_picture(message["media"]["x_t"]) for message in shown])
    frames = FRAMES if shown[0]["modality"] == Modality.VIDEO else 1
    states = tall.reshape(len(tall), frames, -1, *tall.shape[2:])
    steps = tuple(message["index"] + 1 for message in shown)
    return Formation(states, steps, shown[-1]["num_steps"], messages[-1]["recipe"])


def _spread(count: int) -> np.ndarray:
    """Return the numbers of at most `MAX_STEPS_SHOWN` of so many steps, first and last included."""
    return np.unique(np.linspace(0, count - 1, min(count, MAX_STEPS_SHOWN)).round().astype(int))


def _picture(uri: str) -> np.ndarray:
    return read_picture(b64decode(uri.split(",", 1)[1]))
