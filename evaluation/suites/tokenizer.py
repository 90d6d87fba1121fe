"""The fidelity of the image tokenizer on held-out scenes, and the use of its codes."""

import numpy as np
import torch
from tqdm import tqdm

from evaluation.answers import AnswerEngine
from evaluation.result import Measurement
from model.tokenizers.image import VisionTokenizer, pixels_from_uint8, uint8_from_pixels
from world.image.rendering import render
from world.image.scenes import CELLS, Scene, sample_scene

BATCH = 32


def evaluate(engine: AnswerEngine, num: int, seed: int) -> Measurement:
    """Return figures over num held-out scenes of all families.

    psnr: mean over pictures of 10 log10(255^2 / MSE), in dB. psnr_pooled: the same of the mean MSE.
    psnr_objects: pooled over the boxes of the objects only. codebook_use: share of codes that
    occur, mean over codebooks; codebook_use_0 .. : of each. codebook_perplexity: exp of the entropy
    of the codes, mean over codebooks. Raises ValueError where num is below 1.

    """
    if num < 1:
        raise ValueError(f"--num must be at least 1, not {num}")
    cardinality = engine.model.config.required_vision.cardinality
    rng = np.random.default_rng(seed)
    scenes = [sample_scene(rng, test=True) for _ in range(num)]
    pictures = np.stack([render(s) for s in scenes])
    codes = encode_images(engine.model.vision, pictures, engine.device)
    decoded = decode_images(engine.model.vision, codes, engine.device)
    errors = ((decoded.astype(np.float32) - pictures) ** 2).mean(-1)
    return Measurement(
        {
            "psnr": float(np.mean([psnr(float(e.mean())) for e in errors])),
            "psnr_pooled": psnr(float(errors.mean())),
            "psnr_objects": psnr(_object_error(scenes, errors)),
            **code_metrics(codes.reshape(-1, codes.shape[-1]), cardinality),
        }
    )


def psnr(mse: float) -> float:
    """Return 10 log10(255^2 / mse) in dB of a mean squared error of 8-bit values; at most 100
    dB."""
    return float(10 * np.log10(255**2 / max(mse, 255**2 / 1e10)))


def code_metrics(codes: np.ndarray, cardinality: int) -> dict[str, float]:
    """Return use and perplexity of codes int64 "N Q" that lie in [0, cardinality)."""
    counts = np.stack([np.bincount(column, minlength=cardinality) for column in codes.T])
    use = (counts > 0).mean(1)
    p = counts / counts.sum(1, keepdims=True)
    entropy = -(p * np.log(np.where(p > 0, p, 1))).sum(1)
    return {
        "codebook_use": float(use.mean()),
        **{f"codebook_use_{i}": float(u) for i, u in enumerate(use)},
        "codebook_perplexity": float(np.exp(entropy).mean()),
    }


def round_trip(engine: AnswerEngine, pictures: np.ndarray) -> np.ndarray:
    """Return decode(encode(pictures)), uint8 "B H W 3"."""
    codes = encode_images(engine.model.vision, pictures, engine.device)
    return decode_images(engine.model.vision, codes, engine.device)


def encode_images(
    vision: VisionTokenizer, pictures: np.ndarray, device: torch.device
) -> np.ndarray:
    """Encode images uint8 "B H W 3" as codes int64 "B L Q"."""
    found: list[np.ndarray] = []
    with torch.inference_mode():
        for start in tqdm(range(0, len(pictures), BATCH), desc="encode"):
            batch = torch.from_numpy(pictures[start : start + BATCH]).to(device)
            found.append(vision.encode(pixels_from_uint8(batch)).cpu().numpy())
    return np.concatenate(found)


def decode_images(vision: VisionTokenizer, codes: np.ndarray, device: torch.device) -> np.ndarray:
    """Decode codes "B L Q" to images uint8 "B H W 3"."""
    found: list[np.ndarray] = []
    with torch.inference_mode():
        for start in tqdm(range(0, len(codes), BATCH), desc="decode"):
            batch = torch.from_numpy(codes[start : start + BATCH]).to(device)
            found.append(uint8_from_pixels(vision.decode(batch)).cpu().numpy())
    return np.concatenate(found)


def _object_error(scenes: list[Scene], errors: np.ndarray) -> float:
    """Return the mean of errors "B H W" over all object boxes."""
    inside = np.zeros(errors.shape, bool)
    cell = errors.shape[-1] // CELLS
    for picture, scene in zip(inside, scenes, strict=True):
        for i in scene.items:
            top, left, side = i.row * cell, i.column * cell, i.cells * cell
            picture[top : top + side, left : left + side] = True
    return float(errors[inside].mean())
