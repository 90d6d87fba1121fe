"""Draw the page's card and icon: python -m app.sharing.social_card

The card shows states of a recorded run (see `app.record`) as they were: noise on the left, the
picture on the right. Both are drawn at twice their size and scaled down.
"""

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

from app.sharing.formation import Formation, of_recording
from app.sharing.page_head import CARD, CARD_SIZE, ICON, MARK_CELLS, SENTENCE, TITLE
from app.theme import LIGHT

SERIF = ("Georgia.ttf", "LiberationSerif-Regular.ttf", "DejaVuSerif.ttf")
SANS = ("LiberationSans-Regular.ttf", "DejaVuSans.ttf")
TILES, TILE_PX, GAP_PX, MARGIN_PX = 5, 196, 19, 72
TWICE = 2
ICON_PX = 512
Font = ImageFont.FreeTypeFont | ImageFont.ImageFont


def font(names: Sequence[str], size_px: int) -> Font:
    """Return the first of these fonts that is installed, or Pillow's own."""
    for name in names:
        try:
            return ImageFont.truetype(name, size_px)
        except OSError:
            continue
    return ImageFont.load_default(size_px)


def card(run: Formation) -> Image.Image:
    """Return the card, of `CARD_SIZE`. Raises: ValueError where fewer steps were recorded."""
    if len(run.steps) < TILES:
        raise ValueError(f"the card shows {TILES} steps, and this run has {len(run.steps)}")
    width, height = (TWICE * side for side in CARD_SIZE)
    sheet = Image.new("RGB", (width, height), LIGHT["paper"])
    pen = ImageDraw.Draw(sheet)
    left = TWICE * MARGIN_PX
    draw_mark(sheet, left, TWICE * 84, TWICE * 26, LIGHT["accent"])
    pen.text((left + TWICE * 132, TWICE * 76), TITLE, LIGHT["ink"], font(SERIF, TWICE * 66))
    pen.text((left + TWICE * 135, TWICE * 158), SENTENCE, LIGHT["soft"], font(SANS, TWICE * 27))
    top, small = TWICE * 288, font(SANS, TWICE * 20)
    for i in range(TILES):
        k = round(i * (len(run.steps) - 1) / (TILES - 1))
        x = left + i * TWICE * (TILE_PX + GAP_PX)
        paste_tile(sheet, Image.fromarray(run.states[k, 0]), x, top, TWICE * TILE_PX)
        below = (x, top + TWICE * (TILE_PX + 16))
        pen.text(below, f"step {run.steps[k]} of {run.num_steps}", LIGHT["soft"], small)
    pen.text((left, height - TWICE * 66), f"“{run.prompt}”", LIGHT["ink"], font(SERIF, TWICE * 27))
    return sheet.resize(CARD_SIZE, Image.Resampling.LANCZOS)


def icon() -> Image.Image:
    """Return the page's mark on its accent, as the square of an app."""
    side = TWICE * ICON_PX
    found = Image.new("RGBA", (side, side), (0, 0, 0, 0))
    whole = (0, 0, side - 1, side - 1)
    ImageDraw.Draw(found).rounded_rectangle(whole, side // 5, LIGHT["accent"])
    cell = side * 3 // 16
    draw_mark(found, (side - 4 * cell) // 2, (side - 4 * cell) // 2, cell, "#ffffff")
    return found.resize((ICON_PX, ICON_PX), Image.Resampling.LANCZOS)


def draw_mark(sheet: Image.Image, left: int, top: int, cell: int, colour: str) -> None:
    """Draw the mark, its cells `cell` pixels apart."""
    inset = cell // 10
    for y, row in enumerate(MARK_CELLS):
        for x, opacity in enumerate(row):
            tile = Image.new("L", (cell, cell), 0)
            inside = (inset, inset, cell - inset - 1, cell - inset - 1)
            ImageDraw.Draw(tile).rounded_rectangle(inside, cell // 5, round(25.5 * opacity))
            sheet.paste(colour, (left + x * cell, top + y * cell), tile)


def paste_tile(sheet: Image.Image, picture: Image.Image, x: int, y: int, side: int) -> None:
    """Paste a picture with round corners."""
    mask = Image.new("L", (side, side), 0)
    ImageDraw.Draw(mask).rounded_rectangle((0, 0, side - 1, side - 1), side // 12, 255)
    sheet.paste(picture.resize((side, side), Image.Resampling.LANCZOS), (x, y), mask)


def main(argv: list[str] | None = None) -> int:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m app.sharing.social_card", description=__doc__)
    parser.add_argument("--run", type=Path, default=Path("assets/examples/first.json"))
    parser.add_argument("--out", type=Path, default=CARD.parent, help="folder of both pictures")
    arguments = parser.parse_args(argv)
    try:
        drawn = card(of_recording(json.loads(arguments.run.read_text())))
    except (OSError, ValueError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    arguments.out.mkdir(parents=True, exist_ok=True)
    drawn.save(arguments.out / CARD.name, quality=90, subsampling=0)
    icon().save(arguments.out / ICON.name, optimize=True)
    for file in (CARD.name, ICON.name):
        print(f"{arguments.out / file}: {(arguments.out / file).stat().st_size // 1000} kB")
    return 0


if __name__ == "__main__":
    sys.exit(main())
