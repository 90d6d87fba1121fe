"""The picture tokenizer's stage: reconstruction plus contrastive alignment with captions.

loss = L1 + 2 MSE + 0.5 edges + quantisation - 0.02 entropy + 0.05 InfoNCE(picture, caption), where
a pixel of an object weighs five times a pixel of the background.
Source: Luo et al. 2025 (arXiv:2510.13721), Eq. 1; LPIPS and the adversarial term are left out.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from zlib import crc32

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor, nn

from model.tokenizer_config import VisionConfig
from model.tokenizers.image import VisionTokenizer, uint8_from_pixels
from model.tokenizers.quantizer import Quantized
from training.data.code_cache import pixels_of
from world.image.rendering import background_picture, render
from world.image.scenes import Scene, sample_collage, sample_scene
from world.text.captions import caption

BATCH = 32
COLLAGES = 14
OFF_LATTICE = 0.1
OBJECT_WEIGHT = 4.0
WORD_BUCKETS = 4096
REPORTED = 128
"""Held-out pictures of a report."""
ENTROPY_WEIGHT, CONTRAST_WEIGHT, EDGE_WEIGHT = 0.02, 0.05, 0.5


class CaptionTower(nn.Module):
    """Map a caption to a unit vector, from the mean embedding of its words and word pairs; dropped
    after training."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.embedding = nn.EmbeddingBag(WORD_BUCKETS, dim, mode="mean")
        self.mlp = nn.Sequential(nn.Linear(dim, 2 * dim), nn.SiLU(), nn.Linear(2 * dim, dim))
        self.log_scale = nn.Parameter(torch.tensor(2.5))

    def forward(self, captions: list[str], device: torch.device) -> Tensor:
        bags = [_buckets(c) for c in captions]
        offsets = np.cumsum([0] + [len(b) for b in bags[:-1]])
        flat = torch.tensor([i for b in bags for i in b], device=device)
        return F.normalize(
            self.mlp(self.embedding(flat, torch.tensor(offsets, device=device))), dim=-1
        )


def _buckets(words: str) -> list[int]:
    singles = words.replace(",", "").split()
    pairs = [f"{a} {b}" for a, b in pairwise(singles)]
    return [crc32(w.encode()) % WORD_BUCKETS for w in singles + pairs]


class VisionTraining(nn.Module):
    """The tokenizer and the caption tower, which is dropped after training."""

    def __init__(self, config: VisionConfig) -> None:
        super().__init__()
        self.tokenizer = VisionTokenizer(config)
        self.captions = CaptionTower(config.semantic_dim)


class VisionStage:
    """Scenes and dense collages, some of them off the lattice, drawn anew at every step."""

    helpers = None

    def __init__(self, config: VisionConfig, device: torch.device) -> None:
        self.device = device
        self.model = VisionTraining(config).to(device)

    def loss(self, step: int) -> tuple[Tensor, dict[str, float], int]:
        rng = np.random.default_rng((1, step))
        images, objects, captions = _batch(rng)
        tower = self.model.captions
        found = reconstruct(self.model.tokenizer, images, objects)
        num = len(captions)
        words = tower(captions, self.device).T * tower.log_scale.exp().clamp(max=50)
        similarity = found.semantic[:num] @ words
        target = torch.arange(num, device=self.device)
        contrast = (F.cross_entropy(similarity, target) + F.cross_entropy(similarity.T, target)) / 2
        loss = found.loss - ENTROPY_WEIGHT * found.quantized.entropy + CONTRAST_WEIGHT * contrast
        figures = {
            "psnr": found.psnr,
            "quant": float(found.quantized.loss.detach()),
            "contrast": float(contrast.detach()),
        }
        return loss, figures, len(images)

    def report(self, folder: Path) -> dict[str, float]:
        rng = np.random.default_rng(7)
        images = np.stack([render(sample_scene(rng, test=True)) for _ in range(REPORTED)])
        tokenizer = self.model.tokenizer
        pixels = pixels_of(images, tokenizer.config.image_px, self.device)
        codes = tokenizer.encode(pixels)
        decoded = tokenizer.decode(codes)
        per_picture = (decoded - pixels).square().mean((1, 2, 3))
        used = [len(codes[..., q].unique()) for q in range(codes.shape[-1])]
        rows = [uint8_from_pixels(x[:8]).cpu().numpy() for x in (pixels, decoded)]
        sheet = np.concatenate([np.concatenate(list(row), 1) for row in rows], 0)
        Image.fromarray(sheet).save(folder / "sheet.png")
        return {"psnr": float(_psnr(per_picture).mean()), "codes_used": float(np.mean(used))}


@dataclass(frozen=True)
class Reconstruction:
    """Reconstructed images. loss: pixels plus quantisation, never negative; psnr: in decibels."""

    loss: Tensor
    quantized: Quantized
    semantic: Tensor
    psnr: float


def reconstruct(
    tokenizer: VisionTokenizer, images: np.ndarray, objects: np.ndarray
) -> Reconstruction:
    """Reconstruct images uint8 "B H W 3" whose objects are at bool "B H W"."""
    device = next(tokenizer.parameters()).device
    pixels = pixels_of(images, tokenizer.config.image_px, device)
    reconstruction, quantized, semantic = tokenizer(pixels)
    covered = torch.from_numpy(objects).to(device)[:, None].float()
    weight = 1 + OBJECT_WEIGHT * F.adaptive_avg_pool2d(covered, pixels.shape[-1])
    weight = weight / weight.mean()
    error = reconstruction - pixels
    loss = (weight * (error.abs() + 2 * error.square())).mean() + quantized.loss
    loss = loss + EDGE_WEIGHT * _edges(error * weight)
    return Reconstruction(loss, quantized, semantic, float(_psnr(error.detach().square().mean())))


def objects_of(scenes: Sequence[Scene], images: np.ndarray) -> np.ndarray:
    """Return where the images "B H W 3" of the scenes differ from the background, bool "B H W"."""
    empty = np.stack([background_picture(s.background) for s in scenes]) * 255
    return np.abs(images - empty).max(-1) > 6


def _batch(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray, list[str]]:
    """Draw images uint8 "B 128 128 3", captioned scenes first, their object masks bool "B 128 128",
    and the captions."""
    scenes = [sample_scene(rng, test=False) for _ in range(BATCH - COLLAGES)]
    captions = [caption(s, rng, background=0.8) for s in scenes]
    scenes += [sample_collage(rng) for _ in range(COLLAGES)]
    images = np.stack([render(s, _offset(rng)) for s in scenes])
    return images, objects_of(scenes, images), captions


def _offset(rng: np.random.Generator) -> tuple[int, int]:
    """Draw an offset in pixels: mostly none, sometimes off the lattice, as in users' images."""
    if rng.random() >= OFF_LATTICE:
        return 0, 0
    x, y = rng.integers(-8, 8, 2)
    return int(x), int(y)


def _edges(error: Tensor) -> Tensor:
    across = (error[..., 1:] - error[..., :-1]).abs().mean()
    return across + (error[..., 1:, :] - error[..., :-1, :]).abs().mean()


def _psnr(mse: Tensor) -> Tensor:
    """Return decibels for pixels in [-1, 1]."""
    return 10 * torch.log10(4 / mse.clamp(min=1e-10))
