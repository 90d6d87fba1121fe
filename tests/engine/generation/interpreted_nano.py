"""Answers of the embedded checkpoint by the CUDA code path, kernels in Triton's interpreter.

A process of its own with TRITON_INTERPRET=1, because Triton decides at its first import whether it
interprets. The last line is JSON: for each kind of answer its codes that equal those of the plain
run, all codes, and the recordings.
"""

import json
import sys
from pathlib import Path

import numpy as np
import torch

from engine.api.conversation import Conversation
from engine.api.events import Completed
from engine.api.request import Request
from engine.api.sampling import Sampling
from engine.engine import Engine
from flow.cuda.fused import has_kernels
from flow.modality import Modality
from tests.samplers.fake_graph import FakeGraph, OnDevice

NANO = Path(__file__).resolve().parents[3] / "assets" / "nano"
REQUESTS = {
    Modality.IMAGE: ("a red heart above a dog", 3),
    Modality.VIDEO: ("a red car moving to the left", 2),
    Modality.AUDIO: ("a dog", 3),
    Modality.TEXT: ("what is a fox?", 3),
}
"""The question for each kind of answer, and its steps: the interpreter takes 2 ms a program."""
FRAMES = 2
"""The length of the film."""


def _codes(engine: Engine, to: Modality) -> list[np.ndarray]:
    words, steps = REQUESTS[to]
    request = Request(Conversation.ask(words), to, Sampling(steps=steps, seed=5))
    *_, completed = engine.generate(request, preview_hz=0)
    assert isinstance(completed, Completed)
    return [answer.tokens for answer in completed.answers]


def main() -> int:
    torch.set_num_threads(1)
    assert has_kernels(torch.device("cpu")), "start it with TRITON_INTERPRET=1"
    engine, found = Engine.load(NANO, "cpu"), {}
    lengths = engine.planner.lengths
    lengths[Modality.VIDEO] = FRAMES * lengths[Modality.IMAGE]
    for to in REQUESTS:
        plain = _codes(engine, to)
        graph = FakeGraph(lazy=True)
        engine.planner.graphs = OnDevice(graph)
        kernel = _codes(engine, to)
        engine.planner.graphs = None
        assert [a.shape for a in plain] == [a.shape for a in kernel]
        same = sum(int((a == b).sum()) for a, b in zip(plain, kernel, strict=True))
        found[to] = [same, sum(a.size for a in plain), graph.captured]
    print(json.dumps(found))
    return 0


if __name__ == "__main__":
    sys.exit(main())
