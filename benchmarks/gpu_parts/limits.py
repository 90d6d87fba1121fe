"""The limits of the device: matrix products, copies, launches, and the size of the weights."""

import torch

from benchmarks.gpu_parts.timing import Figures, median_s
from engine.engine import Engine
from flow.modality import Modality
from model.loading.placement import estimate


def limits(engine: Engine, repeats: int) -> Figures:
    """Return the throughput of matrix products and copies, the cost of a launch, and the size of
    the weights."""
    device, dtype = engine.device, engine.placement.dtype
    big = device.type == "cuda"
    size, length = (8192, 2**30) if big else (512, 2**24)
    a = torch.randn(size, size, device=device).to(dtype)
    flops = 2 * size**3 / median_s(engine, lambda: a @ a, repeats)
    source = torch.empty(length, dtype=torch.uint8, device=device)
    target = torch.empty_like(source)
    copied = 2 * length / median_s(engine, lambda: target.copy_(source), repeats)
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
        "launch_us": 1e4 * median_s(engine, launches, repeats),
        "read_for_a_token_gb": weights / 1e9,
        "memory_gb": estimate(config, space, engine.placement).total / 1e9,
    }
