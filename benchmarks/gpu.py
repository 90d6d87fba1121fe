"""How close to its limits does refinement run on this device, streamed and not?

Random weights of a preset are enough: speed at a fixed number of steps does not depend on them.
First what the device can do at all (matrix product, copy, launch), then every way to make text,
pictures and video, the sampler by itself beside two others, streaming to 0, 1 and 8 watchers, and 1
to 64 users at once. Each part is kept beside --json as soon as it is done, and not computed again.
"""

import argparse
import asyncio
import json
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from statistics import median

import numpy as np
import torch

from app.stream.run_bus import Run, StepBus
from app.stream.run_driver import RunDriver
from benchmarks.report import publish
from benchmarks.sampler_step import refinement_on_fixed_logits
from engine.api.conversation import Conversation
from engine.api.events import Refined
from engine.api.request import Request
from engine.api.sampling import Sampling
from engine.engine import PREVIEW_HZ, Engine
from flow.modality import Modality
from flow.sequence import OmniSequence, response
from model.config import OmniConfig
from model.loading.checkpoint import Checkpoint
from model.loading.placement import Placement, estimate, random_model
from model.presets import PRESETS
from model.tokenizers.text import TextTokenizer
from samplers.counter_rng import CounterRNG
from samplers.source import random_source
from world.image.scenes import sample_scene
from world.text.captions import caption

STEPS = (8, 16, 32)
GUIDANCE, FRAMES = 3.0, 8
USERS = (1, 4, 16, 64)
WATCHERS = (0, 1, 8)
WISH = "a red heart above a big dog, two green apples and a rocket at night"
Figures = dict[str, float]


def main() -> int:
    arguments = _parser().parse_args()
    began = time.monotonic()
    try:
        engine = random_engine(arguments.preset, arguments.device, arguments.block)
    except ValueError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    kept = Path(arguments.json).with_suffix(".parts") if arguments.json else None
    done: dict[str, Figures] = {}
    if kept is not None and kept.exists() and not arguments.fresh:
        done = json.loads(kept.read_text())
    for name in arguments.parts.split(",") if arguments.parts else PARTS:
        if name in done:
            continue
        if time.monotonic() - began > arguments.seconds:
            print(f"no time left for {name}: run the command again", file=sys.stderr)
            continue
        done[name] = PARTS[name](engine, arguments.repeats)
        print(name, json.dumps(done[name]), file=sys.stderr, flush=True)
        if kept is not None:
            kept.parent.mkdir(parents=True, exist_ok=True)
            kept.write_text(json.dumps(done))
    metrics = {
        f"{part}.{name}": value for part, found in done.items() for name, value in found.items()
    }
    publish("gpu", engine, arguments, began, metrics | _ratios(metrics))
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.gpu", description=__doc__)
    parser.add_argument("--preset", choices=sorted(PRESETS), default="next_omni_7b")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--block", type=int, default=64, help="positions of a text block")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=500, help="begin no part after so long")
    parser.add_argument("--parts", help=f"some of {', '.join(PARTS)}, with commas")
    parser.add_argument("--fresh", action="store_true", help="forget the parts that are done")
    parser.add_argument("--json", type=Path, help="also write the result here")
    parser.set_defaults(checkpoint="random", seed=0, num=0)
    return parser


def random_engine(preset: str, device: str, block: int) -> Engine:
    """An engine of a preset with random weights; words are one block."""
    config: OmniConfig = replace(PRESETS[preset], text_block=block, text_blocks=1)
    placement = Placement.of(device)
    rng = np.random.default_rng(0)
    texts = [caption(sample_scene(rng, test=False), rng) for _ in range(200)]
    tokenizer = TextTokenizer.train(texts, config.text_vocabulary)
    torch.manual_seed(0)
    model = random_model(config, tokenizer.space(), placement)
    return Engine(Checkpoint(model, tokenizer, {"concepts": []}, f"random {preset}"), placement)


