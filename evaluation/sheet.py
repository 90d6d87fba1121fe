"""A contact sheet: what comes of held-out wishes, one after the other in the order of their seeds,
nobody chooses among them.

The wishes and their judges are those of the matrix. Owns: the four tasks, the sheet. Does not own:
the items (`evaluation.cells`).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw, ImageFont
from tqdm import tqdm

from engine.media import fitted
from engine.request import Request, Sampling
from evaluation.aloud import Talker
from evaluation.answers import ask, seeded
from evaluation.cells import CELLS
from evaluation.item import Answers, Material
from evaluation.matrix import learned
from evaluation.scenes import FAIL_RGB, FRAME_PX, PASS_RGB, wrapped

TASKS = {
    "image": "text_to_image",
    "edit": "image_and_text_to_image",
    "film": "text_to_video",
    "next": "image_to_video",
}
"""What is made -> the cell of the matrix: a picture of words, the picture after a change, a film of
words, what comes next after a picture."""
COLUMNS = {"image": 8, "edit": 4, "film": 2, "next": 2}
PICTURE_PX, FILM_PX, LABEL_PX, LINES = 128, 64, 36, 3
SIXES = 6
"""Wishes are drawn in so many kinds, all of them in turn."""


@dataclass(frozen=True)
class Tile:
    """One wish. strip: what was given and what was made side by side, uint8 "H W 3"."""

    strip: np.ndarray
    words: str
    right: bool


def made(engine: Talker, task: str, num: int, sampling: Sampling) -> list[Tile]:
    """The first num wishes of a seed with what came of them; wish i has seed sampling.seed + i.

    Raises: ValueError where num is below 1, or the checkpoint was not trained for the task.
    """
    if num < 1:
        raise ValueError(f"--num must be at least 1, not {num}")
    cell = next(c for c in CELLS if c.name == TASKS[task])
    if reason := cell.missing(learned(engine), listens=False):
        raise ValueError(f"{task} is {reason}")
    assert cell.plan is not None
    whole = -(-num // SIXES) * SIXES
    items = cell.plan(Material(whole, sampling.seed, None, None))[:num]
    requests = [
        Request(item.conversation, item.to, seeded(sampling, i)) for i, item in enumerate(items)
    ]
    answers = ask(engine, requests, task)
    pairs = zip(items, requests, tqdm(answers, desc="judge"), strict=True)
    return [Tile(_strip(r, a), _label(r), bool(item.right(a))) for item, r, a in pairs]


def _strip(request: Request, answers: Answers) -> np.ndarray:
    """The picture that was given, if any, and beside it what was made."""
    parts = request.conversation.turns[-1].parts
    made = next((a.video for a in answers if a.video is not None), None)
    side_px = PICTURE_PX if made is None else FILM_PX
    given = [p.image for p in parts if p.image is not None]
    shown = [a.image for a in answers if a.image is not None] if made is None else list(made)
    return np.concatenate([fitted(picture, side_px) for picture in (*given, *shown)], 1)


def _label(request: Request) -> str:
    words = " ".join(p.text for p in request.conversation.turns[-1].parts if p.text is not None)
    return f"{request.sampling.seed}: {words}"


def sheet(tiles: Sequence[Tile], columns: int) -> np.ndarray:
    """All of them in rows, framed green where right and red where not; below each its seed and its
    words. uint8 "H W 3"."""
    height, width = (n + 2 * FRAME_PX for n in tiles[0].strip.shape[:2])
    rows, columns = -(-len(tiles) // columns), min(len(tiles), columns)
    page = Image.new("RGB", (columns * width, rows * (height + LABEL_PX)), (255, 255, 255))
    pen, font = ImageDraw.Draw(page), ImageFont.load_default(9)
    for i, tile in enumerate(tiles):
        row, column = divmod(i, columns)
        left, top = column * width, row * (height + LABEL_PX)
        frame = (left, top, left + width - 2, top + height - 2)
        pen.rectangle(frame, fill=PASS_RGB if tile.right else FAIL_RGB)
        page.paste(Image.fromarray(tile.strip), (left + FRAME_PX, top + FRAME_PX))
        label = "\n".join(wrapped(tile.words, pen, font, width - 4)[:LINES])
        pen.multiline_text((left + 2, top + height), label, (20, 20, 20), font, spacing=1)
    return np.asarray(page)
