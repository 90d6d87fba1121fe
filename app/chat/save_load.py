"""A conversation as a file that the visitor keeps, and back.

JSON: every turn with its words, its media as data URIs (WebP, Ogg Opus; a film is a picture of its
frames below one another; older files hold PNG and WAV), and the note of an answer that was never
taught. What is saved can be opened: the limits are far above what a page holds. What comes back may
be from anywhere: it is checked and never trusted, and a note that the page would not write is left
out.
Owns: the format. Does not own: what a conversation is (`app.chat.history`).
"""

import json
from base64 import b64decode
from binascii import Error as NotBase64
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from app.chat import history as chat_history
from app.chat.history import ChatTurn, History
from app.stream.message import Media
from engine.api.conversation import Part
from engine.api.request import USUAL_PROMPT_CHARACTERS
from engine.media.audio import decoded_sound, opus_bytes, read_sound
from engine.media.images import read_picture, small_webp
from engine.prompt.task_coverage import is_guess

FORMAT, VERSION = "NExT-OMNI Live conversation", 1
MAX_BYTES, MAX_TURNS, MAX_PARTS = 20 * 2**20, 2000, 64
MAX_UNPACKED_BYTES = 400 * 2**20
"""Bytes of all media of a conversation, once they are decoded."""
LONGEST_ANSWER = 20_000
"""Characters of an answer; those of a message are limited by the checkpoint."""
KEPT_PX = 1024
"""The longest side of a picture that is kept: far more than a model looks at."""
ENCODINGS = {b"\xef\xbb\xbf": "utf-8-sig", b"\xff\xfe": "utf-16", b"\xfe\xff": "utf-16"}
"""Encodings by the mark at the front of a file, as editors write it."""
TOO_LARGE = f"a conversation has at most {MAX_BYTES // 2**20} MB"
NOT_OURS = "this is not a conversation of ours: {}; choose a file that was saved with Save"


def to_text(history: History) -> str:
    """The file's content."""
    turns = [plain_turn(said) for said in saved_turns(history)]
    return json.dumps({"format": FORMAT, "version": VERSION, "turns": turns})


def saved_turns(history: History) -> History:
    """Return the turns that are saved: every exchange with an answer, and the last message."""
    if history and not history[-1].parts:
        history = history[:-1]
    return chat_history.complete_turns(history)


def read_conversation(path: str | Path, longest: int) -> History:
    """The conversation in a file. Raises: ValueError as `from_text`."""
    if Path(path).stat().st_size > MAX_BYTES:
        raise ValueError(TOO_LARGE)
    content = Path(path).read_bytes()
    marked = (name for mark, name in ENCODINGS.items() if content.startswith(mark))
    return from_text(content.decode(next(marked, "utf-8"), errors="replace"), longest)


def from_text(text: str, longest: int = USUAL_PROMPT_CHARACTERS) -> History:
    """The conversation in a file's content. longest: characters of a text in it.

    Raises: ValueError with one sentence where it is none, too large or broken.
    """
    if len(text) > MAX_BYTES:
        raise ValueError(TOO_LARGE)
    try:
        found = json.loads(text)
    except (ValueError, RecursionError) as error:  # also of numbers with thousands of digits
        raise ValueError(NOT_OURS.format("it is no JSON")) from error
    if not isinstance(found, dict) or found.get("format") != FORMAT:
        raise ValueError(NOT_OURS.format("it does not say that it is one"))
    if found.get("version") != VERSION:
        raise ValueError(f"this page reads conversations of version {VERSION} only")
    turns = found.get("turns")
    if not isinstance(turns, list) or len(turns) > MAX_TURNS:
        raise ValueError(NOT_OURS.format(f"it has no list of up to {MAX_TURNS} turns"))
    history: History = ()
    unpacked = 0
    for turn in turns:
        role, parts = _turn(turn, longest)
        unpacked += sum(map(_nbytes, parts))
        if unpacked > MAX_UNPACKED_BYTES:
            raise ValueError(NOT_OURS.format("its pictures and sounds are too large"))
        if role != ("user", "assistant")[len(history) % 2]:
            raise ValueError(NOT_OURS.format("its turns do not alternate"))
        note = turn.get("note") if role == "assistant" and is_guess(turn.get("note")) else None
        history = chat_history.with_turn(
            history, role, parts, think=turn.get("think") is True, note=note
        )
    return history


def _nbytes(part: Part) -> int:
    media = (part.image, part.audio, part.video)
    return sum(array.nbytes for array in media if array is not None)


def plain_turn(said: ChatTurn) -> dict[str, object]:
    """Return a turn as it is saved: values that JSON knows."""
    plain = {"role": said.role, "parts": [_plain(p) for p in said.parts], "think": said.think}
    return plain if said.note is None else {**plain, "note": said.note}


def _turn(turn: object, longest: int) -> tuple[str, tuple[Part, ...]]:
    parts = turn.get("parts") if isinstance(turn, Mapping) else None
    if not isinstance(parts, list) or not 1 <= len(parts) <= MAX_PARTS:
        raise ValueError(NOT_OURS.format(f"a turn has no list of 1 to {MAX_PARTS} parts"))
    assert isinstance(turn, Mapping)
    role = str(turn.get("role"))
    return role, tuple(_part(part, longest, answer=role == "assistant") for part in parts)


def _plain(part: Part) -> dict[str, object]:
    plain: dict[str, object] = {} if part.text is None else {"text": part.text}
    if part.image is not None:
        plain["picture"] = _webp(part.image, KEPT_PX)
    if part.audio is not None:
        plain["sound"] = Media("audio/ogg", opus_bytes(part.audio)).data_uri()
    if part.video is not None:
        strip = np.concatenate(list(part.video))
        plain |= {"film": _webp(strip, max(strip.shape)), "frames": len(part.video)}
    return plain


def _webp(picture: np.ndarray, side_px: int) -> str:
    return Media("image/webp", small_webp(picture, side_px)).data_uri()


def _part(plain: object, longest: int, *, answer: bool) -> Part:
    """Raises: ValueError where it is none."""
    if not isinstance(plain, Mapping):
        raise ValueError(NOT_OURS.format("a part of a turn is none"))
    text = plain.get("text")
    longest = max(longest, LONGEST_ANSWER) if answer else longest
    if text is not None and (not isinstance(text, str) or len(text) > longest):
        raise ValueError(NOT_OURS.format("a text in it is none, or too long"))
    if "sound" in plain:
        content = _content(plain["sound"])
        return Part(text=text, audio=decoded_sound(content) if answer else read_sound(content))
    if "picture" in plain:
        return Part(image=read_picture(_content(plain["picture"])))
    if "film" in plain:
        return Part(video=_frames(plain))
    if text is None:
        raise ValueError(NOT_OURS.format("a part of a turn is empty"))
    return Part(text=text)


def _frames(plain: Mapping[Any, object]) -> np.ndarray:
    strip, count = read_picture(_content(plain["film"])), plain.get("frames")
    if type(count) is not int or not 1 <= count <= len(strip) or len(strip) % count:
        raise ValueError(NOT_OURS.format("a film in it has no whole frames"))
    return strip.reshape(count, -1, *strip.shape[1:])


def _content(uri: object) -> bytes:
    try:
        return b64decode(str(uri).partition(",")[2], validate=True)
    except NotBase64 as error:
        raise ValueError(NOT_OURS.format("a picture or a sound in it is broken")) from error
