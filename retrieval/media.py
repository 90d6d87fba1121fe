"""Files to parts of a message, and generated answers to files.

The suffix selects the modalities to try; the content decides.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from engine.api.conversation import Part
from engine.api.request import USUAL_PROMPT_CHARACTERS, Modality
from engine.media.audio import SAMPLE_RATE, read_sound, wav_bytes
from engine.media.images import mp4_bytes, png_bytes, read_picture
from engine.media.video import FRAMES_A_SECOND, read_film

HEARD_S = 60
"""The seconds read of a clip: more than any checkpoint takes."""
PICTURE, SOUND, FILM = Modality.IMAGE, Modality.AUDIO, Modality.VIDEO
TRIED: dict[str, tuple[Modality, ...]] = {
    ".txt": (Modality.TEXT,),
    **dict.fromkeys((".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff"), (PICTURE,)),
    **dict.fromkeys((".gif", ".webp"), (FILM, PICTURE)),
    **dict.fromkeys((".wav", ".mp3", ".ogg", ".opus", ".flac", ".m4a", ".aac"), (SOUND,)),
    **dict.fromkeys((".mp4", ".mov", ".m4v", ".mkv", ".webm"), (FILM, SOUND)),
}
"""The possible modalities by suffix, likeliest first."""


def read_part(file: Path, modality: Modality) -> Part:
    """Read a file as a modality. Raises: ValueError with one sentence where that fails."""
    match modality:
        case Modality.IMAGE:
            return Part(image=read_picture(file))
        case Modality.AUDIO:
            return Part(audio=read_sound(file)[: HEARD_S * SAMPLE_RATE])
        case Modality.VIDEO:
            return Part(video=read_film(file))
        case Modality.TEXT:
            return Part(text=_words(file))


def part_of_file(file: Path) -> tuple[Modality, Part]:
    """Read a file as the first modality that fits. Raises: ValueError with one sentence where none
    does."""
    refused: list[ValueError] = []
    for modality in TRIED.get(file.suffix.lower(), ()):
        try:
            return modality, read_part(file, modality)
        except ValueError as error:
            refused.append(error)
    if refused:
        raise refused[0]
    raise ValueError(f"{file.name} is neither a picture, a sound, a film nor a text")


def _words(file: Path) -> str:
    """Read the beginning of a text, up to the length of a prompt."""
    try:
        with file.open(encoding="utf-8") as opened:
            words = opened.read(USUAL_PROMPT_CHARACTERS)
    except UnicodeDecodeError as error:
        raise ValueError(f"{file.name} is not a text in UTF-8") from error
    except OSError as error:
        raise ValueError(f"{file.name} cannot be read: {error.strerror}") from error
    if not words.strip():
        raise ValueError(f"{file.name} is empty")
    return words


def file_of_part(part: Part, notes: Mapping[str, Any]) -> tuple[str, bytes]:
    """Encode an image, audio or video: return suffix and bytes, with notes inside."""
    note = json.dumps(dict(notes))
    if part.image is not None:
        return ".png", png_bytes(part.image, {"settings": note})
    if part.video is not None:
        return ".mp4", mp4_bytes(part.video, FRAMES_A_SECOND, note)
    assert part.audio is not None
    return ".wav", wav_bytes(part.audio, note)
