"""The speed of refinement on a device beside the device's limits, with and without streaming.

Random weights of a preset are enough: speed at a fixed number of steps does not depend on them.
Parts (`benchmarks.gpu_parts`): the limits of the device (matrix product, copy, launch), text,
images and video by every sampler, the sampler alone, streaming to 0, 1 and 8 viewers, and 1 to 64
simultaneous users. A finished part is stored beside --json and not computed again.
"""

import argparse
import json
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from benchmarks.gpu_parts.generation import (
    autoregressive,
    image,
    image_cached,
    image_plain,
    sampler,
    text,
    text_256,
    video,
)
from benchmarks.gpu_parts.limits import limits
from benchmarks.gpu_parts.serving import streaming, users
from benchmarks.gpu_parts.timing import STEPS, Figures
from benchmarks.report import publish
from engine.engine import Engine
from flow.modality import Modality
from model.config import OmniConfig
from model.loading.checkpoint import Checkpoint
from model.loading.placement import Placement, random_model
from model.presets import PRESETS
from model.tokenizers.text import TextTokenizer
from world.image.scenes import sample_scene
from world.text.captions import caption


def main() -> int:
    arguments = _parser().parse_args()
    started = time.monotonic()
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
        if time.monotonic() - started > arguments.seconds:
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
    publish("gpu", engine, arguments, started, metrics | ratios(metrics))
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
    """Return an engine of a preset with random weights; text is one block."""
    config: OmniConfig = replace(PRESETS[preset], text_block=block, text_blocks=1)
    placement = Placement.of(device)
    rng = np.random.default_rng(0)
    texts = [caption(sample_scene(rng, test=False), rng) for _ in range(200)]
    tokenizer = TextTokenizer.train(texts, config.text_vocabulary)
    torch.manual_seed(0)
    model = random_model(config, tokenizer.space(), placement)
    return Engine(Checkpoint(model, tokenizer, {"concepts": []}, f"random {preset}"), placement)


PARTS: dict[str, Callable[[Engine, int], Figures]] = {
    "limits": limits,
    "autoregressive": autoregressive,
    "text": text,
    "text_256": text_256,
    "image": image,
    "image_plain": image_plain,
    "image_cached": image_cached,
    "sampler": sampler,
    "streaming": streaming,
    "video": video,
    "users": users,
}


def ratios(metrics: Figures) -> Figures:
    """Return the ratios of the performance goals, for the parts that were measured."""
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


if __name__ == "__main__":
    sys.exit(main())
