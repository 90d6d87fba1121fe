"""Parsing of the controls' values and of uploads; bad input becomes a sentence here and nowhere
else.
"""

import re
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from PIL import Image

from engine.api.conversation import Part
from engine.api.request import Modality
from engine.api.sampling import MAX_DRAFTS, MAX_SEED, Sampling
from engine.media.audio import audible, from_pcm16, read_sound
from engine.media.images import read_picture
from engine.media.video import held_in, read_film

DICE = 1_000_000
"""Seeds drawn for a visitor are short enough to say aloud."""
MAX_UPLOAD_SIDE = 512
SOUND_FILES = (".wav", ".mp3", ".ogg", ".oga", ".opus", ".flac", ".m4a", ".aac")
FILM_FILES = (".mp4", ".mov", ".m4v", ".mkv", ".webm")
ANIMATED = ("GIF", "PNG", "WEBP")
"""Formats of pictures that may move; several pictures in a JPEG or TIFF are no film."""
NO_FILMS = "this checkpoint does not watch films: show it a picture"
MAX_STEPS = 128
"""The longest run that the page offers: it keeps and shows every step."""


class InputError(ValueError):
    """A sentence for the visitor and the control that it belongs beside: "prompt" or "settings"."""

    def __init__(self, sentence: str, control: str) -> None:
        super().__init__(sentence)
        self.control = control


@contextmanager
def beside(control: str) -> Iterator[None]:
    """A ValueError in here becomes the sentence beside that control."""
    try:
        yield
    except ValueError as error:
        raise InputError(as_sentence(str(error)), control) from error


def new_seed() -> int:
    """A fresh seed."""
    return secrets.randbelow(DICE)


def next_seed(text: str, shown: str, keep: bool) -> str:
    """The seed to use: the box's if it is to be kept or was edited after `shown`, else new."""
    return text if keep or text.strip() != shown else str(new_seed())


def read_seed(text: str) -> int:
    """The seed in the box. Raises: ValueError unless it is a whole number in range."""
    digits = str(text).strip()
    if not digits.isascii() or not digits.isdigit() or int(digits) > MAX_SEED:
        raise ValueError(
            f"the seed must be a whole number from 0 to {MAX_SEED}, not {digits[:40]!r}"
        )
    return int(digits)


def read_steps(value: object) -> int | None:
    """A number of steps, or None for "auto". Raises: ValueError unless whole and in range."""
    if value is None or value == "auto":
        return None
    return _whole(value, "steps", MAX_STEPS, "; 16 is a good start")


def read_drafts(value: object) -> int:
    """A number of drafts. Raises: ValueError unless whole and in range."""
    return _whole(value, "drafts", MAX_DRAFTS)


def _whole(value: object, what: str, most: int, hint: str = "") -> int:
    try:
        number = float(str(value))
    except ValueError:
        number = float("nan")
    if not number.is_integer() or not 1 <= number <= most:
        raise ValueError(
            f"{what} must be a whole number from 1 to {most}, not {str(value)[:40]}{hint}"
        )
    return int(number)


def read_guidance(value: object) -> float | None:
    """A guidance scale, or None for "auto". Raises: ValueError unless it is a number."""
    if value is None or value == "auto":
        return None
    try:
        return float(str(value))
    except ValueError:
        raise ValueError(
            f"guidance must be a number, not {str(value)[:40]!r}; 1 is a good start"
        ) from None


def read_sampling(steps: object, guidance: object, method: str | None, seed: int) -> Sampling:
    """The settings as the engine takes them. Raises: ValueError with what to change."""
    return Sampling(
        steps=read_steps(steps),
        guidance_scale=read_guidance(guidance),
        seed=seed,
    ).by(method)


def read_upload(source: str | Path | bytes) -> np.ndarray:
    """The picture in a file or its bytes, uint8 "H W 3", at most 512 pixels a side. Raises:
    ValueError."""
    picture = Image.fromarray(read_picture(source))
    picture.thumbnail((MAX_UPLOAD_SIDE, MAX_UPLOAD_SIDE))
    return np.asarray(picture)


def read_file(path: str | Path, *, films: bool = True) -> Part:
    """A sound, a film or a picture, by the name of its file; a name that says little is looked
    into. films: whether they are watched; without, an animation is its first picture and a WebM
    its sound. Raises: ValueError."""
    suffix = Path(path).suffix.lower()
    if suffix in FILM_FILES:
        return _read_clip(path, films=films)
    if films and is_animation(path):
        return Part(video=read_film(path))
    if suffix in SOUND_FILES:
        return Part(audio=read_recording(path))
    return Part(image=read_upload(path))


def _read_clip(path: str | Path, *, films: bool) -> Part:
    """A film, or the sound of one without pictures; of a WebM also where films are not watched,
    for so a browser writes what somebody says."""
    held = held_in(path)
    if Path(path).suffix.lower() == ".webm":
        heard = Modality.VIDEO not in held or (not films and Modality.AUDIO in held)
    else:
        heard = held == {Modality.AUDIO}
    if heard:
        return Part(audio=read_recording(path))
    if not films:
        raise ValueError(NO_FILMS)
    return Part(video=read_film(path))


def is_animation(path: str | Path) -> bool:
    """Return whether the file is an animated picture."""
    try:
        with Image.open(path, formats=ANIMATED) as picture:
            return bool(getattr(picture, "is_animated", False))
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError):
        return False


def read_recording(source: str | Path | bytes) -> np.ndarray:
    """The sound in a file, or in the 16-bit samples of a microphone: float32 at 16 kHz. Raises:
    ValueError."""
    if isinstance(source, bytes):
        return audible(from_pcm16(source))
    return read_sound(source)


FOLDERS = re.compile(r"(?<![\w:/.~])/(?:[^/\s:()'][^/\n:()']*/)+(?=[^/\s])")
"""The folders in front of a file's name, from the root on."""


def as_sentence(text: str) -> str:
    """Return the text with a capital letter and a full stop, without the server's folders."""
    text = FOLDERS.sub("", text)
    text = text[:1].upper() + text[1:]
    return text if text.endswith((".", "!", "?")) else text + "."
