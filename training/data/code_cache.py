"""The image codes of scenes and videos, computed once and cached in a file.

Owns: rendered pictures -> pixels -> codes, and whose codes a file holds. Does not own: which
drawings (`training.data.examples`, `training.data.video_examples`).
"""

from collections.abc import Callable, Sequence
from hashlib import blake2b
from pathlib import Path
from typing import TypeVar

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor
from tqdm import tqdm

from model.tokenizers.image import VisionTokenizer, pixels_from_uint8
from training.data.exact_pictures import ExactPictures
from world.image.scenes import Scene
from world.video.motion import Frame, render_frame

T = TypeVar("T")
Drawn = Callable[[T], Sequence[Frame]]
ENCODED = 32
"""Graphs encoded at once."""


def encode_drawings(
    tokenizer: VisionTokenizer,
    graphs: Sequence[T],
    drawn: Drawn[T],
    cache: Path,
) -> np.ndarray:
    """Return the codes uint16 "N F L Q" of the F frames that `drawn` returns of each graph. The
    cache is reused where graphs and weights (in float16) are the same."""
    made_from = blake2b(repr(graphs).encode(), digest_size=16)
    for tensor in tokenizer.state_dict().values():
        made_from.update(tensor.half().cpu().numpy().tobytes())
    if cache.exists():
        kept = np.load(cache)
        if str(kept["made_from"]) == made_from.hexdigest():
            return kept["codes"]
    codes = encoded(tokenizer, graphs, drawn)
    cache.parent.mkdir(parents=True, exist_ok=True)
    np.savez(cache, codes=codes, made_from=made_from.hexdigest())
    return codes


def encoded(tokenizer: VisionTokenizer, graphs: Sequence[T], drawn: Drawn[T]) -> np.ndarray:
    """Encode without a cache, with the tokenizer's present weights; those of a picture dictionary
    are exact, without pixels."""
    if tokenizer.dictionary is not None:
        exact = ExactPictures(tokenizer.dictionary)
        return np.stack([[exact.codes(frame) for frame in drawn(graph)] for graph in graphs])
    device = next(tokenizer.parameters()).device
    parts: list[np.ndarray] = []
    for start in tqdm(range(0, len(graphs), ENCODED), desc="codes", mininterval=5):
        images = np.stack(
            [[render_frame(f) for f in drawn(graph)] for graph in graphs[start : start + ENCODED]]
        )
        pixels = pixels_of(np.concatenate(list(images)), tokenizer.config.image_px, device)
        with torch.inference_mode(), torch.autocast(device.type, enabled=False):
            found = tokenizer.encode(pixels).unflatten(0, images.shape[:2])
        parts.append(found.cpu().numpy().astype(np.uint16))
    return np.concatenate(parts)


def still(scene: Scene) -> tuple[Frame]:
    """Return a scene as its one frame."""
    return (Frame.of(scene),)


def pixels_of(images: np.ndarray, image_px: int, device: torch.device) -> Tensor:
    """Return pixels "B 3 image_px image_px" of images uint8 "B H W 3", averaged down where image_px
    is smaller."""
    pixels = pixels_from_uint8(torch.from_numpy(images).to(device))
    return pixels if pixels.shape[-1] == image_px else F.adaptive_avg_pool2d(pixels, image_px)
