"""Films to frames and back: the only place that reads moving pictures.

Frames are uint8 "N H W 3". Whatever cannot be read or seen is a ValueError with one sentence. Owns:
`read_film`, `sampled`, `held_in`, and animated pictures. Does not own: films by PyAV
(`engine.media.film_decoder`), limits (`engine.media.film_limits`), sound
(`engine.media.audio`), the writing of films (`engine.media.images`).
"""

import struct
from bisect import bisect_right
from contextlib import suppress
from io import BytesIO
from pathlib import Path

import numpy as np
from PIL import Image

from engine.media import film_limits
from engine.media.audio import refuse_unreadable
from engine.media.film_decoder import KNOWN, decoded_frames, is_cover
from engine.media.film_limits import (
    DRAWN_COST,
    FRAME_PIXELS,
    LONGEST_SIDE_PX,
    middles,
    still,
    too_large,
    too_long,
    unreadable,
)
from engine.media.images import upright_rgb
from flow.modality import Modality

FRAMES_A_SECOND = 4
FRAME_MS = 1000 // FRAMES_A_SECOND
PICTURES = ("WEBP", "GIF", "PNG", "JPEG", "BMP", "TIFF")
BROKEN = (OSError, EOFError, SyntaxError, IndexError, struct.error)
"""The exceptions that PIL raises for broken pictures."""


def read_film(source: Path | str | bytes) -> np.ndarray:
    """Eight frames of a film (MP4, MOV, WebM, MKV) or of an animated GIF, WebP or PNG, from a file
    or its bytes: uint8 "8 H W 3", upright, transparency on white, no side over 512 px.

    They are what is shown in the middle of each eighth of its duration, so a film of fewer frames
    repeats them. Where these are dear to find, because frames are large and few can be decoded
    by themselves, one of those few in the same eighth stands in. A broken film is read as far as
    it goes.

    Raises: ValueError where there is no such file, it is no film that can be read, it is a picture
    or only sound, or it is too large or too long to be looked through.
    """
    name = "the upload" if isinstance(source, bytes) else Path(source).name
    refuse_unreadable(source)
    file = source if isinstance(source, bytes) else Path(source).absolute()
    frames = decoded_frames(file, name) or _picture(file, name)
    if not frames:
        raise ValueError(unreadable(name))
    return np.stack([np.asarray(frame.resize(frames[0].size)) for frame in frames])


def sampled(frames: np.ndarray, num: int) -> np.ndarray:
    """So many of the frames "N H W 3" of a film: what is shown in the middle of each part, where it
    is cut into as many alike ones."""
    return frames[[(2 * i + 1) * len(frames) // (2 * num) for i in range(num)]]


def held_in(source: Path | str | bytes) -> set[Modality]:
    """Return which of VIDEO and AUDIO a film or a recording contains, however long or broken they
    are; cover art is not a film. Empty where it cannot be opened."""
    import av
    from av.error import FFmpegError

    file = BytesIO(source) if isinstance(source, bytes) else str(Path(source).absolute())
    try:
        with av.open(file, "r", metadata_errors="replace", options=KNOWN) as container:
            shown = any(not is_cover(stream) for stream in container.streams.video)
            heard = bool(container.streams.audio)
    except (FFmpegError, OSError, IndexError):
        return set()
    return {m for m, there in ((Modality.VIDEO, shown), (Modality.AUDIO, heard)) if there}


def _picture(file: Path | bytes, name: str) -> list[Image.Image]:
    """The frames of an animated WebP; none where the file is no picture that can be read."""
    opened = BytesIO(file) if isinstance(file, bytes) else file
    try:
        with Image.open(opened, formats=PICTURES) as picture:
            if picture.width * picture.height > FRAME_PIXELS:
                raise ValueError(too_large(name))
            ends = _ends_ms(picture, name) if picture.format == "WEBP" else [0]
            if len(ends) == 1:
                raise ValueError(still(name))
            shown = [bisect_right(ends, m) for m in middles(0, ends[-1])] if ends else []
            found = {position: _small(picture, position) for position in sorted(set(shown))}
            return [found[position] for position in shown]
    except Image.DecompressionBombError as error:
        raise ValueError(too_large(name)) from error
    except BROKEN:
        return []


def _ends_ms(picture: Image.Image, name: str) -> list[int]:
    """The end time of each frame of an animation, as far as they can be decoded."""
    ends: list[int] = []
    with suppress(*BROKEN):
        while True:
            picture.seek(len(ends))
            picture.load()
            if (len(ends) + 1) * picture.width * picture.height * DRAWN_COST > film_limits.MOST_PX:
                raise ValueError(too_long(name))
            ends.append(sum(ends[-1:]) + max(1, round(picture.info.get("duration", 0))))
    return ends


def _small(picture: Image.Image, position: int) -> Image.Image:
    picture.seek(position)
    frame = picture.convert("RGBA")
    frame.thumbnail((LONGEST_SIDE_PX, LONGEST_SIDE_PX), Image.Resampling.LANCZOS)
    return Image.fromarray(upright_rgb(frame))
