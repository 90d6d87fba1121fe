"""The mask of a picture from a file: where it is painted, in whatever way a program saves that.

Grey: bright is painted. Colour beside grey: the colour is painted. Transparency: the layer that was
painted on is transparent elsewhere; a picture of which a part was erased is transparent there.
Owns: `read_mask`. Does not own: opening files (`engine.media.images`).
"""

from pathlib import Path

import numpy as np
from PIL import Image

from engine.media.images import WIDE, grey_levels, opened_picture, turn_of

SIDEWAYS = (
    Image.Transpose.ROTATE_90, Image.Transpose.ROTATE_270,
    Image.Transpose.TRANSPOSE, Image.Transpose.TRANSVERSE,
)  # fmt: skip
HALF, COLOURED, TWO_TONES = 127, 64, 127
"""Brighter is painted; a larger difference of channels is a colour; a larger one of shades is black
and white on a transparent layer."""
OPAQUE_SPREAD, EDGE_SHARE, PHOTO_COLOURS = 16, 0.95, 32
"""Alphas that differ less are one; the share of the edge that is opaque where a part was erased;
the colours of a photograph, 16 levels a channel."""


def read_mask(source: Path | bytes, shape: tuple[int, ...], *, erased: bool = False) -> np.ndarray:
    """Return where a file is painted, scaled to a picture's height and width, bool "H W". erased:
    what is transparent may change, whatever the rest looks like, as clients of the OpenAI API mean
    it.

    Raises: ValueError where it is no picture, or nothing in it is painted.
    """
    height, width = shape[:2]
    with opened_picture(source) as picture:
        turn = turn_of(picture)
        size = (height, width) if turn in SIDEWAYS else (width, height)
        found = _painted(picture.resize(size, Image.Resampling.NEAREST), erased)
    painted = Image.fromarray(found)
    mask = np.asarray(painted if turn is None else painted.transpose(turn))
    if not mask.any():
        name = "the mask" if isinstance(source, bytes) else source.name
        raise ValueError(f"nothing is painted in {name}: paint over what may change")
    return mask


def _painted(picture: Image.Image, erased: bool) -> np.ndarray:
    if picture.mode in WIDE:
        return _bright(grey_levels(picture), np.ones((picture.height, picture.width), bool))
    layers = np.asarray(picture.convert("RGBA")).astype(int)
    colours, alpha = layers[..., :3], layers[..., 3]
    if erased and alpha.min() <= HALF:
        return alpha <= HALF
    if alpha.max() - alpha.min() <= OPAQUE_SPREAD:
        return _marked(colours, np.ones(alpha.shape, bool))
    opaque = alpha * 2 > alpha.max() + alpha.min()
    edge = np.concatenate([opaque[0], opaque[-1], opaque[:, 0], opaque[:, -1]])
    if edge.mean() >= EDGE_SHARE or len(np.unique(colours[opaque] >> 4, axis=0)) > PHOTO_COLOURS:
        return ~opaque
    shades = colours[opaque].mean(1)
    return _marked(colours, opaque) if shades.max() - shades.min() > TWO_TONES else opaque


def _marked(colours: np.ndarray, where: np.ndarray) -> np.ndarray:
    """The coloured places where others are grey, or else the bright ones."""
    coloured = (colours.max(-1) - colours.min(-1) > COLOURED) & where
    if coloured.any() and not coloured[where].all():
        return coloured
    return _bright(colours.mean(-1), where)


def _bright(shades: np.ndarray, where: np.ndarray) -> np.ndarray:
    """The places above half; of two shades the brighter, however dark both are."""
    found = np.unique(shades[where])
    limit = found.mean() if len(found) == 2 else HALF
    return (shades > limit) & where