def _limits(engine: Engine, repeats: int) -> Figures:
    """What the device can do: products of matrices, copying, launching; and what the weights
    weigh."""
    device, dtype = engine.device, engine.placement.dtype
    big = device.type == "cuda"
    size, length = (8192, 2**30) if big else (512, 2**24)
    a = torch.randn(size, size, device=device).to(dtype)
    flops = 2 * size**3 / _seconds(engine, lambda: a @ a, repeats)
    source = torch.empty(length, dtype=torch.uint8, device=device)
    target = torch.empty_like(source)
    copied = 2 * length / _seconds(engine, lambda: target.copy_(source), repeats)
    one = torch.zeros(1, device=device)

    def launches() -> None:
        for _ in range(100):
            one.add_(1)

    config = engine.model.config
    space = engine.model.spaces[Modality.TEXT]
    read = engine.model.backbone.parameters(), engine.model.embeddings.text.parameters()
    weights = sum(p.nbytes for group in read for p in group)
    return {
        "tflop_s": flops / 1e12,
        "copy_gb_s": copied / 1e9,
        "launch_us": 1e4 * _seconds(engine, launches, repeats),
        "read_for_a_token_gb": weights / 1e9,
        "memory_gb": estimate(config, space, engine.placement).total / 1e9,
    }


