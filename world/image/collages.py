"""Pictures from which the sharper picture tokenizer learns the 612 drawings, drawn anew each time.

Two thirds are dense collages that leave little of the background, an eighth heaps whose things
cover each other, the others scenes of one to five whole things. 30% of the things stand off the
lattice of the codes, 30% are recoloured. Owns: `Views`, `Collages`. Does not own: the drawings
(`world.image.drawings`) and backgrounds (`world.image.backdrops`).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from world.image.backdrops import Backdrop, painted, sample_backdrop
from world.image.drawings import DRAWINGS, Drawings, hue_matrix, recoloured

IMAGE_PX = 256
CELL_PX = 32
CELLS = IMAGE_PX // CELL_PX
SIZES, SIZE_SHARES = (2, 3, 4), (0.25, 0.5, 0.25)
OFF_LATTICE, RECOLOURED, GREYED = 0.3, 0.3, 0.2
HUES = tuple(range(30, 360, 30))
MATRICES = {degrees: hue_matrix(degrees) for degrees in HUES}


@dataclass(frozen=True)
class Placed:
    """A drawing at a pixel (x, y) of its top left corner; colours: its hue matrix, or None."""

    index: int
    size_px: int
    x: int
    y: int
    colours: np.ndarray | None = None


@dataclass(frozen=True)
class Views:
    """images uint8 "B H W 3"; covered and outline uint8 "B H W": how much of a pixel belongs to
    things, and how near it is to where one ends; captions: the names in each picture."""

    images: np.ndarray
    covered: np.ndarray
    outline: np.ndarray
    captions: tuple[str, ...]


class Collages:
    """Pictures of some of the drawings of a sheet."""

    def __init__(self, drawings: Drawings, indices: Sequence[int]) -> None:
        self.drawings, self.indices = drawings, np.asarray(indices)

    def sample(self, rng: np.random.Generator, num: int) -> Views:
        """Pictures of all three kinds, in that order."""
        dense, heaps = num * 2 // 3, num // 8
        plans = [self._packed(rng, 64) for _ in range(dense)]
        plans += [self._packed(rng, 64) + self._packed(rng, 2) for _ in range(heaps)]
        plans += [self._packed(rng, int(rng.integers(1, 6))) for _ in range(num - dense - heaps)]
        return self.drawn(plans, [sample_backdrop(rng) for _ in plans])

    def scenes(
        self, rng: np.random.Generator, num: int, *, off: float = 0.0, recoloured: float = 0.0
    ) -> Views:
        """Scenes of one to four whole things to measure by, mostly as the lattice has them."""
        plans = [self._packed(rng, int(rng.integers(1, 5)), off, recoloured) for _ in range(num)]
        return self.drawn(plans, [sample_backdrop(rng) for _ in plans])

    def drawn(self, plans: Sequence[Sequence[Placed]], backdrops: Sequence[Backdrop]) -> Views:
        """The pictures of some plans, the last thing of each in front."""
        made = [self._draw(p, b) for p, b in zip(plans, backdrops, strict=True)]
        images, covered, outline = (np.stack(x) for x in zip(*made, strict=True))
        captions = tuple(" ".join(DRAWINGS[i.index].name for i in plan) for plan in plans)
        return Views(images, covered, outline, captions)

    def _packed(
        self,
        rng: np.random.Generator,
        most: int,
        off: float = OFF_LATTICE,
        colours: float = RECOLOURED,
    ) -> list[Placed]:
        """Things that do not overlap but where some are pushed off the lattice: at most so many,
        as many as find room."""
        free = np.ones((CELLS, CELLS), bool)
        placed: list[Placed] = []
        while len(placed) < most:
            cells = int(rng.choice(SIZES, p=SIZE_SHARES))
            places = _room(free, cells)
            while not len(places) and cells > SIZES[0]:
                cells -= 1
                places = _room(free, cells)
            if not len(places):
                break
            row, column = places[rng.integers(len(places))]
            free[row : row + cells, column : column + cells] = False
            x, y = int(column) * CELL_PX, int(row) * CELL_PX
            if rng.random() < off:
                most_px = IMAGE_PX - cells * CELL_PX
                x, y = (
                    int(np.clip(at + rng.integers(-CELL_PX // 2, CELL_PX // 2), 0, most_px))
                    for at in (x, y)
                )
            index = int(self.indices[rng.integers(len(self.indices))])
            matrix = _hues(rng) if rng.random() < colours else None
            placed.append(Placed(index, cells * CELL_PX, x, y, matrix))
        return placed

    def _draw(
        self, plan: Sequence[Placed], backdrop: Backdrop
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        image = painted(backdrop, IMAGE_PX).copy()
        covered = np.zeros((IMAGE_PX, IMAGE_PX), np.uint8)
        outline = np.zeros((IMAGE_PX, IMAGE_PX), np.uint8)
        for item in plan:
            art = self.drawings.art(item.index, item.size_px)
            if item.colours is not None:
                art = recoloured(art, item.colours)
            place = np.s_[item.y : item.y + item.size_px, item.x : item.x + item.size_px]
            left = 255 - art[..., 3:4].astype(np.uint16)
            image[place] = art[..., :3] + ((image[place] * left + 127) // 255).astype(np.uint8)
            covered[place] = np.maximum(covered[place], art[..., 3])
            outline[place] = np.maximum(
                art[..., 4], ((outline[place] * left[..., 0] + 127) // 255).astype(np.uint8)
            )
        return image, covered, outline


def _room(free: np.ndarray, cells: int) -> np.ndarray:
    """Rows and columns "N 2" at which a square of so many cells is free."""
    windows = np.lib.stride_tricks.sliding_window_view(free, (cells, cells))
    return np.argwhere(windows.all((-2, -1)))


def _hues(rng: np.random.Generator) -> np.ndarray:
    """Another hue; one in five is also paler, darker or lighter."""
    degrees = HUES[rng.integers(len(HUES))]
    if rng.random() < GREYED:
        return hue_matrix(degrees, float(rng.uniform(0, 0.6)), float(rng.uniform(0.5, 1.15)))
    return MATRICES[degrees]
