"""Agreement of a device with a CPU: the same requests give the same codes."""

from pathlib import Path

import numpy as np

from benchmarks.gpu_parts.timing import Figures
from engine.api.conversation import Conversation
from engine.api.events import Completed
from engine.api.request import Request
from engine.api.sampling import Sampling
from engine.engine import Engine
from flow.modality import Modality

REQUESTS = {
    Modality.IMAGE: ("a red heart above a big dog", 16),
    Modality.VIDEO: ("a red car moving to the left", 12),
    Modality.AUDIO: ("a dog", 16),
    Modality.TEXT: ("what is a fox?", 16),
}
"""The question of each kind of answer, and its steps."""
WANTED = 0.99
"""The share of codes that must agree in float32."""


def agreement(checkpoint: Path, device: str, seeds: int) -> Figures:
    """Return, for each kind of answer, the share of the codes of a CPU that a device gives in
    float32, and in its usual dtype. seeds: runs of each kind."""
    host = Engine.load(checkpoint, "cpu")
    kinds = [kind for kind in REQUESTS if kind in host.planner.flows]
    wanted = {(k, s): _codes(host, k, s) for k in kinds for s in range(seeds)}
    found: Figures = {}
    for dtype in ("float32", "auto"):
        engine = Engine.load(checkpoint, device, dtype)
        for kind in kinds:
            shares = [_same(wanted[kind, s], _codes(engine, kind, s)) for s in range(seeds)]
            found[f"{kind}_{dtype}"] = float(np.mean(shares))
        engine.planner.free()
    return found


def _codes(engine: Engine, kind: Modality, seed: int) -> np.ndarray:
    words, steps = REQUESTS[kind]
    request = Request(Conversation.ask(words), kind, Sampling(steps=steps, seed=seed))
    *_, completed = engine.generate(request, preview_hz=0)
    assert isinstance(completed, Completed)
    return completed.answers[0].tokens


def _same(wanted: np.ndarray, found: np.ndarray) -> float:
    """The share of equal codes; of an answer of another length, none."""
    return float((wanted == found).mean()) if wanted.shape == found.shape else 0.0
