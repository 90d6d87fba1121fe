"""MAGVIT-v2's image tokenizer, as trained by Show-o: a convolutional autoencoder with one position
per 16 px, and look-up-free quantization.

A code is a row of bits, each the sign of one feature. Layers have the names of the published
checkpoint `showlab/magvitv2`. Sources: Yu et al. 2024 (MAGVIT-v2, arXiv:2310.05737, Section 3.1);
Xie et al. 2024 (Show-o, arXiv:2408.12528); residual and attention blocks as in Esser et al. 2021
(VQGAN, arXiv:2012.09841). Pixels are float32 "B 3 H W" in [-1, 1].
"""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from model.tokenizer_config import MagvitConfig

GROUPS, EPS = 32, 1e-6
"""Groups and epsilon of all group norms."""


class LookupFree(nn.Module):
    """Look-up-free quantizer: features "B L bits" <-> codes "B L 1" in [0, 2^bits). Each bit is the
    sign of a feature, the first one the highest bit; features <= 0 decode to -1."""

    shifts: Tensor

    def __init__(self, bits: int) -> None:
        super().__init__()
        self.bits = bits
        self.register_buffer("shifts", torch.arange(bits - 1, -1, -1), persistent=False)

    def unit_codebooks(self) -> Tensor:
        """Return the unit codes "1 K bits"."""
        codes = torch.arange(2**self.bits, device=self.shifts.device)
        return F.normalize(self.decode(codes[None, :, None]), dim=-1)

    def encode(self, features: Tensor) -> Tensor:
        """Return codes int64 "B L 1" of features."""
        return ((features > 0).long() << self.shifts).sum(-1, keepdim=True)

    def decode(self, codes: Tensor) -> Tensor:
        """Return vectors float32 "B L bits" of -1 and 1."""
        return ((codes >> self.shifts) & 1).float() * 2 - 1


class Magvit(nn.Module):
    """The autoencoder: pixels -> features "B bits H/16 W/16", and vectors of signs -> pixels."""

    def __init__(self, config: MagvitConfig, bits: int) -> None:
        super().__init__()
        self.encoder = Encoder(config.encoder_widths, config.encoder_blocks, bits)
        self.decoder = Decoder(config.decoder_widths, config.decoder_blocks, bits)


class Encoder(nn.Module):
    """The encoder: pixels -> features."""

    def __init__(self, widths: Sequence[int], blocks: Sequence[int], bits: int) -> None:
        super().__init__()
        last = len(widths) - 1
        self.conv_in = nn.Conv2d(3, widths[0], 3, padding=1)
        self.down = nn.ModuleList(
            Level(widths[max(i - 1, 0)], width, blocks[i], downsample=i < last)
            for i, width in enumerate(widths)
        )
        self.mid = Middle(widths[-1])
        self.norm_out = _norm(widths[-1])
        self.conv_out = nn.Conv2d(widths[-1], bits, 3, padding=1)
        self.quant_conv = nn.Conv2d(bits, bits, 1)

    def forward(self, pixels: Tensor) -> Tensor:
        x = self.conv_in(pixels)
        for level in self.down:
            x = level(x)
        x = self.conv_out(F.silu(self.norm_out(self.mid(x))))
        return self.quant_conv(x)


class Decoder(nn.Module):
    """The decoder: vectors of signs -> pixels. Levels are numbered from the pixels, and run from
    last to first."""

    def __init__(self, widths: Sequence[int], blocks: Sequence[int], bits: int) -> None:
        super().__init__()
        above = (*widths[1:], widths[-1])
        self.post_quant_conv = nn.Conv2d(bits, bits, 1)
        self.conv_in = nn.Conv2d(bits, widths[-1], 3, padding=1)
        self.mid = Middle(widths[-1])
        self.up = nn.ModuleList(
            Level(above[i], width, blocks[i], upsample=i > 0) for i, width in enumerate(widths)
        )
        self.norm_out = _norm(widths[0])
        self.conv_out = nn.Conv2d(widths[0], 3, 3, padding=1)

    def forward(self, vectors: Tensor) -> Tensor:
        x = self.mid(self.conv_in(self.post_quant_conv(vectors)))
        for level in reversed(self.up):
            x = level(x)
        return self.conv_out(F.silu(self.norm_out(x)))


class Level(nn.Module):
    """Residual blocks, optionally followed by halving or doubling of the side."""

    def __init__(
        self,
        entering: int,
        width: int,
        num: int,
        *,
        downsample: bool = False,
        upsample: bool = False,
    ) -> None:
        super().__init__()
        self.block = nn.ModuleList(Residual(width if i else entering, width) for i in range(num))
        self.downsample = Downsample(width) if downsample else None
        self.upsample = Upsample(width) if upsample else None

    def forward(self, x: Tensor) -> Tensor:
        for block in self.block:
            x = block(x)
        for resampled in (self.downsample, self.upsample):
            x = x if resampled is None else resampled(x)
        return x


class Middle(nn.Module):
    """Residual blocks with attention over all positions between them."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.block_1 = Residual(width, width)
        self.attn_1 = Seeing(width)
        self.block_2 = Residual(width, width)

    def forward(self, x: Tensor) -> Tensor:
        return self.block_2(self.attn_1(self.block_1(x)))


class Residual(nn.Module):
    """A residual block of two normalised 3 x 3 convolutions."""

    def __init__(self, entering: int, width: int) -> None:
        super().__init__()
        self.norm1 = _norm(entering)
        self.conv1 = nn.Conv2d(entering, width, 3, padding=1)
        self.norm2 = _norm(width)
        self.conv2 = nn.Conv2d(width, width, 3, padding=1)
        self.nin_shortcut = nn.Conv2d(entering, width, 1) if entering != width else None

    def forward(self, x: Tensor) -> Tensor:
        found = self.conv1(F.silu(self.norm1(x)))
        found = self.conv2(F.silu(self.norm2(found)))
        return found + (x if self.nin_shortcut is None else self.nin_shortcut(x))


class Seeing(nn.Module):
    """Single-head attention over all positions, with a residual."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm = _norm(width)
        self.q, self.k, self.v, self.proj_out = (nn.Conv2d(width, width, 1) for _ in range(4))

    def forward(self, x: Tensor) -> Tensor:
        normed = self.norm(x)
        q, k, v = (conv(normed).flatten(2).transpose(1, 2) for conv in (self.q, self.k, self.v))
        seen = F.scaled_dot_product_attention(q, k, v).transpose(1, 2)
        return x + self.proj_out(seen.unflatten(2, x.shape[2:]))


class Downsample(nn.Module):
    """Convolution that halves the side; zeros are padded on the right and below."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(width, width, 3, stride=2)

    def forward(self, x: Tensor) -> Tensor:
        return self.conv(F.pad(x, (0, 1, 0, 1)))


class Upsample(nn.Module):
    """Nearest-neighbour upsampling that doubles the side, and a convolution."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(width, width, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        return self.conv(F.interpolate(x, scale_factor=2, mode="nearest"))


def _norm(width: int) -> nn.GroupNorm:
    return nn.GroupNorm(GROUPS, width, EPS)
