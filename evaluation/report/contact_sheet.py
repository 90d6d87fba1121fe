"""A contact sheet: what comes of held-out wishes, one after the other in the order of their seeds,
nobody chooses among them.

The wishes and their judges are those of the matrix. Owns: the tasks, the sheet, how a sound looks.
Does not own: the items (`evaluation.suites.cells`).
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np
import torch
from PIL import Image, ImageDraw, ImageFont
from tqdm import tqdm

from engine.api.conversation import Part
from engine.api.events import Answer
from engine.api.request import Request
from engine.api.sampling import Sampling
from engine.media.images import fitted
from evaluation.answers import ask, seeded
from evaluation.judges.speech_judges import Listen, whisper
from evaluation.pack import read_pack
from evaluation.requirements import Needs
from evaluation.speech_client import Talker
from evaluation.suites.any_to_any import learned
from evaluation.suites.cell_item import Answers, Material
from evaluation.suites.cells import CELLS, Cell
from evaluation.suites.scenes import FAIL_RGB, FRAME_PX, PASS_RGB, wrapped
from model.prompt_template import TRANSCRIBE
from model.tokenizers.whisper_encoder import SAMPLE_RATE, LogMel


@dataclass(frozen=True)
class Task:
    """cell: of the matrix. columns: of the sheet. picture_px, frame_px: the side of a picture, and
    of a frame of a film."""

    cell: str
    columns: int
    picture_px: int = 128
    frame_px: int = 64


TASKS = {
    "image": Task("text_to_image", 8),
    "edit": Task("image_and_text_to_image", 4),
    "film": Task("text_to_video", 2),
    "next": Task("image_to_video", 2, picture_px=64),
    "answer": Task("text_to_text", 4),
    "describe": Task("image_to_text", 8),
    "watch": Task("video_to_text", 4, frame_px=32),
    "write": Task("audio_to_text", 4),
    "say": Task("text_to_audio", 4),
    "sound": Task("text_to_sound", 4),
}
"""What is made: a picture of words, the picture after a change, a film of words, what comes next
after a picture, an answer to words, to a question about a picture and about a film, what was said,
speech, and the sound of a thing."""
LABEL_PX, LINES = 36, 3
SOUND_PX, MELS, SHOWN_S = 256, 64, 4.0
"""A sound is so wide and has so many mel bands, one a pixel; of a longer one its beginning is
seen."""
WORDS_PX = (256, 8)
"""Width and height of the bar above words alone."""
SIXES = 6
"""Wishes are drawn in so many kinds, all of them in turn."""


@dataclass(frozen=True)
class Tile:
    """One wish. strip: what was given and what was made side by side, uint8 "H W 3". words: the
    seed, what was asked, what was answered or heard, and, if that is wrong, what is right."""

    strip: np.ndarray
    words: str
    right: bool


def gathered(task: str, num: int, seed: int, folder: Path) -> Material:
    """What a task is made of: clips of that folder and a listener where it is about sound.

    Raises: ValueError where these are needed and not there.
    """
    cell = _cell(task)
    clips = read_pack(folder) if Needs.SOUND in cell.needs else None
    return Material(num, seed, clips, whisper() if cell.heard else None)


def _cell(task: str) -> Cell:
    return next(c for c in CELLS if c.name == TASKS[task].cell)


def made(engine: Talker, task: str, material: Material, sampling: Sampling) -> list[Tile]:
    """The first `material.num` wishes of a seed, or all that there are, with what came of them;
    wish i has seed sampling.seed + i.

    Raises: ValueError where num is below 1, the checkpoint was not trained for the task, or there
    is nobody to judge it.
    """
    num, cell = material.num, _cell(task)
    if num < 1:
        raise ValueError(f"--num must be at least 1, not {num}")
    if reason := cell.missing(learned(engine), listens=material.listen is not None):
        raise ValueError(f"{task}: {reason}")
    assert cell.plan is not None
    heard = Heard(material.listen)
    listened = replace(material, num=-(-num // SIXES) * SIXES, listen=heard)
    items = cell.plan(listened)[:num]
    requests = [
        Request(item.conversation, item.to, seeded(sampling, i)) for i, item in enumerate(items)
    ]
    answers = ask(engine, requests, task)
    tiles: list[Tile] = []
    for item, request, found in zip(items, requests, tqdm(answers, desc="judge"), strict=True):
        heard.words = None
        right = bool(item.right(found))
        words = [_label(request, found)]
        words += [] if heard.words is None else [f"> heard: {heard.words}"]
        words += [] if right or item.wanted is None else [f"(right: {item.wanted})"]
        tiles.append(Tile(_strip(TASKS[task], request, found), " ".join(words), right))
    return tiles


@dataclass
class Heard:
    """A listener that remembers what it heard last."""

    listen: Listen | None
    words: str | None = None

    def __call__(self, samples: np.ndarray) -> str:
        assert self.listen is not None
        self.words = self.listen(samples)
        return self.words


def _strip(task: Task, request: Request, answers: Answers) -> np.ndarray:
    """What was given, if it can be seen, and beside it what was made."""
    shown: list[np.ndarray] = []
    for part in (*request.conversation.turns[-1].parts, *answers):
        shown += _seen(task, part)
    width_px, height_px = WORDS_PX
    return np.concatenate(shown, 1) if shown else np.full((height_px, width_px, 3), 255, np.uint8)


def _seen(task: Task, part: Part | Answer) -> list[np.ndarray]:
    if part.video is not None:
        return [fitted(frame, task.frame_px) for frame in part.video]
    if part.image is not None:
        return [fitted(part.image, task.picture_px)]
    return [] if part.audio is None else [spectrogram(part.audio)]


def spectrogram(samples: np.ndarray) -> np.ndarray:
    """Samples "N" at 16 kHz as a picture uint8 "`MELS` `SOUND_PX` 3", low bands at the bottom,
    silence after the end."""
    whole = np.zeros(int(SHOWN_S * SAMPLE_RATE), np.float32)
    begun = samples[: len(whole)]
    whole[: len(begun)] = begun
    mel = LogMel(MELS)(torch.from_numpy(whole)[None])[0].numpy()[::-1]
    level = (mel - mel.min()) / max(float(np.ptp(mel)), 1e-6) * 255
    small = cv2.resize(level, (SOUND_PX, MELS), interpolation=cv2.INTER_AREA)
    coloured = cv2.applyColorMap(small.round().astype(np.uint8), cv2.COLORMAP_MAGMA)
    return np.ascontiguousarray(coloured[..., ::-1])


def _label(request: Request, answers: Answers) -> str:
    parts = request.conversation.turns[-1].parts
    asked = [p.text for p in parts if p.text not in (None, TRANSCRIBE)]
    said = [f"> {a.text}" for a in answers if a.text is not None]
    return f"{request.sampling.seed}: {' '.join((*asked, *said))}"


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
