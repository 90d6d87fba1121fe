"""The mask of an edit: where its picture is transparent, as OpenAI has it, or else where it is
bright.

Owns: `read_mask`. Does not own: which files are pictures (`engine.media.images`).
"""

from io import BytesIO

import numpy as np
from PIL import Image

from engine.media.images import FORMATS, read_picture

HALF = 127


def read_mask(content: bytes, shape: tuple[int, ...]) -> np.ndarray:
    """Return bool "H W", where a picture of that shape may change. Raises: ValueError where the
    bytes are no picture."""
    bright = read_picture(content)
    with Image.open(BytesIO(content), formats=FORMATS) as picture:
        hidden = picture.has_transparency_data
        alpha = np.asarray(picture.convert("RGBA").getchannel("A")) if hidden else None
    if alpha is None:
        return _fitted(bright, shape).mean(2) > HALF
    return _fitted(alpha, shape) <= HALF


def _fitted(mask: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    height, width = shape[:2]
    return np.array(Image.fromarray(mask).resize((width, height), Image.Resampling.NEAREST))
