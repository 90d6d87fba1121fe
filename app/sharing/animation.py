"""A run as a file to pass on: noise becomes the picture, its words and the page's name in a corner.

A square of `SIDE_PX` as MP4, WebP or GIF, and the end alone as PNG. Each carries the recipe that
makes it again.
"""

import json
from collections.abc import Callable
from itertools import pairwise

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from app.sharing.formation import Formation
from app.sharing.page_head import TITLE
from app.stream.encode import png
from engine.media.images import gif_bytes, mp4_bytes, webp_bytes
from engine.media.marking.marker import UNMARKED, Marker
from engine.media.video import FRAME_MS

SIDE_PX = 512
BEAT_MS = 50
"""Every duration is a number of beats: the frames of an MP4 follow one another evenly."""
FIRST_MS, STEP_MS, LAST_MS = 450, 150, 2400
TIMES_PLAYED = 2
"""A finished film is shown so often."""
COLOURED = 32
"""A GIF has the colours of so many of the last pictures."""
MARGIN_PX, PADDING_PX, NAME_GAP_PX = 12, 10, 9
PROMPT_PX, NAME_PX = 17, 13
VEIL, PROMPT_INK, NAME_INK = (20, 17, 28, 150), (255, 255, 255, 240), (255, 255, 255, 165)
TYPES = {
    "mp4": "video/mp4",
    "webp": "image/webp",
    "gif": "image/gif",
    "png": "image/png",
}
"""Kind of file -> its content type."""


def file(formation: Formation, kind: str, marker: Marker = UNMARKED) -> bytes:
    """Return the run as a file of one of `TYPES`, marked. Raises: ValueError for another kind."""
    makers: dict[str, Callable[[], bytes]] = {
        "mp4": lambda: _mp4(formation, marker),
        "webp": lambda: webp_bytes(*_marked(formation, marker), _note(formation)),
        "gif": lambda: _gif(formation, marker),
        "png": lambda: _png(formation, marker),
    }
    if kind not in makers:
        raise ValueError(f"a run is shared as one of {', '.join(makers)}, not as {kind[:20]!r}")
    return makers[kind]()


def timeline(formation: Formation) -> tuple[np.ndarray, list[int]]:
    """Return the frames uint8 "N 512 512 3" and how long each is shown. A film plays on while it
    forms, and again when it has formed."""
    states, num_frames = formation.states, formation.states.shape[1]
    if num_frames == 1:
        frames = list(states[:, 0])
        times = [FIRST_MS, *[STEP_MS] * (len(frames) - 2), LAST_MS][-len(frames) :]
    else:
        frames = [state[i % num_frames] for i, state in enumerate(states)]
        rest = -len(frames) % num_frames + TIMES_PLAYED * num_frames
        frames += [formation.answer[i % num_frames] for i in range(len(frames), len(frames) + rest)]
        times = [FRAME_MS] * (len(frames) - 1) + [2 * FRAME_MS]
    label = caption(formation.prompt)
    return np.stack([_labelled(large(frame), label) for frame in frames]), times


def large(picture: np.ndarray) -> np.ndarray:
    """Return a picture as a square of `SIDE_PX`, its edges smooth."""
    scaled = Image.fromarray(picture).resize((SIDE_PX, SIDE_PX), Image.Resampling.LANCZOS)
    return np.asarray(scaled)


def caption(prompt: str) -> Image.Image:
    """Return a transparent square with the words and the page's name in its lower left corner."""
    sheet = Image.new("RGBA", (SIDE_PX, SIDE_PX), (0, 0, 0, 0))
    pen = ImageDraw.Draw(sheet)
    words_font, name_font = ImageFont.load_default(PROMPT_PX), ImageFont.load_default(NAME_PX)
    name_width = pen.textlength(TITLE, name_font)
    room = SIDE_PX - 2 * (MARGIN_PX + PADDING_PX) - NAME_GAP_PX - name_width
    words = _shortened(
        " ".join(prompt.split()), lambda text: pen.textlength(text, words_font), room
    )
    words_width = pen.textlength(words, words_font)
    height = PROMPT_PX + 2 * PADDING_PX - 4
    left, top = MARGIN_PX, SIDE_PX - MARGIN_PX - height
    right = left + 2 * PADDING_PX + words_width + NAME_GAP_PX + name_width
    pen.rounded_rectangle((left, top, right, top + height), height // 3, VEIL)
    base = top + height - PADDING_PX - 1
    pen.text((left + PADDING_PX, base), words, PROMPT_INK, words_font, anchor="ls")
    name_at = (left + PADDING_PX + words_width + NAME_GAP_PX, base)
    pen.text(name_at, TITLE, NAME_INK, name_font, anchor="ls")
    return sheet


def _shortened(text: str, width: Callable[[str], float], room: float) -> str:
    """Return as many whole words of a text as there is room for."""
    words = text.split(" ")
    while len(words) > 1 and width(" ".join(words) + " …") > room and width(text) > room:
        words.pop()
        text = " ".join(words) + " …"
    while width(text) > room:
        text = text[:-2] + "…"
    return text


def _labelled(picture: np.ndarray, label: Image.Image) -> np.ndarray:
    shown = Image.fromarray(picture).convert("RGBA")
    shown.alpha_composite(label)
    return np.asarray(shown.convert("RGB"))


def _gif(formation: Formation, marker: Marker) -> bytes:
    """The palette is that of the small frames."""
    small = formation.states.reshape(-1, *formation.states.shape[2:])[-COLOURED:]
    return gif_bytes(*_marked(formation, marker), _note(formation), coloured_as=small)


def _mp4(formation: Formation, marker: Marker) -> bytes:
    frames, times = _marked(formation, marker)
    ends = np.cumsum([0, *times]) // BEAT_MS
    repeats = [end - start for start, end in pairwise(ends)]
    return mp4_bytes(np.repeat(frames, repeats, 0), 1000 // BEAT_MS, _note(formation), "veryfast")


def _png(formation: Formation, marker: Marker) -> bytes:
    recipe = dict(formation.recipe)
    return png(marker.picture(large(formation.answer[0]), recipe), recipe).content


def _marked(formation: Formation, marker: Marker) -> tuple[np.ndarray, list[int]]:
    frames, times = timeline(formation)
    return marker.film(frames, formation.recipe), times


def _note(formation: Formation) -> str:
    return json.dumps(formation.recipe)
