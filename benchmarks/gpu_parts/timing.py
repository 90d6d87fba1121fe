"""The requests of all parts, and timed runs of them."""

import time
from collections.abc import Callable
from dataclasses import replace
from statistics import median

import torch

from engine.api.conversation import Conversation
from engine.api.events import Refined
from engine.api.request import Request
from engine.api.sampling import Sampling
from engine.engine import Engine
from flow.modality import Modality

STEPS = (8, 16, 32)
GUIDANCE = 3.0
PROMPT = "a red heart above a big dog, two green apples and a rocket at night"
Figures = dict[str, float]


def image_request(sampling: Sampling) -> Request:
    guided = replace(sampling, guidance_scale=GUIDANCE)
    return Request(Conversation.ask(PROMPT), Modality.IMAGE, guided)


def text_request(sampling: Sampling) -> Request:
    return Request(Conversation.ask(PROMPT), Modality.TEXT, sampling)


def refined_events(engine: Engine, request: Request) -> list[Refined]:
    return [e for e in engine.generate(request, preview_hz=0) if isinstance(e, Refined)]


def drain(engine: Engine, request: Request, preview_hz: float) -> None:
    for _ in engine.generate(request, preview_hz=preview_hz):
        pass


def generation_s(engine: Engine, request: Request, repeats: int) -> float:
    return median_s(engine, lambda: drain(engine, request, 0), repeats)


def median_s(
    engine: Engine, run: Callable[[], object], repeats: int, *, warm: bool = True
) -> float:
    """Return the median seconds of a run, synchronised at both ends, after two warm-up runs."""
    for _ in range(2 if warm else 0):
        run()
    found: list[float] = []
    for _ in range(repeats):
        synchronize(engine)
        started = time.perf_counter()
        run()
        synchronize(engine)
        found.append(time.perf_counter() - started)
    return median(found)


def synchronize(engine: Engine) -> None:
    if engine.device.type == "cuda":
        torch.cuda.synchronize(engine.device)
