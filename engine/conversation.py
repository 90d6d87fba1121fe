"""From a conversation to the messages that the model reads.

What is kept: the latest picture or film with the turn it stands in, the last exchange, and the
question with its sound. Of earlier sounds the words are kept, where they are known.
The embedded model was trained on conversations of that shape; without a picture it reads the
question alone.
"""

from collections.abc import Callable

from engine.request import Conversation, Part, Turn
from flow.modality import Modality
from model.template import Message, Span


def messages_of(conversation: Conversation, encode: Callable[[Part], Span]) -> list[Message]:
    """Messages in order, media as codes; at most one turn with something to see, the latest."""
    return [
        Message(turn.role == "user", tuple(_content(part, encode) for part in turn.parts))
        for turn in kept_turns(conversation)
    ]


def kept_turns(conversation: Conversation) -> tuple[Turn, ...]:
    """The turns that the model gets to read; of what is to be seen, that of the latest turn."""
    turns = tuple(
        turn if turn is conversation.turns[-1] else _without_sounds(turn)
        for turn in conversation.turns
    )
    shown = [i for i, turn in enumerate(turns) if any(p.is_seen for p in turn.parts)]
    if not shown:
        return turns[-1:]
    place = shown[-1]
    first = place if turns[place].role == "user" else max(place - 1, 0)
    kept = [*range(first, place + 1), *range(max(place + 1, len(turns) - 3), len(turns))]
    return tuple(turns[i] if i == place else _without_pictures(turns[i]) for i in kept)


def _without_pictures(turn: Turn) -> Turn:
    return Turn(turn.role, tuple(p for p in turn.parts if not p.is_seen))


def _without_sounds(turn: Turn) -> Turn:
    return Turn(turn.role, tuple(p for p in turn.parts if p.modality is not Modality.AUDIO))


def _content(part: Part, encode: Callable[[Part], Span]) -> str | Span:
    if part.modality is not Modality.TEXT:
        return encode(part)
    assert part.text is not None
    return part.text
