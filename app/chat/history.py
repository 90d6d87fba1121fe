"""A conversation as the page keeps it: what was said, what is shown of it, and what the engine is
told.

Values only. The engine's Conversation is built from the history each time, so a follow-up question
carries everything that was answered before it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from hashlib import blake2b
from typing import Any

from app.chat.settings import read_think
from app.forms.example_prompts import QUESTIONS, SUGGESTIONS, WORDS_ALONE
from app.stream import encode
from app.stream.run_driver import Outcome
from engine.api.conversation import Conversation, Part, Turn
from engine.api.insertion import MediaInsertion
from engine.api.request import Modality
from engine.prompt.conversation import (
    kept_places,
    named_place,
    reading_order,
    shown_kind,
    shown_places,
)
from engine.prompt.task_coverage import guesses

WELCOME = {
    "title": "Say hello, drop in a picture, or ask for one",
    "text": "The answer starts as noise and settles in front of you: words as well as pictures.",
    "chips": QUESTIONS,
}
WELCOME_TO_WORDS = {
    "title": "Say hello, or ask something",
    "text": "The answer starts hidden and is written in front of you, the surest words first.",
    "chips": WORDS_ALONE,
}
OUT_OF_SIGHT = "The model no longer sees what is above."
BETWEEN = "The model no longer sees what is between the picture and here."
LOOKS_AT = "For this message the model looks at {kind} {number} of {num}, not at the latest."
KINDS = {Modality.IMAGE: "picture", Modality.VIDEO: "film"}
NOTHING_KNOWN: Mapping[str, Any] = {}


@dataclass(frozen=True)
class ChatTurn:
    """A turn and how it is shown. run: what forms or formed it. Without parts it is open. think:
    it asks to be thought about first. note: what is to be known of an answer."""

    id: str
    role: str
    parts: tuple[Part, ...] = ()
    shown: tuple[dict[str, object], ...] = ()
    run: str | None = None
    suggest: bool = False
    refusal: str | None = None
    think: bool = False
    note: str | None = None

    @property
    def words(self) -> str:
        """The text of all its parts."""
        return " ".join(part.text for part in self.parts if part.text)

    def to_json(self) -> dict[str, object]:
        """Return the values that the browser draws."""
        return {
            "id": self.id,
            "role": self.role,
            "parts": self.shown,
            "words": self.words,
            "think": self.think,
            "run": self.run,
            "suggest": SUGGESTIONS if self.suggest else (),
            "refusal": self.refusal,
        }


History = tuple[ChatTurn, ...]


def with_message(history: History, text: str, *media: Part) -> History:
    """The history with the visitor's new message at its end; a sound may stand without words."""
    text, think = read_think(text)
    heard = any(part.audio is not None for part in media)
    parts = (*media, Part(text=text)) if text or not heard else media
    return with_turn(history, "user", parts, think=think)


def with_turn(
    history: History,
    role: str,
    parts: tuple[Part, ...],
    *,
    think: bool = False,
    note: str | None = None,
) -> History:
    """The history with a turn that was said, by either side, at its end; what it shows is part of
    its id, so that the page tells the turns of two conversations apart."""
    shown = tuple(piece for part in parts for piece in _shown(part))
    seen = blake2b(repr((shown, think)).encode(), digest_size=6).hexdigest()
    said = ChatTurn(f"turn-{_next(history)}-{seen}", role, parts, shown, think=think, note=note)
    return (*history, said)


def with_edit(history: History, turn: str, text: str) -> History:
    """The history up to that message of the visitor's, which now has these words; its media stay,
    and what was heard in a sound is corrected.

    Raises: ValueError where it is not there any more.
    """
    place = _place(history, turn)
    media = [part for part in history[place].parts if part.text is None]
    spoken = [part for part in history[place].parts if part.audio is not None and part.text]
    words, think = read_think(text)
    if not spoken:
        return with_message(history[:place], text, *media)
    corrected = reading_order((replace(spoken[0], text=words or None), *media))
    return with_turn(history[:place], "user", corrected, think=think)


def without(history: History, turn: str) -> History:
    """The history without that message of the visitor's and its answer.

    Raises: ValueError where it is not there any more.
    """
    place = _place(history, turn)
    rest = history[place + 1 :]
    while rest and rest[0].role == "assistant":
        rest = rest[1:]
    return (*history[:place], *rest)


def with_open_answer(history: History, run: str) -> History:
    """The history with an answer that begins to form."""
    return (*history, ChatTurn(f"turn-{_next(history)}-{run[:8]}", "assistant", run=run))


def with_answer(
    history: History, run: str, outcome: Outcome | None, facts: Mapping[str, Any] = NOTHING_KNOWN
) -> History:
    """The history with that run's answer filled in, wherever it stands, and the words of speech in
    the message that it answers. facts: of the checkpoint; an answer that it was never taught has
    a note."""
    heard = [a.text for a in outcome.answers if a.heard and a.text] if outcome else []
    found: list[ChatTurn] = []
    for said, reply in zip(history, (*history[1:], None), strict=True):
        if reply is not None and reply.run == run and heard:
            said = replace(said, parts=tuple(_worded(p, " ".join(heard)) for p in said.parts))
        found.append(_filled(said, outcome, facts) if said.run == run else said)
    return tuple(found)


