"""ZeroGPU: where a Space lends a GPU per call, a generation runs on its worker; elsewhere nothing
changes.

Imported before anything touches CUDA, as `spaces` asks.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Protocol

import numpy as np

try:
    import spaces
except ImportError:
    spaces = None

from engine.api.conversation import Part
from engine.api.events import Event
from engine.api.request import Request
from engine.api.sampling import MAX_STEPS

SECONDS_PER_STEP = 0.25
SECONDS_TO_BEGIN = 10
Embed = Callable[[Sequence[tuple[Part, ...]]], np.ndarray]
"""`Engine.embed`."""


class WatchedGenerate(Protocol):
    """`Engine.generate`, as far as the page calls it."""

    def __call__(self, request: Request, *, watch: int = 0) -> Iterator[Event]: ...


def on_gpu(generate: WatchedGenerate) -> WatchedGenerate:
    """`generate` on a ZeroGPU worker where there is one; elsewhere `generate` itself."""
    if spaces is None:
        return generate

    def on_worker(request: Request, *, watch: int = 0) -> Iterator[Event]:
        yield from generate(request, watch=watch)

    decorate: Callable[[WatchedGenerate], WatchedGenerate] = spaces.GPU(duration=seconds_needed)
    return decorate(on_worker)


def embed_on_gpu(embed: Embed) -> Embed:
    """`embed` on a ZeroGPU worker where there is one; elsewhere `embed` itself."""
    return embed if spaces is None else spaces.GPU(duration=SECONDS_TO_BEGIN)(embed)


def seconds_needed(request: Request, *, watch: int = 0) -> int:
    """Return the time limit of a run; ZeroGPU charges it in advance, so it is not generous."""
    steps = request.sampling.steps or MAX_STEPS
    return round(SECONDS_TO_BEGIN + SECONDS_PER_STEP * steps * (1.2 if watch else 1))
