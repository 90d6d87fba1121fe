"""A contact sheet of uncurated answers to held-out requests, in the order of their seeds.

The requests and their judges are those of the any-to-any cells. Owns: the tasks, the sheet, the
spectrogram. Does not own: the items (`evaluation.suites.cells`).
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
from evaluation.answers import generate_answers, seeded
from evaluation.judges.speech_judges import Listen, whisper
from evaluation.pack import read_pack
from evaluation.requirements import Requirement
from evaluation.speech_client import SpeechEngine
from evaluation.suites.any_to_any import trained_requirements
from evaluation.suites.cell_item import Answers, Material
from evaluation.suites.cells import CELLS, Cell
from evaluation.suites.scenes import FAIL_RGB, FRAME_PX, PASS_RGB, wrap_text
from model.prompt_template import TRANSCRIBE
from model.tokenizers.whisper_encoder import SAMPLE_RATE, LogMel


@dataclass(frozen=True)
class Task:
    """A row of the command's tasks. cell: of `evaluation.suites.cells`. columns: of the sheet.
    picture_px, frame_px: the side of an image, and of a video frame."""

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
"""The tasks by command-line name: text to image, image editing, text to video, image to video, text
answers, image description, video description, transcription, speech, and sounds."""
LABEL_PX, LINES = 36, 3
SOUND_PX, MELS, SHOWN_S = 256, 64, 4.0
"""The width of a spectrogram, its mel bands (one a pixel), and the seconds shown of a longer
clip."""
WORDS_PX = (256, 8)
"""The width and height in pixels of the blank strip above answers in text."""
SIXES = 6
"""The number of kinds in a cell; items are drawn in multiples of it."""


@dataclass(frozen=True)
class Tile:
    """One request. strip: input and output side by side, uint8 "H W 3". words: the seed, the
    request, the answer or its transcript, and the right answer to a wrong one."""

    strip: np.ndarray
    words: str
    right: bool


def collect_material(task: str, num: int, seed: int, folder: Path) -> Material:
    """Load what a task needs: clips of the folder and a recogniser for audio tasks.

    Raises: ValueError where these are needed and not there.

    """
    cell = _cell(task)
    clips = read_pack(folder) if Requirement.SOUND in cell.needs else None
    return Material(num, seed, clips, whisper() if cell.heard else None)


def _cell(task: str) -> Cell:
    return next(c for c in CELLS if c.name == TASKS[task].cell)


def generate_tiles(
    engine: SpeechEngine, task: str, material: Material, sampling: Sampling
) -> list[Tile]:
    """Answer the first `material.num` requests of a seed, or all that exist; request i has seed
    sampling.seed + i.

    Raises: ValueError where num is below 1, the checkpoint was not trained for the task, or there
    is nobody to judge it.

    """
    num, cell = material.num, _cell(task)
    if num < 1:
        raise ValueError(f"--num must be at least 1, not {num}")
    if reason := cell.missing(trained_requirements(engine), listens=material.listen is not None):
        raise ValueError(f"{task}: {reason}")
    assert cell.plan is not None
    heard = RecordingListener(material.listen)
    listened = replace(material, num=-(-num // SIXES) * SIXES, listen=heard)
    items = cell.plan(listened)[:num]
    requests = [
        Request(item.conversation, item.to, seeded(sampling, i)) for i, item in enumerate(items)
    ]
    answers = generate_answers(engine, requests, task)
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
class RecordingListener:
    """A recogniser that keeps its last transcript."""

    listen: Listen | None
    words: str | None = None

    def __call__(self, samples: np.ndarray) -> str:
        assert self.listen is not None
        self.words = self.listen(samples)
        return self.words


def _strip(task: Task, request: Request, answers: Answers) -> np.ndarray:
    """Return the visible input and, beside it, the output."""
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
    """Render samples "N" at 16 kHz as a mel spectrogram uint8 "`MELS` `SOUND_PX` 3", low bands at
    the bottom, silence after the end."""
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
    """Draw all tiles in rows, framed green where right and red where wrong, with their words below.
    Returns uint8 "H W 3"."""
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
        label = "\n".join(wrap_text(tile.words, pen, font, width - 4)[:LINES])
        pen.multiline_text((left + 2, top + height), label, (20, 20, 20), font, spacing=1)
    return np.asarray(page)
