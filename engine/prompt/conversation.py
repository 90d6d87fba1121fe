"""The messages that the model reads, from a conversation.

What is kept: the latest picture or film, or the earlier one that the question names, with the turn
it stands in, the last exchange, and the question with its sound. Of earlier sounds the words are
kept, where they are known.
The embedded model was trained on conversations of that shape; without a picture it reads the
question alone, and so it reads a wish for a new picture that points at nothing earlier. A
checkpoint that was trained on whole conversations reads all of it.
"""

from collections.abc import Callable, Iterable, Sequence

from engine.api.conversation import Conversation, Part, Turn
from engine.api.events import Answer
from engine.api.request import Request
from engine.prompt.media_reference import begins_anew, named_earlier
from flow.modality import Modality
from model.prompt_template import Message, Span


def messages_of(
    conversation: Conversation, encode: Callable[[Part], Span], *, whole: bool = False
) -> list[Message]:
    """Messages in order, media as codes; at most one turn with something to see, the latest or the
    one that is named. whole: every turn with everything in it but earlier sounds, and but the other
    pictures where one is named."""
    turns = conversation.turns
    last, named = len(turns) - 1, named_place(turns)
    every = (_kept(turn, named in (None, i), i == last) for i, turn in enumerate(turns))
    return [
        Message(turn.role == "user", tuple(_content(part, encode) for part in turn.parts))
        for turn in (every if whole else kept_turns(conversation))
    ]


def understood(request: Request, answers: Sequence[Answer]) -> Conversation:
    """The conversation, with the transcript of its last message where there is one."""
    heard = [a.text for a in answers if a.heard and a.text is not None]
    return request.conversation.worded(heard[-1]) if heard else request.conversation


def kept_turns(conversation: Conversation) -> tuple[Turn, ...]:
    """The turns that enter the prompt, with the pictures or films of one turn only."""
    turns = conversation.turns
    seen, last = _looked_at(turns), len(turns) - 1
    return tuple(_kept(turns[i], i == seen, i == last) for i in kept_places(turns))


def kept_places(turns: Sequence[Turn]) -> list[int]:
    """Return the indices of the turns that enter the prompt. An exchange about another picture than
    the one referred to is left out, as if the question directly followed that picture."""
    seen, last = _looked_at(turns), len(turns) - 1
    if seen is None:
        return [last]
    drawn = turns[seen].role != "user"
    first = max(seen - 1, 0) if drawn else seen
    recent = range(max(seen + 1, last - 2), last + 1)
    if any(_shows(turns[i]) for i in recent):
        recent = [last] if drawn or _shows(turns[seen + 1]) else [seen + 1, last]
    return [*range(first, seen + 1), *recent]


def shown_places(turns: Sequence[Turn]) -> list[int]:
    """The turns with something to see."""
    return [i for i, turn in enumerate(turns) if _shows(turn)]


def named_place(turns: Sequence[Turn]) -> int | None:
    """The turn whose picture or film the last message names in place of the latest; None where it
    names none, or brings one of its own, which it is about."""
    places, last = shown_places(turns), turns[-1]
    if _shows(last):
        return None
    number = named_earlier(_words(last), [shown_kind(turns[i]) for i in places])
    return None if number is None else places[number]


def shown_kind(turn: Turn) -> Modality:
    """The modality of the last picture or film in a turn that has one."""
    return [part.modality for part in turn.parts if part.is_seen][-1]


def _looked_at(turns: Sequence[Turn]) -> int | None:
    """The index of the turn with the picture or film that is referred to, if any is."""
    named = named_place(turns)
    if named is not None:
        return named
    if not _shows(turns[-1]) and begins_anew(_words(turns[-1])):
        return None
    return max(shown_places(turns), default=None)


def _words(turn: Turn) -> str:
    return " ".join(part.text for part in turn.parts if part.text)


def _shows(turn: Turn) -> bool:
    return any(part.is_seen for part in turn.parts)


def reading_order(parts: Iterable[Part]) -> tuple[Part, ...]:
    """Sort the parts of one message into the order of training: pictures and films, sound, then the
    words, which include the transcript of speech."""
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
