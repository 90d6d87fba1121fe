"""The file that an answer is written to; its suffix selects the format.

Owns: `named`, `fits`, `of_part`, `content`. Does not own: the formats (`engine.media.images`,
`engine.media.audio`).
"""

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from engine.api.events import Answer
from engine.media.audio import wav_bytes
from engine.media.images import (
    gif_bytes,
    jpeg_bytes,
    mp4_bytes,
    png_bytes,
    still_webp_bytes,
    webp_bytes,
)
from engine.media.marking.marker import UNMARKED, Marker
from engine.media.video import FRAME_MS, FRAMES_A_SECOND
from flow.modality import Modality

NAMES = {Modality.IMAGE: "picture", Modality.AUDIO: "sound", Modality.VIDEO: "film"}
ENDINGS: Mapping[Modality, tuple[str, ...]] = {
    Modality.IMAGE: (".png", ".jpg", ".jpeg", ".webp"),
    Modality.AUDIO: (".wav",),
    Modality.VIDEO: (".mp4", ".gif", ".webp"),
}


def named(out: Path | None, kinds: Sequence[Modality]) -> None:
    """Nothing, where a file of that name can hold one of these. Raises: ValueError."""
    name = NAMES[kinds[0]]
    if out is None:
        raise ValueError(f"say where the {name} goes: --out {example(kinds[0])}")
    if not any(fits(out, kind) for kind in kinds):
        known = "; ".join(f"a {NAMES[kind]} ends with {_either(ENDINGS[kind])}" for kind in kinds)
        raise ValueError(f"{out.name} is in no format that is written here: {known}")


def _either(words: Sequence[str]) -> str:
    *others, last = words
    return f"{', '.join(others)} or {last}" if others else last


def example(kind: Modality) -> str:
    """A name for a file of that kind."""
    also = ", or film.gif" if kind is Modality.VIDEO else ""
    return f"{NAMES[kind]}{ENDINGS[kind][0]}{also}"


def fits(out: Path, kind: Modality) -> bool:
    """Return whether the format of that file name fits such an answer."""
    return out.suffix.lower() in ENDINGS.get(kind, ())


def of_part(out: Path, part: int) -> Path:
    """The file of one part of an answer that has several, counted from 1: the first one has the
    requested name."""
    return out if part == 1 else out.with_name(f"{out.stem}-part-{part}{out.suffix}")


def content(answer: Answer, out: Path, prompt: str, seed: int, marker: Marker = UNMARKED) -> bytes:
    """Encode the answer in the format of the file name, marked, with a note of its prompt and
    seed."""
    ending = out.suffix.lower()
    settings: dict[str, object] = {"prompt": prompt, "seed": seed}
    note = json.dumps(settings)
    if answer.audio is not None:
        return wav_bytes(marker.sound(answer.audio, settings), note)
    if answer.video is not None:
        frames = marker.film(answer.video, settings)
        if ending == ".mp4":
            return mp4_bytes(frames, FRAMES_A_SECOND, note)
        moving = {".gif": gif_bytes, ".webp": webp_bytes}[ending]
        return moving(frames, [FRAME_MS] * len(frames), note)
    assert answer.image is not None
    picture = marker.picture(answer.image, settings)
    if ending == ".png":
        return png_bytes(picture, {"prompt": prompt, "seed": str(seed)})
    still: Callable[..., bytes] = still_webp_bytes if ending == ".webp" else jpeg_bytes
    return still(picture, note)
