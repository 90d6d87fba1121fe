"""How many codes does a sub-codebook need? Refits the codebooks of a trained tokenizer at several
sizes.

Features of training pictures are clustered by spherical k-means in each 8-d chunk; held-out
pictures are then encoded with the new codebooks and decoded by the unchanged decoder. The refit at
the trained size is the control: what differs from it is the number of codes.
"""

import argparse
import json
import sys
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from model.presets import PRESETS
from model.vision import VisionTokenizer, pixels_from_uint8
from world.scenes import render, sample_scene

ROUNDS = 25


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.codebooks", description=__doc__)
    parser.add_argument("--run", type=Path, default=Path("runs/vision-nano/state.pt"))
    parser.add_argument("--num", type=int, default=1000, help="training pictures to cluster")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    if not arguments.run.exists():
        print(f"error: {arguments.run} does not exist: train a tokenizer first", file=sys.stderr)
        return 2
    tokenizer = VisionTokenizer(PRESETS["nano"].vision).eval()
    average = torch.load(arguments.run, map_location="cpu", weights_only=True)["average"]
    tokenizer.load_state_dict(
        {k.removeprefix("tokenizer."): v for k, v in average.items() if k.startswith("tokenizer.")}
    )
    torch.manual_seed(arguments.seed)
    with torch.inference_mode():
        train = _chunks(tokenizer, _pictures(arguments.num, arguments.seed, test=False))
        pixels = _pictures(240, arguments.seed + 1, test=True)
        found = {"trained": _psnr(tokenizer, pixels, tokenizer.quantizer.unit_codebooks())}
        for size in (256, 512, 1024):
            books = torch.stack([_spherical_means(train[:, q], size) for q in range(4)])
            found[f"refit_{size}"] = _psnr(tokenizer, pixels, books)
            print(size, found, file=sys.stderr)
    print(json.dumps({"psnr": found}))
    return 0


def _pictures(num: int, seed: int, *, test: bool) -> Tensor:
    rng = np.random.default_rng(seed)
    images = np.stack([render(sample_scene(rng, test=test)) for _ in range(num)])
    return pixels_from_uint8(torch.from_numpy(images))


def _chunks(tokenizer: VisionTokenizer, pixels: Tensor) -> Tensor:
    """Unit chunks "N Q d" of all positions."""
    parts = [tokenizer.quantizer.chunks(tokenizer.features(x)) for x in pixels.split(100)]
    return torch.cat(parts).flatten(0, 1)


def _spherical_means(points: Tensor, size: int) -> Tensor:
    """`size` unit directions "K d" that the unit points "N d" cluster around."""
    distinct = points[torch.randperm(len(points))].unique(dim=0)
    centres = distinct[torch.randperm(len(distinct))[:size]].clone()
    for _ in range(ROUNDS):
        nearest = (points @ centres.T).argmax(1)
        sums = torch.zeros_like(centres).index_add_(0, nearest, points)
        empty = torch.bincount(nearest, minlength=size) == 0
        centres = torch.where(empty[:, None], centres, F.normalize(sums, dim=-1))
    return centres


def _psnr(tokenizer: VisionTokenizer, pixels: Tensor, books: Tensor) -> float:
    """Mean decibels over pictures, coded with the unit codebooks "Q K d"."""
    values: list[Tensor] = []
    for part in pixels.split(60):
        chunks = tokenizer.quantizer.chunks(tokenizer.features(part))
        codes = torch.einsum("blqd,qkd->blqk", chunks, books).argmax(-1)
        vectors = torch.cat([F.embedding(codes[..., q], books[q]) for q in range(len(books))], -1)
        error = (tokenizer.decode_vectors(vectors)[0] - part).square().mean((1, 2, 3))
        values.append(10 * torch.log10(4 / error))
    return round(float(torch.cat(values).mean()), 2)


if __name__ == "__main__":
    sys.exit(main())
