"""Pictures of drawings with what a picture dictionary says of each position, drawn anew each time.

Scenes hold one to five drawings, crowds as many as find room, heaps drawings that cover each
other. Owns: `Standing`, `Labelled`, `NamedScenes`. Does not own: how the labels
become codes (`model.tokenizers.dictionary.codes`).
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from world.image.backdrops import painted, sample_backdrop
from world.image.drawings import Drawings
from world.image.recolouring import COLOURS, tinted

IMAGE_PX, CELL_PX = 256, 32
CELLS = IMAGE_PX // CELL_PX
SIZES_PX = (48, 64, 80, 96, 112, 128, 160, 192)
SIZE_SHARES = (0.08, 0.2, 0.18, 0.2, 0.14, 0.12, 0.05, 0.03)
LATTICE_SIZES = (0.0, 0.25, 0.0, 0.5, 0.0, 0.25, 0.0, 0.0)
"""Shares of the sizes where things stand anywhere, and on the lattice."""
NOTHING = 0
"""The name where no drawing is seen; otherwise its place in `DRAWINGS`, from 1 on."""
SEEN = 0.05
"""The share of a position that a drawing covers at least where it is named."""


@dataclass(frozen=True)
class Standing:
    """A drawing in a picture: its centre (x, y) in pixels; size and colour are places in `SIZES_PX`
    and `COLOURS`; turns: quarters clockwise, after mirroring."""

    index: int
    size: int
    x: float
    y: float
    colour: int = 0
    mirrored: bool = False
    turns: int = 0


@dataclass(frozen=True)
class Labelled:
    """images, grounds: uint8 "B H W 3", grounds without the drawings; covered: uint8 "B H W".
    names, sizes, colours, mirrored, turns: int64 "B L"; places: float32 "B L 2"; shares: float32
    "B L", how much of a position drawings cover."""

    images: np.ndarray
    grounds: np.ndarray
    covered: np.ndarray
    names: np.ndarray
    places: np.ndarray
    sizes: np.ndarray
    colours: np.ndarray
    mirrored: np.ndarray
    turns: np.ndarray
    shares: np.ndarray


class NamedScenes:
    """Pictures of some of the drawings of a sheet."""

    def __init__(self, drawings: Drawings, indices: Sequence[int], matrices: np.ndarray) -> None:
        self.drawings, self.indices, self.matrices = drawings, np.asarray(indices), matrices

    def sample(self, rng: np.random.Generator, num: int, *, crowds: float = 0.6) -> Labelled:
        """Crowds, heaps (an eighth) and scenes, in that order."""
        many, heaps = round(num * crowds), num // 8
        plans = [self.plan(rng, 40, 0.08) for _ in range(many)]
        plans += [self.plan(rng, 14, 0.6) for _ in range(heaps)]
        plans += [self.plan(rng, int(rng.integers(1, 6)), 0.15) for _ in range(num - len(plans))]
        return self.drawn(plans, [painted(sample_backdrop(rng), IMAGE_PX) for _ in plans])

    def plan(
        self,
        rng: np.random.Generator,
        most: int,
        overlap: float,
        sizes: Sequence[float] = SIZE_SHARES,
    ) -> list[Standing]:
        """Up to so many drawings that cover at most a share of each other, the last in front."""
        placed: list[Standing] = []
        for _ in range(3 * most):
            if len(placed) == most:
                break
            size = int(rng.choice(len(SIZES_PX), p=sizes))
            side = SIZES_PX[size]
            x, y = (float(rng.uniform(side / 2 - 6, IMAGE_PX - side / 2 + 6)) for _ in range(2))
            if all(_overlap(x, y, side, o) <= overlap for o in placed):
                colour = int(rng.integers(1, len(COLOURS))) if rng.random() < 0.3 else 0
                turns = int(rng.integers(1, 4)) if rng.random() < 0.12 else 0
                index = int(self.indices[rng.integers(len(self.indices))])
                mirrored = bool(rng.random() < 0.3)
                placed.append(Standing(index, size, x, y, colour, mirrored, turns))
        return placed

    def standing(self, rng: np.random.Generator, num: int) -> Labelled:
        """Scenes of one to four drawings that stand upright beside each other, 64, 96 or 128 px
        large, with centres on a lattice of half positions."""
        plans: list[list[Standing]] = []
        for _ in range(num):
            free = self.plan(rng, int(rng.integers(1, 5)), 0.0, sizes=LATTICE_SIZES)
            half = CELL_PX / 2
            plans.append(
                [
                    replace(
                        i,
                        x=round(i.x / half) * half,
                        y=round(i.y / half) * half,
                        mirrored=False,
                        turns=0,
                    )
                    for i in free
                ]
            )
        return self.drawn(plans, [painted(sample_backdrop(rng), IMAGE_PX) for _ in plans])

    def drawn(self, plans: Sequence[Sequence[Standing]], grounds: Sequence[np.ndarray]) -> Labelled:
        """The pictures of some plans on grounds uint8 "H W 3"."""
        made = [self._draw(p, g) for p, g in zip(plans, grounds, strict=True)]
        return Labelled(*(np.stack(x) for x in zip(*made, strict=True)))

    def look(self, item: Standing) -> np.ndarray:
        """A drawing float32 "side side 4" as it stands, premultiplied, 0 to 1."""
        art = self.drawings.art(item.index, SIZES_PX[item.size])[..., :4].astype(np.float32) / 255
        if item.mirrored:
            art = art[:, ::-1]
        art = np.rot90(art, -item.turns)
        if item.colour:
            art = tinted(art, self.matrices[item.index, item.colour])
        return art

    def _draw(self, plan: Sequence[Standing], ground: np.ndarray) -> tuple[np.ndarray, ...]:
        image = ground.astype(np.float32) / 255
        seen = np.zeros((len(plan) + 1, IMAGE_PX, IMAGE_PX), np.float32)
        for k, item in enumerate(plan):
            art, side = self.look(item), SIZES_PX[item.size]
            x, y = round(item.x - side / 2), round(item.y - side / 2)
            inner = np.s_[max(y, 0) : min(y + side, IMAGE_PX), max(x, 0) : min(x + side, IMAGE_PX)]
            art = art[
                inner[0].start - y : inner[0].stop - y, inner[1].start - x : inner[1].stop - x
            ]
            left = 1 - art[..., 3]
            image[inner] = art[..., :3] + image[inner] * left[..., None]
            seen[(slice(None), *inner)] *= left
            seen[(k + 1, *inner)] = art[..., 3]
        shares = seen.reshape(-1, CELLS, CELL_PX, CELLS, CELL_PX).mean((2, 4)).reshape(-1, CELLS**2)
        most = shares.argmax(0)
        named = shares.max(0) >= SEEN
        told = [(i.index + 1, i.size, i.colour, i.mirrored, i.turns, i.x, i.y) for i in plan]
        table = np.array([(NOTHING, 0, 0, 0, 0, 0, 0), *told], np.float64)[np.where(named, most, 0)]
        names, sizes, colours, mirrored, turns = table[:, :5].astype(np.int64).T
        at = (np.arange(CELLS) + 0.5) * CELL_PX
        cells = np.stack(np.meshgrid(at, at), -1).reshape(-1, 2)
        side = np.asarray(SIZES_PX, np.float64)[sizes]
        # A turned picture lies round(x - side / 2) from the left: that is where its centre is.
        middle = np.round(table[:, 5:] - side[:, None] / 2) + side[:, None] / 2
        places = ((cells - middle) / side[:, None]).astype(np.float32)
        whole = (np.clip(image, 0, 1) * 255 + 0.5).astype(np.uint8)
        covered = (seen.sum(0) * 255 + 0.5).astype(np.uint8)
        return (
            whole, ground, covered, names, places, sizes, colours, mirrored, turns,
            shares.sum(0).astype(np.float32),
        )  # fmt: skip


def _overlap(x: float, y: float, side: float, other: Standing) -> float:
    """The share of the smaller square that both cover."""
    there = SIZES_PX[other.size]
    across = min(x + side / 2, other.x + there / 2) - max(x - side / 2, other.x - there / 2)
    down = min(y + side / 2, other.y + there / 2) - max(y - side / 2, other.y - there / 2)
    return max(across, 0) * max(down, 0) / min(side, there) ** 2
