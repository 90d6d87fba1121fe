"""The exact codes of the world's pictures in a picture dictionary, without a picture or an encoder.

What a position shows is known from the scene: the drawing that covers most of it, where in the
drawing it lies, its size, colour and turns; everywhere else the codes of the empty background. A
frame takes a tenth of a millisecond. Owns: `ExactPictures`. Does not own: the meaning of the codes
(`model.tokenizers.dictionary.codes`).
"""

from functools import cache

import numpy as np
import torch

from model.tokenizers.dictionary.codes import (
    COLOURS,
    LOOK,
    NAME,
    PLACE,
    SIZES_PX,
    look_code,
    place_code,
)
from model.tokenizers.dictionary.tokenizer import ImageDictionary
from model.tokenizers.image import pixels_from_uint8
from world.image.named_scenes import CELL_PX, CELLS, SEEN
from world.image.rendering import background_picture
from world.image.scenes import Background, Item
from world.image.sprites import drawing_of, sprite
from world.video.motion import Frame


class ExactPictures:
    """Codes of frames by a dictionary's ground codes, each part computed once."""

    def __init__(self, dictionary: ImageDictionary) -> None:
        self._dictionary = dictionary
        self._empty = cache(self._empty_codes)

    def codes(self, frame: Frame) -> np.ndarray:
        """Return the codes uint16 "L Q" of a frame."""
        codes = self._empty(frame.background).copy()
        shares = np.zeros((len(frame.shown), CELLS, CELLS), np.float32)
        for number, here in enumerate(frame.shown):
            item = here.item
            box = np.s_[item.row : item.row + item.cells, item.column : item.column + item.cells]
            cover = _cover(item.concept, item.cells, here.turns)
            shares[(slice(None), *box)] *= 1 - cover
            shares[(number, *box)] = cover
        if not frame.shown:
            return codes
        most, named = shares.argmax(0).ravel(), (shares.max(0) >= SEEN).ravel()
        for number, here in enumerate(frame.shown):
            its = named & (most == number)
            codes[its, NAME] = drawing_of(here.item.concept) + 1
            codes[its, PLACE] = _places(here.item.column, here.item.row, here.item.cells)[its]
            codes[its, LOOK] = _look(here.item, here.turns)
        return codes

    def _empty_codes(self, background: Background) -> np.ndarray:
        picture = (background_picture(background, CELLS * CELL_PX) * 255 + 0.5).astype(np.uint8)
        device = self._dictionary.colours.device
        pixels = pixels_from_uint8(torch.from_numpy(picture)[None].to(device))
        return self._dictionary.plain(pixels)[0].cpu().numpy().astype(np.uint16)


@cache
def _cover(concept: str, cells: int, turns: int) -> np.ndarray:
    """Return the share of each cell that a thing covers, float32 "cells cells"."""
    alpha = np.rot90(sprite(concept, None, cells * CELL_PX)[..., 3], -turns)
    return alpha.reshape(cells, CELL_PX, cells, CELL_PX).mean((1, 3))


@cache
def _places(column: int, row: int, cells: int) -> np.ndarray:
    """Return the sub-codes 1 of all positions for a thing in a box of cells."""
    at = np.arange(CELLS) + 0.5
    x, y = np.meshgrid((at - column - cells / 2) / cells, (at - row - cells / 2) / cells)
    return place_code(torch.from_numpy(np.stack([x.ravel(), y.ravel()], -1))).numpy()


def _look(item: Item, turns: int) -> int:
    size = SIZES_PX.index(item.cells * CELL_PX)
    colour = COLOURS.index(item.colour or COLOURS[0])
    told = (torch.tensor(number) for number in (size, colour, 0, turns))
    return int(look_code(*told))
