"""The encoder of the picture dictionary: pixels -> what each position shows."""

from itertools import pairwise

import torch.nn.functional as F
from torch import Tensor, nn

from model.tokenizer_config import DictionaryConfig
from model.tokenizers.dictionary.codes import COLOURS, NUM_TURNS, SIZES_PX
from model.tokenizers.image_decoder import ConvBlock, convolved

STEM_PX = 8
"""Pixels along a side of the patches that the encoder begins with."""


class NamingEncoder(nn.Module):
    """Pixels "B 3 H W" -> what each position shows, as scores and numbers "B L ..."."""

    def __init__(self, config: DictionaryConfig) -> None:
        super().__init__()
        widths = config.encoder_widths
        self.stem = nn.Conv2d(3 * STEM_PX**2, widths[0], 1)
        self.levels = nn.ModuleList(
            nn.Sequential(*(ConvBlock(width, 2 * width) for _ in range(depth)))
            for width, depth in zip(widths, config.encoder_depths, strict=True)
        )
        self.coarser = nn.ModuleList(
            nn.Sequential(nn.LayerNorm(4 * fine, bias=False), nn.Linear(4 * fine, coarse))
            for fine, coarse in pairwise(widths)
        )
        self.leave = nn.LayerNorm(widths[-1], bias=False)
        self.parts = {
            "names": 1 + config.num_drawings,
            "places": 2,
            "sizes": len(SIZES_PX),
            "colours": len(COLOURS),
            "mirrored": 2,
            "turns": NUM_TURNS,
            "ground": config.ground_dim,
        }
        self.heads = nn.Linear(widths[-1], sum(self.parts.values()))

    def forward(self, pixels: Tensor) -> dict[str, Tensor]:
        x = convolved(F.pixel_unshuffle(pixels, STEM_PX).permute(0, 2, 3, 1), self.stem)
        for place, blocks in enumerate(self.levels):
            if place:
                batch, height, width, channels = x.shape
                x = x.reshape(batch, height // 2, 2, width // 2, 2, channels)
                x = self.coarser[place - 1](x.permute(0, 1, 3, 2, 4, 5).flatten(3))
            x = blocks(x)
        found = self.heads(self.leave(x)).flatten(1, 2).split(tuple(self.parts.values()), -1)
        return dict(zip(self.parts, found, strict=True))
