"""The picture dictionary: a tokenizer whose codes name what is seen, where in it, and how it looks.

Pixels -> codes: an encoder of convolutions reads names, places, sizes, colours and the ground
behind. Codes -> pixels: the drawings of the atlas (`dictionary.windows`) in front of the ground,
which convolutions draw. The meaning of the codes: `dictionary.codes`. Pixels are float32 "B 3 H W"
in [-1, 1]; axes: B batch, L positions, Q sub-codes.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from model.tokenizer_config import DictionaryConfig
from model.tokenizers.dictionary.atlas import DrawingAtlas
from model.tokenizers.dictionary.codes import (
    CARDINALITY,
    COLOURS,
    GROUND,
    LOOK,
    NAME,
    NOTHING,
    NUM_CODEBOOKS,
    PLACE,
    SIZES_PX,
    look_code,
    place_code,
    read,
)
from model.tokenizers.dictionary.encoder import NamingEncoder
from model.tokenizers.dictionary.ground import DECODER, ORDER, GroundCodes
from model.tokenizers.dictionary.windows import (
    agreement,
    cell_centres,
    composed,
    windows,
)
from model.tokenizers.image_decoder import ImageDecoder

SEES = 0.15
"""The distance, in sides, at which two positions may see the centre of the same drawing."""
MUCH_WORSE, BARELY = 1.5, 1e-3
"""Plain ground is taken where what is named is so many times further from the pixels, and a mean
square more."""


class ImageDictionary(nn.Module):
    """encode: pixels -> codes "B L Q"; decode: codes -> pixels; row by row."""

    def __init__(self, config: DictionaryConfig, grid: int) -> None:
        super().__init__()
        self.grid = grid
        self.atlas = DrawingAtlas(
            config.num_drawings, config.atlas_channels, config.atlas_grid, config.atlas_width
        )
        shape = (config.num_drawings, len(COLOURS), 3, 4)
        self.register_buffer("colours", torch.zeros(shape))
        self.ground_codes = GroundCodes(config.ground_dim)
        self.ground = ImageDecoder(DECODER, 1 + config.ground_dim, grid)
        self.encoder = NamingEncoder(config)

    colours: Tensor

    def decode(self, codes: Tensor) -> Tensor:
        """Pixels of codes; a code past the last is unknown: nothing is named, the first ground."""
        known = torch.where(codes < CARDINALITY, codes, 0)
        named = read(known)
        known[..., NAME] = torch.where(named.names <= len(self.colours), named.names, NOTHING)
        named = read(known)
        named.colours.clamp_(max=len(COLOURS) - 1)
        front = composed(windows(named, self.grid, self.atlas, self.colours), self.grid)
        ground = self.ground(self.ground_codes.vectors(known))
        return front[:, :3] * 2 - front[:, 3:] + (1 - front[:, 3:]) * ground

    def encode(self, pixels: Tensor) -> Tensor:
        """The codes that show the pixels best, position by position: what the encoder names, or
        plain ground."""
        plain, named = self.plain(pixels), self.named(pixels)
        errors = [_errors(self.decode(codes), pixels, self.grid) for codes in (named, plain)]
        shown = (named[..., NAME] != NOTHING) & (errors[0] < MUCH_WORSE * errors[1] + BARELY)
        return torch.where(shown[..., None], named, plain)

    def named(self, pixels: Tensor) -> Tensor:
        """The codes by the encoder alone; positions that see one drawing agree on how it looks and
        where it stands."""
        told = self.encoder(pixels)
        names = told["names"].argmax(-1)
        side = torch.tensor(SIZES_PX, device=names.device)[told["sizes"].argmax(-1)]
        cells = cell_centres(self.grid, names.device)
        centre = cells - told["places"] * side[..., None]
        listens = agreement(centre, side, names[:, :, None] == names[:, None], SEES)
        looks = [
            (listens @ told[part].softmax(-1)).argmax(-1)
            for part in ("sizes", "colours", "mirrored", "turns")
        ]
        side = torch.tensor(SIZES_PX, device=names.device)[looks[0]]
        places = (cells - listens @ centre) / side[..., None]
        codes, shown = self.plain(pixels), names != NOTHING
        behind = self.ground_codes.encode(told["ground"])[..., 0]
        said = {NAME: names, PLACE: place_code(places), LOOK: look_code(*looks), GROUND: behind}
        for q, code in said.items():
            codes[..., q] = torch.where(shown, code, codes[..., q])
        return codes

    def plain(self, pixels: Tensor) -> Tensor:
        """The codes of the ground alone: nothing is named."""
        found = self.ground_codes.encode(self.ground_codes.components(pixels))
        codes = found.new_full((*found.shape[:-1], NUM_CODEBOOKS), NOTHING)
        for place, q in enumerate(ORDER):
            codes[..., q] = found[..., place]
        return codes


def _errors(made: Tensor, pixels: Tensor, grid: int) -> Tensor:
    """Mean squares of each position, "B L"."""
    return F.adaptive_avg_pool2d((made - pixels).square().mean(1), grid).flatten(1)
