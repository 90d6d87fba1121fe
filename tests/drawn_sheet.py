"""A sheet of discs in place of the drawings, which lie outside the repository."""

from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from world.image.drawings import DRAWINGS, SHEET_COLUMNS

SIDE = 16


def disc_sheet(folder: Path) -> Path:
    """A PNG in which every drawing is a disc of its own colour."""
    rows = -(-len(DRAWINGS) // SHEET_COLUMNS)
    sheet = Image.new("RGBA", (SHEET_COLUMNS * SIDE, rows * SIDE))
    pen = ImageDraw.Draw(sheet)
    for i in range(len(DRAWINGS)):
        row, column = divmod(i, SHEET_COLUMNS)
        x, y = column * SIDE, row * SIDE
        colour = tuple(int(c) for c in np.random.default_rng(i).integers(0, 256, 3))
        pen.ellipse((x + 2, y + 2, x + SIDE - 3, y + SIDE - 3), (*colour, 255))
    file = folder / "sheet.png"
    sheet.save(file)
    return file
