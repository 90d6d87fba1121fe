"""Example requests and answers of a suite as an HTML section with embedded media.

Owns: the markup of an example, media as data URIs, reuse of the sections of an earlier page. Does
not own: the choice of examples (`evaluation.recording_engine`), the page
(`evaluation.report.html_page`).
"""

import re
from base64 import b64encode
from collections.abc import Sequence
from html import escape
from io import BytesIO

import numpy as np
import soundfile

from engine.api.conversation import Part
from engine.api.events import Answer
from engine.api.request import Request
from engine.media.images import fitted, gif_bytes, png_bytes
from evaluation.recording_engine import Example, Group
from model.tokenizers.whisper_encoder import SAMPLE_RATE

FILM_PX, FRAME_MS, LONGEST_S = 96, 160, 8
COMPRESSION = 0.7
"""The MP3 compression of libsndfile: about 40 kbit/s."""


def section(groups: Sequence[Group], key: str) -> str:
    """Render the examples of one suite as HTML between marks with a key; one line without
    examples."""
    shown = "\n".join(_group(g) for g in groups if g.examples)
    shown = shown or "<p class=quiet>This suite asks nothing that could be shown.</p>"
    return f"<!-- examples {key} -->\n{shown}\n<!-- end {key} -->"


def find_section(page: str, key: str) -> str | None:
    """Return the section with that key of an earlier page, or None. Texts are escaped, so that none
    looks like a mark."""
    found = re.search(rf"<!-- examples {re.escape(key)} -->.*?<!-- end {re.escape(key)} -->", page,
                      re.DOTALL)  # fmt: skip
    return found.group() if found else None


def _group(group: Group) -> str:
    if group.num_right is None:
        count = f"{group.num} asked; nobody judged each of them: the first ones by seed"
    else:
        count = f"{group.num_right} of {group.num} right; the first right and wrong ones by seed"
    cards = "\n".join(_card(e) for e in group.examples)
    head = f"<h4>{escape(group.what)} <small>{count}</small></h4>"
    return f"{head}\n<div class=cards>\n{cards}\n</div>"


def _card(example: Example) -> str:
    word = {True: "right", False: "wrong", None: "not judged"}[example.right]
    request = example.request
    return (
        f'<article class="{word}"><div class=asked>{_asked(request)}</div>'
        f"<div class=answer>{''.join(_answered(a) for a in example.answers)}</div>"
        f"<footer>{word}, seed {request.sampling.seed}</footer></article>"
    )


def _asked(request: Request) -> str:
    return "".join(
        f"<div class={turn.role}>{''.join(_part(p) for p in turn.parts)}</div>"
        for turn in request.conversation.turns
    )


def _part(part: Part) -> str:
    return _words(part.text) + _media(part.image, part.video, part.audio)


def _answered(answer: Answer) -> str:
    thought = _words(answer.thought, "thinks: ")
    words = _words(answer.text, "hears: " if answer.heard else "")
    offers = "<p class=quiet>offers examples</p>" if answer.suggest else ""
    return thought + words + offers + _media(answer.image, answer.video, answer.audio)


def _words(text: str | None, before: str = "") -> str:
    if text is None:
        return ""
    said = escape(text.strip()) or "<span class=quiet>(no words)</span>"
    return f"<p>{before}{said}</p>"


def _media(image: np.ndarray | None, video: np.ndarray | None, audio: np.ndarray | None) -> str:
    shown = ""
    if image is not None:
        shown += f'<img alt="a picture" src="{_uri("image/png", png_bytes(image))}">'
    if video is not None:
        small = np.stack([fitted(frame, FILM_PX) for frame in video])
        film = gif_bytes(small, [FRAME_MS] * len(small), "")
        shown += f'<img alt="a film" src="{_uri("image/gif", film)}">'
    if audio is not None and len(audio):
        sound = _uri("audio/mpeg", mp3_bytes(audio[: LONGEST_S * SAMPLE_RATE]))
        shown += f'<audio controls preload=none src="{sound}"></audio>'
    elif audio is not None:
        shown += "<p class=quiet>(silence)</p>"
    return shown


def _uri(kind: str, content: bytes) -> str:
    return f"data:{kind};base64,{b64encode(content).decode()}"


def mp3_bytes(samples: np.ndarray) -> bytes:
    """Encode float32 samples "N" at 16 kHz in [-1, 1] as a small MP3, which every browser plays."""
    file = BytesIO()
    with soundfile.SoundFile(
        file,
        "w",
        samplerate=SAMPLE_RATE,
        channels=1,
        format="MP3",
        subtype="MPEG_LAYER_III",
        compression_level=COMPRESSION,
    ) as out:
        out.write(samples.clip(-1, 1))
    return file.getvalue()
