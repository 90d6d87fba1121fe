"""The speed of the embedded model, and the cost of streaming previews.

Loading, the first visible refinement, a guided 16-step picture, a film in the checkpoint's own
steps, an answer in words, and the time with previews over the time without: interleaved repeats in
one process, medians.
"""

import argparse
import sys
import time
from statistics import median

from benchmarks.report import common_parser, loaded, publish
from engine.api.conversation import Conversation
from engine.api.events import PREVIEW_HZ, Refined
from engine.api.request import Request
from engine.api.sampling import Sampling
from engine.engine import Engine
from flow.modality import Modality

STEPS, GUIDANCE = 16, 3.0


def main() -> int:
    parser = common_parser("streaming", __doc__, num=9, seed=0)
    arguments = parser.parse_args()
    started = time.monotonic()
    engine = loaded(arguments)
    if engine is None:
        return 2
    metrics = {"load_s": time.monotonic() - started, **_measured(engine, arguments)}
    publish("streaming", engine, arguments, started, metrics)
    return 0


def _measured(engine: Engine, arguments: argparse.Namespace) -> dict[str, float]:
    _timed(engine, _picture(arguments.seed), PREVIEW_HZ)
    off, on, first, words, films = [], [], [], [], []
    filming = Modality.VIDEO in engine.model.config.media
    for i in range(arguments.num):
        off.append(_timed(engine, _picture(arguments.seed + i), 0)[0])
        seconds, seen = _timed(engine, _picture(arguments.seed + i), PREVIEW_HZ)
        on.append(seconds)
        first.append(seen)
        question = Request(Conversation.ask("what can you do?"), Modality.TEXT)
        words.append(_timed(engine, question, PREVIEW_HZ)[0])
        if filming:
            films.append(_timed(engine, _film(arguments.seed + i), PREVIEW_HZ))
    ratios = [a / b for a, b in zip(on, off, strict=True)]
    return {
        "picture_s": median(on),
        "picture_worst_s": max(on),
        "first_refinement_s": median(first),
        "words_s": median(words),
        **_of_films(films),
        "streaming_ratio": median(ratios),
        "steps": STEPS,
        "guidance": GUIDANCE,
    }


def _picture(seed: int) -> Request:
    sampling = Sampling(steps=STEPS, guidance_scale=GUIDANCE, seed=seed)
    return Request(Conversation.ask("a red heart above a dog"), Modality.IMAGE, sampling)


def _film(seed: int) -> Request:
    case = Conversation.ask("a dog moving to the left")
    return Request(case, Modality.VIDEO, Sampling(seed=seed))


def _of_films(timed: list[tuple[float, float]]) -> dict[str, float]:
    if not timed:
        return {}
    seconds, first = zip(*timed, strict=True)
    return {
        "film_s": median(seconds),
        "film_worst_s": max(seconds),
        "first_film_refinement_s": median(first),
    }


def _timed(engine: Engine, request: Request, preview_hz: float) -> tuple[float, float]:
    """Return the seconds of a run, and until its first image can be shown."""
    started, first = time.perf_counter(), float("nan")
    for event in engine.generate(request, preview_hz=preview_hz):
        if isinstance(event, Refined) and event.image_t is not None and first != first:
            first = time.perf_counter() - started
    return time.perf_counter() - started, first


if __name__ == "__main__":
    sys.exit(main())
