"""ZeroGPU: where a Space lends a GPU per call, a generation runs on its worker; elsewhere nothing
changes.

Imported before anything touches CUDA, as `spaces` asks.
"""

from collections.abc import Callable, Iterator

try:
    import spaces
except ImportError:
    spaces = None

from app.pump import Generate
from engine.events import Event
from engine.request import MAX_STEPS, Request

SECONDS_PER_STEP = 0.25
SECONDS_TO_BEGIN = 10


def on_gpu(generate: Generate) -> Generate:
    """`generate` on a ZeroGPU worker where there is one; elsewhere `generate` itself."""
    if spaces is None:
        return generate

    def on_worker(request: Request) -> Iterator[Event]:
        yield from generate(request)

    decorate: Callable[[Generate], Generate] = spaces.GPU(duration=seconds_needed)
    return decorate(on_worker)


def seconds_needed(request: Request) -> int:
    """What a run may take at most; ZeroGPU charges it in advance, so it is not generous."""
    steps = request.sampling.steps or MAX_STEPS
    return round(SECONDS_TO_BEGIN + SECONDS_PER_STEP * steps)
