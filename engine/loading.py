"""How far weights are read, as a bar on stderr. Owns: `LoadingBar`."""

import sys

from tqdm import tqdm

QUICK_S = 1.0
"""What is read in less shows no bar."""
LINES_EVERY_S = 10.0
"""In a log, which keeps every state of the bar."""


class LoadingBar:
    """Fits `model.checkpoint.Progress`."""

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