def with_refusal(history: History, run: str, sentence: str | None) -> History:
    """The history where that run, if it left its answer open, says why."""
    return tuple(
        replace(said, refusal=sentence) if said.run == run and not said.parts else said
        for said in history
    )


def without_last_answer(history: History) -> History:
    """Return the history up to and including the visitor's last message."""
    while history and history[-1].role == "assistant":
        history = history[:-1]
    return history


def without_last_exchange(history: History) -> History:
    """Return the history before the visitor's last message."""
    return without_last_answer(history)[:-1]


def complete_turns(history: History) -> History:
    """Return the turns that the engine receives: every exchange with an answer, and the last
    message."""
    found: list[ChatTurn] = []
    for said, reply in zip(history, (*history, None)[1:], strict=True):
        answered = reply is None or (reply.role == "assistant" and bool(reply.parts))
        if said.parts and (said.role == "assistant" or answered):
            found.append(said)
    return tuple(found)


def conversation(history: History) -> Conversation:
    """The same as the engine takes it."""
    return Conversation(tuple(Turn(said.role, said.parts) for said in complete_turns(history)))


def as_value(history: History, messages: object = (), *, whole: bool = False) -> dict[str, object]:
    """The conversation component's value. whole: whether the model reads every turn."""
    notes = sight_notes(history, whole=whole)
    return {
        "turns": [
            {**said.to_json(), "note": _both(notes.get(said.id), said.note)} for said in history
        ],
        "welcome": WELCOME,
        "messages": messages,
    }


def sight_notes(history: History, *, whole: bool = False) -> dict[str, str]:
    """Return the notes above turns: where the last answer did not see what is above, and above a
    message that names an earlier picture; by the turn's id. whole: see `as_value`."""
    heard = complete_turns(without_last_answer(history))
    if not heard:
        return {}
    turns = [Turn(said.role, said.parts) for said in heard]
    places = list(range(len(turns))) if whole else kept_places(turns)
    gaps = (seen for last, seen in zip([-1, *places], places, strict=False) if seen > last + 1)
    notes = {heard[i].id: OUT_OF_SIGHT if i == places[0] else BETWEEN for i in gaps}
    return notes | ({heard[-1].id: which} if (which := _looks_at(turns)) else {})


def _looks_at(turns: Sequence[Turn]) -> str:
    """Return a sentence about the earlier picture or film that is used; "" where it is the
    latest."""
    named = named_place(turns)
    if named is None:
        return ""
    kind = shown_kind(turns[named])
    same = [i for i in shown_places(turns) if shown_kind(turns[i]) is kind]
    return LOOKS_AT.format(kind=KINDS[kind], number=same.index(named) + 1, num=len(same))


def _both(*notes: str | None) -> str | None:
    return " ".join(note for note in notes if note) or None


def _filled(said: ChatTurn, outcome: Outcome | None, facts: Mapping[str, Any]) -> ChatTurn:
    if outcome is None:
        return said
    kept = [a for a in outcome.answers if a.audio is None and a.text != "" and not a.heard]
    parts = tuple(Part(text=a.text, image=a.image, video=a.video) for a in kept)
    parts = _placed(parts, outcome.request.pin)
    sounds = [a.audio for a in outcome.answers if a.audio is not None]
    pieces = (*parts, *(Part(audio=samples) for samples in sounds))
    return replace(
        said,
        parts=parts or pieces,
        shown=(*_thoughts(outcome), *(piece for part in pieces for piece in _shown(part))),
        suggest=any(a.suggest for a in outcome.answers),
        refusal=outcome.refusal,
        note=guesses(outcome.request, facts) if pieces else None,
    )


def _thoughts(outcome: Outcome) -> tuple[dict[str, object], ...]:
    return tuple({"thought": a.thought} for a in outcome.answers if a.thought)


def _placed(parts: tuple[Part, ...], pin: MediaInsertion | None) -> tuple[Part, ...]:
    """Return the parts in reading order: inserted media stand among the words."""
    if pin is None or not pin.words or len(parts) < 2:
        return parts
    words, *opened = parts
    before, after = (Part(text=text) for text in pin.split(words.text or ""))
    return (before, *opened, after) if after.text else parts


def _shown(part: Part) -> tuple[dict[str, object], ...]:
    """Return what the page draws of a part: of speech the sound, and its words where they are
    known."""
    if part.image is not None:
        return ({"image": encode.jpeg(part.image).data_uri()},)
    if part.video is not None:
        return ({"film": encode.webp(part.video).data_uri()},)
    if part.audio is not None:
        sound: dict[str, object] = {"sound": encode.wav(part.audio, {}).data_uri()}
        return (sound,) if part.text is None else (sound, {"text": part.text})
    return ({"text": part.text},)


def _worded(part: Part, words: str) -> Part:
    return part if part.audio is None else replace(part, text=words)


def _place(history: History, turn: str) -> int:
    for i, said in enumerate(history):
        if said.id == turn and said.role == "user":
            return i
    raise ValueError("that message is not in this conversation any more: nothing was changed")


def _next(history: History) -> int:
    """Larger than the number of every turn that is there."""
    return 1 + max((int(said.id.split("-")[1]) for said in history), default=0)
