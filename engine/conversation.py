"""From a conversation to the messages that the model reads.

What is kept: the latest picture with the turn it stands in, the last exchange, and the question.
The embedded model was trained on conversations of that shape; without a picture it reads the
question alone.
"""

from collections.abc import Callable

import numpy as np
from torch import Tensor

from engine.request import Conversation, Part, Turn
from model.template import Message


def messages_of(
    conversation: Conversation, encode: Callable[[np.ndarray], Tensor]
) -> list[Message]:
    """Messages in order, pictures as codes "L Q"; at most one picture, the latest."""
    return [
        Message(turn.role == "user", tuple(_content(part, encode) for part in turn.parts))
        for turn in kept_turns(conversation)
    ]


def kept_turns(conversation: Conversation) -> tuple[Turn, ...]:
    """The turns that the model gets to read, with all pictures but the latest taken out."""
    turns = conversation.turns
    shown = [i for i, turn in enumerate(turns) if any(p.image is not None for p in turn.parts)]
    if not shown:
        return turns[-1:]
    place = shown[-1]
    first = place if turns[place].role == "user" else max(place - 1, 0)
    kept = [*range(first, place + 1), *range(max(place + 1, len(turns) - 3), len(turns))]
    return tuple(turns[i] if i == place else _without_pictures(turns[i]) for i in kept)


def _without_pictures(turn: Turn) -> Turn:
    return Turn(turn.role, tuple(p for p in turn.parts if p.image is None))


def _content(part: Part, encode: Callable[[np.ndarray], Tensor]) -> str | Tensor:
    if part.image is not None:
        return encode(part.image)
    assert part.text is not None
    return part.text
