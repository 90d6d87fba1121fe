"""A conversation as the page keeps it: what was said, what is shown of it, and what the engine is
told.

Values only. The engine's Conversation is built from the history each time, so a follow-up question
carries everything that was answered before it.
"""

from dataclasses import dataclass, replace

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


def asked(history: History, text: str, picture: np.ndarray | None) -> History:
    """The history with the visitor's new message at its end."""
    parts = () if picture is None else (Part(image=picture),)
    parts += (Part(text=text),)
    said = Said(f"turn-{_next(history)}", "user", parts, tuple(_shown(p) for p in parts))
    return (*history, said)


def opened(history: History, run: str) -> History:
    """The history with an answer that begins to form."""
    return (*history, Said(f"turn-{_next(history)}-{run[:8]}", "assistant", run=run))


def answered(history: History, run: str, outcome: Outcome | None) -> History:
    """The history with that run's answer filled in, wherever it stands."""
    return tuple(_filled(said, outcome) if said.run == run else said for said in history)


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
    parts = tuple(
        Part(text=a.text) if a.image is None else Part(image=a.image)
        for a in outcome.answers
        if a.image is not None or a.text
    )
    return replace(
        said,
        parts=parts,
        shown=tuple(_shown(part) for part in parts),
        suggest=any(a.suggest for a in outcome.answers),
        refusal=outcome.refusal,
    )


def _shown(part: Part) -> dict[str, object]:
    if part.image is None:
        return {"text": part.text}
    return {"image": render.jpeg(part.image).data_uri()}


def _next(history: History) -> int:
    return 1 + len(history)
