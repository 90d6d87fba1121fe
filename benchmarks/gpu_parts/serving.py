"""The cost of streaming to viewers, and the throughput of simultaneous users."""

import asyncio
import threading
import time
from functools import partial
from statistics import median

from app.stream.run import Run
from app.stream.run_bus import StepBus
from app.stream.run_driver import RunDriver
from benchmarks.gpu_parts.timing import (
    Figures,
    drain,
    generation_s,
    image_request,
    median_s,
    synchronize,
)
from engine.api.events import PREVIEW_HZ
from engine.api.request import Request
from engine.api.sampling import Sampling
from engine.engine import Engine

USERS = (1, 8, 32)
WATCHERS = (0, 1, 8)


def streaming(engine: Engine, repeats: int) -> Figures:
    """Return the time of a guided image with previews sent to viewers, over that without;
    interleaved. One of eight viewers reads one message a second."""
    request = image_request(Sampling(steps=16))
    generation_s(engine, request, 1)
    ratios: dict[int, list[float]] = {n: [] for n in WATCHERS}
    for _ in range(repeats):
        alone = median_s(engine, lambda: drain(engine, request, 0), 1, warm=False)
        for n in WATCHERS:
            ratios[n].append(_watched(engine, request, n) / alone)
    return {f"ratio_{n}": median(found) for n, found in ratios.items()}


def users(engine: Engine, repeats: int) -> Figures:
    """Return images/s at each number of simultaneous users."""
    found: Figures = {}
    for users in USERS:
        requests = [image_request(Sampling(steps=16, seed=i)) for i in range(users)]
        together = partial(engine.generate_batch, requests)
        seconds = median_s(engine, together, max(1, repeats // 2))
        found[f"pictures_s_{users}"] = users / seconds
    return found


def _watched(engine: Engine, request: Request, watchers: int) -> float:
    """Return seconds of a run whose messages viewers receive in another thread."""
    bus = StepBus()
    run = bus.open("benchmark")
    ready = threading.Event()
    thread = threading.Thread(target=lambda: asyncio.run(_watch(run, watchers, ready)))
    thread.start()
    ready.wait()
    synchronize(engine)
    started = time.perf_counter()
    for _ in RunDriver(lambda r: engine.generate(r, preview_hz=PREVIEW_HZ), request, run, bus):
        pass
    synchronize(engine)
    seconds = time.perf_counter() - started
    thread.join()
    return seconds


async def _watch(run: Run, watchers: int, ready: threading.Event) -> None:
    async def one(slow: bool) -> None:
        async for number, message in run.watch():
            message.to_json(number)
            if slow and not run.ended:
                await asyncio.sleep(1)

    tasks = [asyncio.create_task(one(slow=i == 7)) for i in range(watchers)]
    await asyncio.sleep(0)
    ready.set()
    await asyncio.gather(*tasks)
