"""The question whether a file was made here: its mark, and the settings in its notes.

Owns: `finding`, one sentence or a few for any file. Does not own: the searches (`picture_search`,
`sound_mark`), readers of files (`engine.media`).
"""

from collections.abc import Callable, Mapping
from pathlib import Path

from engine.media.audio import note_in_sound, read_sound
from engine.media.images import note_in, read_picture
from engine.media.marking.found import Found
from engine.media.marking.keyed_signs import DEFAULT_KEY
from engine.media.marking.picture_search import find_in_frames
from engine.media.marking.sound_mark import find_in_sound
from engine.media.video import held_in, read_film
from flow.modality import Modality

MOST_NOTE = 200
NOTHING = (
    "No mark was found in this {kind}. That proves nothing: it may be cut, changed, too small or "
    "too short, made elsewhere, or marked with another key."
)
MARKED = (
    "This {kind} carries the mark of a model here ({statistic:.1f} deviations; chance gives less "
    "than {limit:.1f} in all but one of a million files)"
)

SEARCHES: Mapping[str, Callable[[Path, str], Found]] = {
    "film": lambda file, key: find_in_frames(read_film(file), key),
    "picture": lambda file, key: find_in_frames(read_picture(file)[None], key),
    "sound": lambda file, key: find_in_sound(read_sound(file), key),
}
"""Kind of file -> its search; GIF and WebP are films where they move. Raises: ValueError for a file
of another kind."""


def finding(file: Path, key: str = DEFAULT_KEY) -> str:
    """Return what a file says about where it was made. Raises: ValueError where it cannot be
    read."""
    kind, found = _found(file, key)
    return " ".join(filter(None, (_of_mark(kind, found), _of_note(file, kind))))


def _found(file: Path, key: str) -> tuple[str, Found]:
    if Modality.VIDEO in held_in(file):
        return "film", find_in_frames(read_film(file), key)
    for kind, search in SEARCHES.items():
        try:
            return kind, search(file, key)
        except ValueError:
            continue
    raise ValueError(f"{file.name} is no picture, film or sound that can be read")


def _of_mark(kind: str, found: Found) -> str:
    if not found.marked:
        return NOTHING.format(kind=kind)
    told = MARKED.format(kind=kind, statistic=found.statistic, limit=found.limit)
    if found.payload is None:
        return f"{told}; which run it was cannot be read any more."
    run, checkpoint = found.payload.run, found.payload.checkpoint
    return f"{told}: run {run}, checkpoint {checkpoint}."


def _of_note(file: Path, kind: str) -> str:
    """Return a sentence about the settings in a file's notes, "" where there are none. Anyone can
    write or remove them."""
    try:
        note = note_in_sound(file.read_bytes()) if kind == "sound" else note_in(file)
    except ValueError:
        note = None
    if not note:
        return ""
    short = note if len(note) <= MOST_NOTE else note[: MOST_NOTE - 1] + "…"
    return f"Its notes, which anyone can change, say: {short}"
