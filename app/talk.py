"""A conversation as the page keeps it: what was said, what is shown of it, and what the engine is
told.

Values only. The engine's Conversation is built from the history each time, so a follow-up question
carries everything that was answered before it.
"""

from dataclasses import dataclass, replace
from hashlib import blake2b

import numpy as np

from app import render
from app.examples import QUESTIONS, SUGGESTIONS
from app.pump import Outcome
from engine.request import Conversation, Part, Turn

WELCOME = {
    "title": "Say hello, drop in a picture, or ask for one",
    "text": "The answer starts as noise and settles in front of you: words as well as pictures.",
    "chips": QUESTIONS,
}


@dataclass(frozen=True)
class Said:
    """One turn and how it is shown. run: what forms or formed it. Without parts it is open."""

    id: str
    role: str
    parts: tuple[Part, ...] = ()
    shown: tuple[dict[str, object], ...] = ()
    run: str | None = None
    suggest: bool = False
    refusal: str | None = None

    def to_json(self) -> dict[str, object]:
        """What the browser draws."""
        return {
            "id": self.id,
            "role": self.role,
            "parts": self.shown,
            "run": self.run,
            "suggest": SUGGESTIONS if self.suggest else (),
            "refusal": self.refusal,
        }


History = tuple[Said, ...]


def asked(history: History, text: str, *media: Part) -> History:
    """The history with the visitor's new message at its end; a sound may stand without words."""
    heard = any(part.audio is not None for part in media)
    parts = (*media, Part(text=text)) if text or not heard else media
    said = Said(f"turn-{_next(history)}", "user", parts, tuple(_shown(p) for p in parts))
    return (*history, said)


def kept(history: History, role: str, parts: tuple[Part, ...]) -> History:
    """The history with a turn that was said before, by either side, at its end; what it shows is
    part of its id, so that the page tells the turns of two conversations apart."""
    shown = tuple(_shown(part) for part in parts)
    seen = blake2b(repr(shown).encode(), digest_size=6).hexdigest()
    return (*history, Said(f"turn-{_next(history)}-{seen}", role, parts, shown))


def opened(history: History, run: str) -> History:
    """The history with an answer that begins to form."""
    return (*history, Said(f"turn-{_next(history)}-{run[:8]}", "assistant", run=run))


def answered(history: History, run: str, outcome: Outcome | None) -> History:
    """The history with that run's answer filled in, wherever it stands, and the words of speech in
    the message that it answers."""
    heard = [a.text for a in outcome.answers if a.heard and a.text] if outcome else []
    found: list[Said] = []
    for said, reply in zip(history, (*history[1:], None), strict=True):
        if reply is not None and reply.run == run and heard:
            said = replace(said, parts=tuple(_worded(p, " ".join(heard)) for p in said.parts))
        found.append(_filled(said, outcome) if said.run == run else said)
    return tuple(found)


def refused(history: History, run: str, sentence: str | None) -> History:
    """The history where that run, if it left its answer open, says why."""
    return tuple(
        replace(said, refusal=sentence) if said.run == run and not said.parts else said
        for said in history
    )


def without_last_answer(history: History) -> History:
    """Up to and including the visitor's last message."""
    while history and history[-1].role == "assistant":
        history = history[:-1]
    return history


def conversation(history: History) -> Conversation:
    """What the engine is told: every exchange that has an answer, and the last message."""
    turns: list[Turn] = []
    for said, reply in zip(history, (*history[1:], None), strict=True):
        unanswered = said.role == "user" and reply is not None and not reply.parts
        if said.parts and not unanswered:
            turns.append(Turn(said.role, said.parts))
    return Conversation(tuple(turns))


def as_value(history: History, messages: object = ()) -> dict[str, object]:
    """The conversation component's value."""
    return {
        "turns": [said.to_json() for said in history],
        "welcome": WELCOME,
        "messages": messages,
    }


def _filled(said: Said, outcome: Outcome | None) -> Said:
    if outcome is None:
        return said
    kept = [a for a in outcome.answers if a.audio is None and a.text != "" and not a.heard]
    parts = tuple(Part(text=a.text, image=a.image, video=a.video) for a in kept)
    sounds = [a.audio for a in outcome.answers if a.audio is not None]
    return replace(
        said,
        parts=parts or tuple(Part(audio=samples) for samples in sounds),
        shown=(*(_shown(part) for part in parts), *(_sound(samples) for samples in sounds)),
        suggest=any(a.suggest for a in outcome.answers),
        refusal=outcome.refusal,
    )


def _shown(part: Part) -> dict[str, object]:
    if part.image is not None:
        return {"image": render.jpeg(part.image).data_uri()}
    if part.video is not None:
        return {"film": render.webp(part.video).data_uri()}
    return {"text": part.text} if part.audio is None else _sound(part.audio)


def _sound(samples: np.ndarray) -> dict[str, object]:
    return {"sound": render.wav(samples, {}).data_uri()}


def _worded(part: Part, words: str) -> Part:
    return part if part.audio is None else replace(part, text=words)


def _next(history: History) -> int:
    return 1 + len(history)
