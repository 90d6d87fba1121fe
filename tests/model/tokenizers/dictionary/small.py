"""A small picture dictionary whose drawings are four marks of their own colours."""

import torch
from torch import Tensor

from model.tokenizer_config import DictionaryConfig
from model.tokenizers.dictionary.codes import COLOURS
from model.tokenizers.dictionary.tokenizer import ImageDictionary

CONFIG = DictionaryConfig(
    num_drawings=4,
    atlas_channels=4,
    atlas_width=8,
    ground_dim=8,
    encoder_widths=(8, 8, 16),
    encoder_depths=(0, 1, 1),
)
GRID = 8


def marks() -> Tensor:
    """Textures "4 4 128 128": an L on a disc, so that no two ways round look the same."""
    at = torch.arange(128) - 63.5
    disc = (at[:, None].square() + at[None].square() < 60**2).float()
    mark = torch.zeros(128, 128)
    mark[24:100, 40:56] = 1
    mark[84:100, 40:100] = 1
    colours = torch.tensor([[0.9, 0.2, 0.1], [0.1, 0.8, 0.3], [0.2, 0.3, 0.9], [0.9, 0.8, 0.1]])
    shade = disc * (1 - 0.7 * mark)
    return torch.cat([colours[:, :, None, None] * shade, disc.expand(4, 1, 128, 128)], 1)


def dictionary() -> ImageDictionary:
    """Its atlas draws the marks exactly, its ground codes are random."""
    torch.manual_seed(0)
    made = ImageDictionary(CONFIG, GRID).eval()
    textures = marks()
    made.atlas.textures = lambda indices: textures[indices]  # pyright: ignore
    made.colours[..., :3] = torch.eye(3)
    red = COLOURS.index("red")
    made.colours[:, red, :, :3] = 0
    made.colours[:, red, 0, 3] = 1
    ground = made.ground_codes
    ground.basis.copy_(torch.linalg.qr(torch.randn(ground.basis.shape))[0])
    for place, book in enumerate(ground.books):
        book.copy_(torch.randn(book.shape) * 8 * 0.4**place)
    return made