def _autoregressive(engine: Engine, repeats: int) -> Figures:
    """Tokens a second from left to right, after the first eighth (which records the step)."""
    before = engine.planner.lengths[Modality.TEXT]
    engine.planner.lengths[Modality.TEXT] = 4 * before
    found: list[float] = []
    try:
        for i in range(repeats):
            sampling = Sampling(sampler="autoregressive", temperature=1.0, seed=i)
            stamps = [e.elapsed_s for e in _refined(engine, _words(sampling))]
            rest = stamps[len(stamps) // 8 :]
            if len(rest) > 1:
                found.append((len(rest) - 1) / (rest[-1] - rest[0]))
    finally:
        engine.planner.lengths[Modality.TEXT] = before
    return {"tokens_s": median(found), "worst_tokens_s": min(found)}


def _text(engine: Engine, repeats: int) -> Figures:
    """Tokens a second of one block, all positions refined n times."""
    block = engine.planner.lengths[Modality.TEXT]
    seconds = {n: _generation(engine, _words(Sampling(steps=n)), repeats) for n in STEPS}
    speed = {f"tokens_s_{n}": block / s for n, s in seconds.items()}
    return speed | {"step_ms": 1000 * seconds[16] / 16}


def _image(engine: Engine, repeats: int) -> Figures:
    """Seconds of a guided picture."""
    seconds = {n: _generation(engine, _picture(Sampling(steps=n)), repeats) for n in STEPS}
    return {f"seconds_{n}": s for n, s in seconds.items()} | {"step_ms": 1000 * seconds[16] / 16}


def _image_cached(engine: Engine, repeats: int) -> Figures:
    """The same with the adaptive cache, at two shares."""
    return {
        f"seconds_16_share_{share}": _generation(
            engine, _picture(Sampling(steps=16, cache_share=share)), repeats
        )
        for share in (0.25, 0.5)
    }


def _image_plain(engine: Engine, repeats: int) -> Figures:
    """The same without recorded steps: what launching costs."""
    recorder, engine.planner.graphs = engine.planner.graphs, None
    try:
        return {"seconds_16": _generation(engine, _picture(Sampling(steps=16)), repeats)}
    finally:
        engine.planner.graphs = recorder


def _video(engine: Engine, repeats: int) -> Figures:
    """Seconds of eight guided pictures that are refined together: a clip's positions."""
    planner, space = engine.planner, engine.model.spaces[Modality.IMAGE]
    sampling = planner.complete(Sampling(steps=16, guidance_scale=GUIDANCE), Modality.IMAGE)
    draws = CounterRNG.for_seed(0, 1, engine.device)
    length = planner.lengths[Modality.IMAGE]
    frames = [
        response(Modality.IMAGE, random_source(space, 1, length, draws, segment=i + 1))
        for i in range(FRAMES)
    ]
    asked = engine.builder.prompt_of(_picture(sampling), Modality.IMAGE)
    plan = planner.plan(asked, Modality.IMAGE, sampling, draws, 0)

    def run() -> None:
        x_0 = OmniSequence((*asked, *frames))
        for _ in replace(plan, x_0=x_0).steps():
            pass

    return {"seconds_16": _seconds(engine, run, repeats)}


def _sampler(engine: Engine, repeats: int) -> Figures:
    """Milliseconds of one draw and one move, without the network."""
    found: Figures = {}
    for modality in (Modality.TEXT, Modality.IMAGE):
        step = refinement_on_fixed_logits(engine, modality)
        found[f"{modality}_ms"] = 1000 * _seconds(engine, step, repeats)
    return found


def _streaming(engine: Engine, repeats: int) -> Figures:
    """Seconds of a guided picture with previews sent to so many watchers, over those without;
    interleaved. One of eight watchers reads one message a second."""
    request = _picture(Sampling(steps=16))
    _generation(engine, request, 1)
    ratios: dict[int, list[float]] = {n: [] for n in WATCHERS}
    for _ in range(repeats):
        alone = _seconds(engine, lambda: _drained(engine, request, 0), 1, warm=False)
        for n in WATCHERS:
            ratios[n].append(_watched(engine, request, n) / alone)
    return {f"ratio_{n}": median(found) for n, found in ratios.items()}


def _users(engine: Engine, repeats: int) -> Figures:
    """Pictures a second when so many are refined together."""
    found: Figures = {}
    for users in USERS:
        requests = [_picture(Sampling(steps=16, seed=i)) for i in range(users)]
        together = partial(engine.generate_batch, requests)
        seconds = _seconds(engine, together, max(1, repeats // 2))
        found[f"pictures_s_{users}"] = users / seconds
    return found


PARTS: dict[str, Callable[[Engine, int], Figures]] = {
    "limits": _limits,
    "autoregressive": _autoregressive,
    "text": _text,
    "image": _image,
    "image_plain": _image_plain,
    "image_cached": _image_cached,
    "sampler": _sampler,
    "streaming": _streaming,
    "video": _video,
    "users": _users,
}


def _ratios(metrics: Figures) -> Figures:
    """What the goals are about, where its parts are there."""
    found: Figures = {}
    for modality in (Modality.TEXT, Modality.IMAGE):
        ours, step = f"sampler.{modality}_ms", f"{modality}.step_ms"
        if ours in metrics and step in metrics:
            found[f"sampler_share_{modality}"] = metrics[ours] / metrics[step]
    one_by_one = metrics.get("autoregressive.tokens_s")
    if one_by_one is None:
        return found
    for n in STEPS:
        if f"text.tokens_s_{n}" in metrics:
            found[f"text_over_autoregressive_{n}"] = metrics[f"text.tokens_s_{n}"] / one_by_one
    if "limits.copy_gb_s" in metrics:
        limit = metrics["limits.copy_gb_s"] / metrics["limits.read_for_a_token_gb"]
        found["autoregressive_share_of_bandwidth"] = one_by_one / limit
    return found


def _picture(sampling: Sampling) -> Request:
    guided = replace(sampling, guidance_scale=GUIDANCE)
    return Request(Conversation.ask(WISH), Modality.IMAGE, guided)


def _words(sampling: Sampling) -> Request:
    return Request(Conversation.ask(WISH), Modality.TEXT, sampling)


def _refined(engine: Engine, request: Request) -> list[Refined]:
    return [e for e in engine.generate(request, preview_hz=0) if isinstance(e, Refined)]


def _drained(engine: Engine, request: Request, preview_hz: float) -> None:
    for _ in engine.generate(request, preview_hz=preview_hz):
        pass


def _generation(engine: Engine, request: Request, repeats: int) -> float:
    return _seconds(engine, lambda: _drained(engine, request, 0), repeats)


def _seconds(
    engine: Engine, run: Callable[[], object], repeats: int, *, warm: bool = True
) -> float:
    """Median seconds of a run, begun and ended with an idle device; two runs come first."""
    for _ in range(2 if warm else 0):
        run()
    found: list[float] = []
    for _ in range(repeats):
        _wait(engine)
        began = time.perf_counter()
        run()
        _wait(engine)
        found.append(time.perf_counter() - began)
    return median(found)


def _wait(engine: Engine) -> None:
    if engine.device.type == "cuda":
        torch.cuda.synchronize(engine.device)


def _watched(engine: Engine, request: Request, watchers: int) -> float:
    """Seconds of a run whose messages so many viewers receive in another thread."""
    bus = StepBus()
    run = bus.open("benchmark")
    ready = threading.Event()
    thread = threading.Thread(target=lambda: asyncio.run(_watch(run, watchers, ready)))
    thread.start()
    ready.wait()
    _wait(engine)
    began = time.perf_counter()
    for _ in RunDriver(lambda r: engine.generate(r, preview_hz=PREVIEW_HZ), request, run, bus):
        pass
    _wait(engine)
    seconds = time.perf_counter() - began
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


if __name__ == "__main__":
    sys.exit(main())
