"""From a conversation to the messages that the model reads.

What is kept: the latest picture or film with the turn it stands in, the last exchange, and the
question with its sound. Of earlier sounds the words are kept, where they are known.
The embedded model was trained on conversations of that shape; without a picture it reads the
question alone. A checkpoint that was trained on whole conversations reads all of it.
"""

from collections.abc import Callable, Iterable, Sequence

from engine.request import Conversation, Part, Turn
from flow.modality import Modality
from model.template import Message, Span


def messages_of(
    conversation: Conversation, encode: Callable[[Part], Span], *, whole: bool = False
) -> list[Message]:
    """Messages in order, media as codes; at most one turn with something to see, the latest.
    whole: every turn with everything in it but earlier sounds."""
    last = len(conversation.turns) - 1
    every = (_kept(turn, True, i == last) for i, turn in enumerate(conversation.turns))
    return [
        Message(turn.role == "user", tuple(_content(part, encode) for part in turn.parts))
        for turn in (every if whole else kept_turns(conversation))
    ]


def kept_turns(conversation: Conversation) -> tuple[Turn, ...]:
    """The turns that the model gets to read; of what is to be seen, that of the latest turn."""
    turns = conversation.turns
    seen, last = _seen_last(turns), len(turns) - 1
    return tuple(_kept(turns[i], i == seen, i == last) for i in kept_places(turns))


def kept_places(turns: Sequence[Turn]) -> list[int]:
    """Which of the turns the model gets to read."""
    seen = _seen_last(turns)
    if seen is None:
        return [len(turns) - 1]
    first = seen if turns[seen].role == "user" else max(seen - 1, 0)
    return [*range(first, seen + 1), *range(max(seen + 1, len(turns) - 3), len(turns))]


def _seen_last(turns: Sequence[Turn]) -> int | None:
    """The latest turn with something to see."""
    return max((i for i, t in enumerate(turns) if any(p.is_seen for p in t.parts)), default=None)


def reading_order(parts: Iterable[Part]) -> tuple[Part, ...]:
    """What a visitor gives in one message as every lesson has it: what is seen, what is heard, then
    the words, which speech has, too, once it is written down."""
    return tuple(sorted(parts, key=lambda p: (not p.is_seen, p.modality is Modality.TEXT)))


def _kept(turn: Turn, pictures: bool, sounds: bool) -> Turn:
    """The turn with its words, and with its pictures and its sounds where they are kept; a
    visitor's in reading order."""
    parts = reading_order(turn.parts) if turn.role == "user" else turn.parts
    left = (p for p in parts if pictures or not p.is_seen)
    return Turn(turn.role, tuple(p for p in left if sounds or p.modality is not Modality.AUDIO))


def _content(part: Part, encode: Callable[[Part], Span]) -> str | Span:
    if part.modality is not Modality.TEXT:
        return encode(part)
    assert part.text is not None
    return part.text
