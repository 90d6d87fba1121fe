"""Files to arrays and back: the only place that opens media.

Pictures are uint8 "H W 3". Whatever cannot be read is a ValueError with one sentence.
"""

from io import BytesIO
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError
from PIL.PngImagePlugin import PngInfo

MAX_PIXELS = 40_000_000


def read_picture(source: Path | str | bytes) -> np.ndarray:
    """The picture of a file or of its bytes, upright, transparency on white.

    Raises: ValueError where there is no such file or it is not a picture.
    """
    name = "the upload" if isinstance(source, bytes) else Path(source).name
    try:
        with Image.open(BytesIO(source) if isinstance(source, bytes) else source) as picture:
            if picture.width * picture.height > MAX_PIXELS:
                raise ValueError(
                    f"{name} has over {MAX_PIXELS // 10**6} million pixels: please scale it down"
                )
            return _upright_rgb(picture)
    except FileNotFoundError as error:
        raise ValueError(f"there is no file {source}: check the path") from error
    except (UnidentifiedImageError, OSError, SyntaxError, Image.DecompressionBombError) as error:
        raise ValueError(
            f"{name} is not a picture that can be read: use a PNG, JPEG or WebP file"
        ) from error


def _upright_rgb(picture: Image.Image) -> np.ndarray:
    upright = ImageOps.exif_transpose(picture).convert("RGBA")
    paper = Image.new("RGBA", upright.size, (255, 255, 255, 255))
    paper.alpha_composite(upright)
    return np.asarray(paper.convert("RGB"))


def fitted(picture: np.ndarray, side_px: int) -> np.ndarray:
    """The middle square of a picture, scaled to side_px."""
    image = Image.fromarray(picture)
    if image.size != (side_px, side_px):
        image = ImageOps.fit(image, (side_px, side_px), Image.Resampling.LANCZOS)
    return np.array(image)


def png_bytes(picture: np.ndarray, notes: dict[str, str] | None = None) -> bytes:
    """A lossless PNG with text notes (prompt, seed ..); the same input gives the same bytes."""
    info = PngInfo()
    for key, value in (notes or {}).items():
        info.add_itxt(key, value)
    buffer = BytesIO()
    Image.fromarray(picture).save(buffer, format="PNG", pnginfo=info)
    return buffer.getvalue()
