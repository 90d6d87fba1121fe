"""The ground of pictures as codes: principal components of averaged patches, in three books."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from model.tokenizer_config import DecoderConfig
from model.tokenizers.dictionary.codes import CARDINALITY, GROUND, LOOK, NAME, NOTHING, PLACE
from model.tokenizers.dictionary.windows import CELL_PX

PATCH_PX = 16
"""Side of the averaged patch of which ground codes speak."""
DECODER = DecoderConfig(widths=(96, 64, 32, 16), depths=(2, 1, 1, 0))
ORDER = (GROUND, PLACE, LOOK)
"""The sub-codes that refine each other where nothing is named."""


class GroundCodes(nn.Module):
    """Residual vector quantization of averaged patches in their principal components.

    Source: Zeghidour et al. 2021 (arXiv:2107.03312), Section III-C, for the residual books.
    """

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(3 * PATCH_PX**2))
        self.register_buffer("basis", torch.zeros(3 * PATCH_PX**2, dim))
        self.register_buffer("books", torch.zeros(len(ORDER), CARDINALITY, dim))

    mean: Tensor
    basis: Tensor
    books: Tensor

    def components(self, pixels: Tensor) -> Tensor:
        """Principal components "B L dim" of the patches of pixels "B 3 H W"."""
        small = F.avg_pool2d(pixels, CELL_PX // PATCH_PX)
        return (F.unfold(small, PATCH_PX, stride=PATCH_PX).mT - self.mean) @ self.basis

    def encode(self, components: Tensor) -> Tensor:
        """Codes "... 3", the most telling first, of components "... dim"."""
        left, codes = components, []
        for book in self.books:
            code = torch.cdist(left.flatten(0, -2), book).argmin(-1).view(left.shape[:-1])
            codes.append(code)
            left = left - book[code]
        return torch.stack(codes, -1)

    def vectors(self, codes: Tensor) -> Tensor:
        """Vectors "B L 1 + dim" of codes "B L Q": whether all three sub-codes speak of the ground,
        and what they say."""
        alone = (codes[..., NAME] == NOTHING)[..., None]
        found = [
            F.embedding(codes[..., q], book) for q, book in zip(ORDER, self.books, strict=True)
        ]
        more = torch.where(alone, found[1] + found[2], torch.zeros_like(found[0]))
        return torch.cat([alone.to(found[0].dtype), found[0] + more], -1)
