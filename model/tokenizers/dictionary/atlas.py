"""The drawings that a picture dictionary knows: a learned table of latents -> textures.

Each drawing is a grid of latent vectors; convolutions turn it into its own square texture, of
premultiplied red, green, blue, and alpha. A texture does not depend on where a drawing stands in a
picture, so that it is made once. Axes: N drawings, C latent channels, G grid, S = 8 G pixels.
"""

import torch
from torch import Tensor, nn

CELL_PX = 8
"""Pixels along a side of a texture that each latent vector becomes."""
PLANES = 4
KEPT = 96
"""Textures that are kept: those of the pictures made last."""


class DrawingAtlas(nn.Module):
    """Latents "N C G G" and the convolutions that draw them."""

    def __init__(self, num: int, channels: int, grid: int, width: int) -> None:
        super().__init__()
        self.latents = nn.Parameter(torch.randn(num, channels, grid, grid) * 0.1)
        self.draw = nn.Sequential(
            nn.Conv2d(channels, width, 3, padding=1),
            nn.SiLU(),
            nn.Conv2d(width, width, 3, padding=1),
            nn.SiLU(),
            nn.Conv2d(width, PLANES * CELL_PX**2, 3, padding=1),
            nn.PixelShuffle(CELL_PX),
        )
        self._made: dict[int, Tensor] = {}
        self.register_load_state_dict_post_hook(_forget)

    def forward(self, indices: Tensor) -> Tensor:
        """Textures "n 4 S S" of drawings int64 "n", about 0 to 1: for training."""
        return self.draw(self.latents[indices])

    @torch.no_grad()
    def textures(self, indices: list[int]) -> Tensor:
        """Textures "n 4 S S" in 0 to 1, no colour above its alpha. Those made last are kept, until
        other weights are loaded; what is kept is never written to, so threads may share it."""
        device = self.latents.device
        made = {i: texture for i, texture in self._made.items() if texture.device == device}
        missing = [i for i in dict.fromkeys(indices) if i not in made]
        if missing:
            drawn = self(torch.tensor(missing, device=device)).clamp(0, 1)
            drawn[:, :3] = torch.minimum(drawn[:, :3], drawn[:, 3:])
            made.update(zip(missing, drawn, strict=True))
        wanted = dict.fromkeys(indices)
        last = [*(i for i in made if i not in wanted), *wanted][-KEPT:]
        self._made = {i: made[i] for i in last}
        return torch.stack([made[i] for i in indices])


def _forget(atlas: nn.Module, _: object) -> None:
    assert isinstance(atlas, DrawingAtlas)
    atlas._made = {}


def texture_loss(made: Tensor, true: Tensor) -> Tensor:
    """L1 + 4 MSE + 0.5 (L1 of differences along x and y): textures "n 4 S S"."""
    error = made - true
    across, down = error.diff(dim=-1), error.diff(dim=-2)
    return (
        error.abs().mean()
        + 4 * error.square().mean()
        + 0.5 * (across.abs().mean() + down.abs().mean())
    )
