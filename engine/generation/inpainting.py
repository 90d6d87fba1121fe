"""Inpainting: the state that a run begins with when part of a picture is made anew.

Codes outside the mask stay. Owns: which patches a mask touches. Does not own: the request
(`engine.api.request.Inpainting`), how a run goes on from a state (`engine.generation.resume`).
"""

import numpy as np
from PIL import Image

from engine.api.request import InitialState, Inpainting
from engine.media.images import fitted
from flow.modality import Modality

FAINTEST = 25
"""The least coverage, of 255, at which a pixel counts as painted."""


def masked_patches(mask: np.ndarray, grid: int, side_px: int) -> np.ndarray:
    """Return the patches, bool "grid*grid", of the picture fitted to side_px that a mask bool "H W"
    touches."""
    shades = fitted(mask.astype(np.uint8) * 255, side_px, Image.Resampling.BOX)
    painted = shades > FAINTEST
    patch_px = side_px // grid
    return painted.reshape(grid, patch_px, grid, patch_px).any((1, 3)).reshape(-1)


def start_of_inpainting(
    asked: Inpainting, codes: np.ndarray, free: np.ndarray, mask_id: int
) -> InitialState:
    """Return the state of a picture with the codes "L Q" in which the positions bool "L" are free:
    on the path towards the picture, at t = 1 - strength."""
    tokens = np.where(free[:, None], mask_id, codes)
    return InitialState(Modality.IMAGE, tokens, codes, 1 - asked.strength, ~free)
