"""The decoder of the sharper picture tokenizer: code vectors of a coarse grid -> 32 px a position.

Most of the work is done at 8 x 8 and 16 x 16 positions by 3 x 3 convolutions and SwiGLU layers,
whose matrices are large enough for a CPU to multiply at full speed; finer grids hold few channels,
and the last 4 x 4 pixels come out of one convolution. A drawing is decoded alike wherever it
stands. Axes: B batch, H W grid, C channels; channels last in memory throughout.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from model.layers.transformer import SwiGLU
from model.tokenizer_config import DecoderConfig

LAST = 4
"""Pixels along a side that each position of the finest grid becomes."""


def convolved(x: Tensor, layer: nn.Conv2d) -> Tensor:
    """A convolution of "B H W C"; nothing is copied."""
    return layer(x.permute(0, 3, 1, 2)).permute(0, 2, 3, 1)


def spread(x: Tensor, times: int) -> Tensor:
    """Channels to space: "B H W times*times*C" -> "B times*H times*W C"."""
    batch, height, width, channels = x.shape
    x = x.reshape(batch, height, width, times, times, channels // times**2)
    return x.permute(0, 1, 3, 2, 4, 5).reshape(batch, times * height, times * width, -1)


def planes(x: Tensor, times: int) -> Tensor:
    """The same, channels first: "B H W times*times*C" -> "B C times*H times*W", without gaps."""
    batch, height, width, channels = x.shape
    x = x.reshape(batch, height, width, times, times, channels // times**2)
    x = x.permute(0, 5, 1, 3, 2, 4)
    return x.reshape(batch, -1, times * height, times * width)


class ConvBlock(nn.Module):
    """x + 3 x 3 convolution of x, then x + SwiGLU of x, each behind its norm: "B H W C"."""

    def __init__(self, width: int, hidden: int) -> None:
        super().__init__()
        self.before_conv = nn.LayerNorm(width, bias=False)
        self.conv = nn.Conv2d(width, width, 3, padding=1)
        self.before_mlp = nn.LayerNorm(width, bias=False)
        self.mlp = SwiGLU(width, hidden)

    def forward(self, x: Tensor) -> Tensor:
        x = x + convolved(self.before_conv(x), self.conv)
        return x + self.mlp(self.before_mlp(x))


class ImageDecoder(nn.Module):
    """Code vectors "B grid*grid latent" -> pixels "B 3 32*grid 32*grid" in about [-1, 1]."""

    def __init__(self, config: DecoderConfig, latent: int, grid: int) -> None:
        super().__init__()
        self.grid = grid
        self.enter = nn.Linear(latent, config.widths[0])
        self.position = nn.Parameter(torch.randn(grid, grid, config.widths[0]) * 0.02)
        self.levels = nn.ModuleList(
            nn.Sequential(*(ConvBlock(width, width * 2) for _ in range(depth)))
            for width, depth in zip(config.widths, config.depths, strict=True)
        )
        self.finer = nn.ModuleList(
            nn.Sequential(nn.LayerNorm(coarse, bias=False), nn.Linear(coarse, 4 * fine))
            for coarse, fine in zip(config.widths, config.widths[1:], strict=False)
        )
        self.leave = nn.LayerNorm(config.widths[-1], bias=False)
        self.to_pixels = nn.Conv2d(config.widths[-1], 3 * LAST**2, 3, padding=1)
        self._initialise()

    def _initialise(self) -> None:
        """Each layer keeps the size of what it gets; each block begins near the identity."""
        for name, p in self.named_parameters():
            if p.ndim < 2 or name == "position":
                continue
            inner = name.endswith(("conv.weight", "down_proj.weight"))
            nn.init.normal_(p, std=(0.3 if inner else 1.0) * p[0].numel() ** -0.5)
        nn.init.normal_(self.to_pixels.weight, std=0.2 * self.to_pixels.weight[0].numel() ** -0.5)

    def forward(self, vectors: Tensor) -> Tensor:
        x = self.enter(vectors).unflatten(1, (self.grid, self.grid)) + self.position
        for place, blocks in enumerate(self.levels):
            if place:
                x = spread(self.finer[place - 1](x), 2)
            x = blocks(x)
        patches = convolved(F.silu(self.leave(x)), self.to_pixels)
        return planes(patches, LAST)
