"""Part of a picture made anew: the state that such a run begins with.

What the mask leaves out stays as it is, code by code. Owns: which patches a mask touches. Does not
own: the wish (`engine.api.request.Repaint`), how a run goes on from a state
(`engine.generation.resume`).
"""

import numpy as np
from PIL import Image

from engine.api.request import InitialState, Repaint
from engine.media.images import fitted
from flow.modality import Modality

FAINTEST = 25
"""Of 255: a pixel that is covered less is not painted."""


def touched(mask: np.ndarray, grid: int, side_px: int) -> np.ndarray:
    """bool "grid*grid": the patches of the picture, fitted to side_px, that a mask bool "H W"
    touches."""
    shades = fitted(mask.astype(np.uint8) * 255, side_px, Image.Resampling.BOX)
    painted = shades > FAINTEST
    patch_px = side_px // grid
    return painted.reshape(grid, patch_px, grid, patch_px).any((1, 3)).reshape(-1)


def begun(wish: Repaint, codes: np.ndarray, free: np.ndarray, mask_id: int) -> InitialState:
    """The state of a picture with the codes "L Q" in which the positions bool "L" are free: on the
    path towards the picture, as far back as the wish says."""
    tokens = np.where(free[:, None], mask_id, codes)
    return InitialState(Modality.IMAGE, tokens, codes, 1 - wish.strength, ~free)
