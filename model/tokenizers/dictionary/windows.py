"""Pictures of named codes: each position draws its part of a drawing, and those of a drawing agree
on where it stands. Axes: B batch, L = R R positions, 32 px each; pixels premultiplied, 0 to 1.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

from model.tokenizers.dictionary.atlas import DrawingAtlas
from model.tokenizers.dictionary.codes import NOTHING, SIZES_PX, Named

CELL_PX = 32
BORDER_PX = 16
"""A position also draws so much of what lies around it."""
WINDOW_PX = CELL_PX + 2 * BORDER_PX
CLEARLY = 0.1
"""A position lets a neighbour's drawing in where that is so much less see-through."""
AGREE = 0.06
"""The distance, in sides of a drawing, at which two positions may see its centre and mean the same
one."""
COARSE_PX = 80
"""Drawings up to this size are drawn from textures of half the size, so that nothing flickers."""


def cell_centres(grid: int, device: torch.device | None = None) -> Tensor:
    """The middle of each position in pixels, "L 2": x, y."""
    at = torch.arange(grid, device=device) * CELL_PX + CELL_PX / 2
    return torch.stack(torch.meshgrid(at, at, indexing="xy"), -1).flatten(0, 1)


def agreement(told: Tensor, side: Tensor, same: Tensor, within: float) -> Tensor:
    """Weights "B L L", rows of sum 1, with which each position listens to the others.

    told: "B L 2", where each sees the centre of its drawing, in pixels; side: "B L", the side of
    the drawing in pixels; same: bool "B L L", which may mean the same drawing; within: how far
    apart, in sides, they may see its centre.
    """
    apart = (told[:, :, None] - told[:, None]).norm(dim=-1) / side[..., None]
    weight = same * torch.exp(-((apart / within) ** 2) / 2)
    return weight / weight.sum(-1, keepdim=True)


def centres(named: Named, grid: int) -> Tensor:
    """The centre of the drawing that each position means, in pixels, "B L 2": x, y. Positions that
    mean the same drawing take the mean of what they say."""
    side = torch.tensor(SIZES_PX, device=named.names.device)[named.sizes]
    told = cell_centres(grid, side.device) - named.places * side[..., None]
    kinds = torch.stack([named.names, named.sizes, named.colours, named.mirrored, named.turns], -1)
    same = (kinds[:, :, None] == kinds[:, None]).all(-1)
    return agreement(told, side, same, AGREE) @ told


def windows(named: Named, grid: int, atlas: DrawingAtlas, colours: Tensor) -> Tensor:
    """Draw the part of each position, "B L 4 WINDOW WINDOW". colours: matrices "N C 3 4"."""
    batch, num = named.names.shape
    made = colours.new_zeros(batch, num, 4, WINDOW_PX, WINDOW_PX)
    shown = named.names != NOTHING
    if not shown.any():
        return made
    names = named.names[shown] - 1
    side = torch.tensor(SIZES_PX, device=names.device)[named.sizes[shown]]
    middle = centres(named, grid)[shown]
    place = torch.arange(batch * num, device=names.device).view(batch, num)[shown] % num
    corner = torch.stack([place % grid, place // grid], -1) * CELL_PX - BORDER_PX
    pixel = torch.arange(WINDOW_PX, device=names.device) + 0.5
    unit = 2 / side[:, None]
    x = (corner[:, :1] + pixel - middle[:, :1]) * unit
    y = (corner[:, 1:] + pixel - middle[:, 1:]) * unit
    x = x[:, None, :].expand(-1, WINDOW_PX, -1)
    y = y[:, :, None].expand(-1, -1, WINDOW_PX)
    for _ in range(3):
        turns = (named.turns[shown] > _)[:, None, None]
        x, y = torch.where(turns, y, x), torch.where(turns, -x, y)
    x = torch.where(named.mirrored[shown].bool()[:, None, None], -x, x)
    where = torch.stack([x, y], -1)
    textures = atlas.textures(names.tolist())
    found = textures.new_empty(len(names), 4, WINDOW_PX, WINDOW_PX)
    coarse = side <= COARSE_PX
    for small in (False, True):
        rows = (coarse == small).nonzero()[:, 0]
        if len(rows):
            source = F.avg_pool2d(textures[rows], 2) if small else textures[rows]
            found[rows] = F.grid_sample(source, where[rows], align_corners=False)
    made[shown] = tinted(found, colours[names, named.colours[shown]])
    return made


def tinted(pixels: Tensor, matrices: Tensor) -> Tensor:
    """Pixels "n 4 h w" whose colours are matrices "n 3 4" times red, green, blue, alpha."""
    colours = torch.einsum("ncp,nphw->nchw", matrices, pixels)
    colours = torch.minimum(colours.clamp(min=0), pixels[:, 3:])
    return torch.cat([colours, pixels[:, 3:]], 1)


def composed(drawn: Tensor, grid: int) -> Tensor:
    """Windows "B L 4 WINDOW WINDOW" -> "B 4 H W". A position shows what it draws itself; where that
    ends, what its neighbours draw there."""
    batch = len(drawn)
    drawn = drawn.unflatten(1, (grid, grid)).permute(0, 3, 1, 4, 2, 5)
    inner = slice(BORDER_PX, BORDER_PX + CELL_PX)
    own = drawn[:, :, :, inner, :, inner]
    beside = torch.zeros_like(own)
    spans = {
        -1: (slice(1, None), slice(0, BORDER_PX), slice(None, -1), slice(-BORDER_PX, None)),
        0: (slice(None), slice(None), slice(None), inner),
        1: (slice(None, -1), slice(CELL_PX - BORDER_PX, None), slice(1, None), slice(0, BORDER_PX)),
    }
    for down, (rows, into_y, from_rows, out_y) in spans.items():
        for right, (columns, into_x, from_columns, out_x) in spans.items():
            if down == right == 0:
                continue
            there = beside[:, :, rows, into_y, columns, into_x]
            new = drawn[:, :, from_rows, out_y, from_columns, out_x]
            more = new[:, 3:] > there[:, 3:]
            beside[:, :, rows, into_y, columns, into_x] = torch.where(more, new, there)
    let_in = ((beside[:, 3:] - own[:, 3:]) / CLEARLY - 1).clamp(0, 1)
    under = beside * (1 - own[:, 3:]) * let_in
    return (own + under).reshape(batch, 4, grid * CELL_PX, grid * CELL_PX)
