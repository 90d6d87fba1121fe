"""The conversation that the visitor's browser keeps: a reload, or a new start of the page, loses no
word of it.

The browser says which turns it has, and gets the others (`static/chat/conversation_keeper.js`).
Owns: what is sent, and what becomes of it when the page opens. Does not own: the format of a turn
(`app.chat.save_load`).
"""

import json
from collections.abc import Collection
from dataclasses import replace
from hashlib import blake2b

from app.chat import history as chat_history
from app.chat.history import ChatTurn, History
from app.chat.save_load import FORMAT, VERSION, from_text, plain_turn, saved_turns

BROKEN_OFF = "The page was left before this was answered: press “Answer again”."


def news(history: History, known: Collection[str]) -> str:
    """Return the keys of all turns as JSON, and the turns whose keys are not known."""
    turns = {key_of(said): said for said in saved_turns(history)}
    return json.dumps(
        {
            "head": {"format": FORMAT, "version": VERSION},
            "keys": list(turns),
            "turns": {key: plain_turn(said) for key, said in turns.items() if key not in known},
        }
    )


def key_of(said: ChatTurn) -> str:
    """Return a key of what a turn holds: the words that were heard in a sound come later."""
    held = repr((len(said.parts), said.words, said.think, said.note))
    return f"{said.id}-{blake2b(held.encode(), digest_size=6).hexdigest()}"


def told_again(text: str, longest: int) -> History:
    """Return the conversation that a browser kept; a last message without an answer says so.

    Raises: ValueError as `app.chat.save_load.from_text`.
    """
    history = from_text(text, longest)
    if not history or history[-1].role == "assistant":
        return history
    *_, unanswered = chat_history.with_open_answer(history, "")
    return (*history, replace(unanswered, run=None, refusal=BROKEN_OFF))
