"""Loading a checkpoint, reported on stderr: the folder behind a name, the progress of reading its
weights, and the first runs on a GPU. Owns: `LoadingBar`, `folder_of`, `warm_up`."""

import sys
from collections.abc import Mapping
from pathlib import Path

from tqdm import tqdm

from engine.api.conversation import Conversation
from engine.api.request import Request
from engine.api.sampling import Sampling
from engine.engine import Engine
from model.convert.hub import ready, room

QUICK_S = 1.0
"""The loading time, in seconds, below which no bar is shown."""
LINES_EVERY_S = 10.0
"""The interval in a log, which keeps every state of the bar, in seconds."""


def folder_of(given: Path | str, environment: Mapping[str, str]) -> Path:
    """The folder to load for a folder or a name on the Hugging Face Hub, see `model.convert.hub`;
    environment: of the process. Raises: ValueError with one sentence."""
    return ready(given, room(environment), lambda line: print(line, file=sys.stderr))


class LoadingBar:
    """Fits `model.loading.checkpoint.Progress`."""

    def __init__(self) -> None:
        self._bar: tqdm | None = None

    def __call__(self, done: int, every: int) -> None:
        if self._bar is None:
            seen = sys.stderr.isatty()
            self._bar = tqdm(
                total=every,
                desc="weights",
                unit="B",
                unit_scale=True,
                delay=QUICK_S,
                mininterval=0.1 if seen else LINES_EVERY_S,
                file=sys.stderr,
            )
        self._bar.update(done - self._bar.n)
        if done == every:
            self._bar.close()


def warm_up(engine: Engine) -> None:
    """Run one step of each kind of answer where steps are recorded, so that no visitor waits for a
    recording; elsewhere nothing. A line on stderr says how far it is."""
    if engine.planner.graphs is None:
        return
    kinds = list(engine.planner.flows)
    for kind in tqdm(kinds, desc="recording steps", unit="kind", file=sys.stderr):
        request = Request(Conversation.ask("a"), kind, Sampling(steps=1))
        for _ in engine.generate(request, preview_hz=0):
            pass
