"""References to the pictures and films of a conversation: "the first one", "the second picture",
"the one before".

Owns: `named_earlier`, `begins_anew`. Does not own: which turns enter the prompt
(`engine.prompt.conversation`).
"""

import re
from collections.abc import Sequence

from flow.modality import Modality

ORDINALS = ("first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth")
SHORT = ("1st", "2nd", "3rd", "4th", "5th", "6th", "7th", "8th", "9th")
BEFORE = ("previous", "earlier")
PICTURES = ("picture", "image", "photo", "drawing")
FILMS = ("film", "video", "clip")
THE = r"\b(?:the|my|your|that|this)\s+"
WHICH = "|".join((*ORDINALS, *SHORT, *BEFORE))
THING = "|".join(("one", *PICTURES, *FILMS))
REFERRED = re.compile(
    rf"{THE}(?:very\s+)?(?P<which>{WHICH})(?:\s+(?P<thing>{THING})\b|\s*(?=[?!.,;]|$))"
    rf"|{THE}(?P<other>{THING})\s+before\b"
)
"""An ordinal word, and behind it a word for the medium or nothing."""

REQUEST = re.compile(
    r"(?:(?:please|can you|could you|would you|will you|i want you to)\s+)*"
    r"(?:(?:draw|paint|sketch|film|animate)\b"
    r"|(?:show me|give me|make|create|generate|i want(?: to see)?|let me see)\s+"
    rf"(?:me\s+)?an?\s+(?:new\s+)?(?:{'|'.join((*PICTURES, *FILMS, 'movie'))})\b)"
)
"""A wish for a picture or a film, at the beginning of a message."""
REFERS = re.compile(
    r"\b(?:it|its|itself|they|them|their|this|these|those|now|again|same|another|more|also|too"
    r"|instead|there|still|else|(?:draw|paint|sketch|film|animate|of|like|in|on|with) that)\b"
)
"""Words that point at what was seen or said before; not the "that" of "a cat that jumps"."""


def begins_anew(words: str) -> bool:
    """Return whether a message wishes for a picture or a film and points at nothing earlier."""
    said = words.lower().strip()
    return REQUEST.match(said) is not None and REFERS.search(said) is None


def named_earlier(words: str, shown: Sequence[Modality]) -> int | None:
    """Return the index of the earlier picture or film that the words refer to in place of the last
    one; None where they refer to none that exists, or to the last one itself. A word for a picture
    counts pictures, a word for a film counts films, "one" counts both."""
    found = REFERRED.search(words.lower())
    if found is None:
        return None
    thing = found["thing"] or found["other"]
    meant = [i for i, kind in enumerate(shown) if _fits(kind, thing)]
    which = found["which"]
    if which is None or which in BEFORE:
        meant = [i for i in meant if i < len(shown) - 1]
        return meant[-1] if meant else None
    number = (ORDINALS if which in ORDINALS else SHORT).index(which)
    if number >= len(meant) or meant[number] == len(shown) - 1:
        return None
    return meant[number]


def _fits(kind: Modality, thing: str | None) -> bool:
    if thing in PICTURES:
        return kind is Modality.IMAGE
    return thing not in FILMS or kind is Modality.VIDEO
