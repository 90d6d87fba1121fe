"""The words that an answer says aloud.

A spoken answer says what it has just written; a request for a sound alone says what it quotes ("say
a red heart"). Everything else that is asked for as a sound is none of speech. Owns: `words_to_say`,
`sayable`. Does not own: how it is said (`engine.generation.speech_planner`).
"""

import re
import unicodedata
from collections.abc import Sequence

from engine.api.events import Answer
from engine.api.request import Request
from flow.modality import Modality

QUOTED = re.compile(r"(?:please )?(?:say|speak|read this aloud)(?: this)?[:,]? +(.+)", re.S)
NUMBER = re.compile(r"([$€£]?)(\d[\d,]*(?:\.\d+)?)(st|nd|rd|th)?\b")
MONEY = {"$": " dollars", "€": " euros", "£": " pounds", "": ""}
SIGNS = {
    "%": " percent ",
    "&": " and ",
    "+": " plus ",
    "=": " equals ",
    "@": " at ",
    ":": " ",
    ";": ",",
}
LARGEST = 10**15
MOST_LETTERS = 130
"""The speaker has learned six blocks of 25 positions, each a symbol: a letter is about one."""
SAY = "say "
"""The words that make a request say those behind it."""
SAYABLE = re.compile(r"[a-z]")
SILENT = re.compile(r"[^a-z .,!?']+")
"""The speaker has learned letters and these marks."""


def words_to_say(request: Request, answers: Sequence[Answer]) -> str | None:
    """Return what the next sound of an answer says, None where it is another sound.

    Raises: ValueError where a request quotes more than `MOST_LETTERS`.
    """
    last = answers[-1] if answers else None
    if request.aloud and last is not None and last.modality is Modality.TEXT:
        return sayable(last.text or "")
    if request.to is not Modality.AUDIO or request.start is not None:
        return None
    parts = request.conversation.turns[-1].parts
    if any(part.modality is not Modality.TEXT for part in parts):
        return None
    asked = " ".join(part.text or "" for part in parts)
    quoted = QUOTED.fullmatch(" ".join(asked.lower().split()))
    words = None if quoted is None else sayable(quoted[1])
    if words is not None and len(words) > MOST_LETTERS:
        raise ValueError(
            f"the voice says up to {MOST_LETTERS} letters at once, and these are {len(words)}: "
            "make it shorter"
        )
    return words


def sayable(text: str) -> str | None:
    """Return the words of a text in plain letters, numbers and signs as words, None where it has
    none."""
    parted = unicodedata.normalize("NFKD", text.replace("’", "'")).lower()
    plain = "".join(c for c in parted if not unicodedata.combining(c))
    for sign, word in SIGNS.items():
        plain = plain.replace(sign, word)
    plain = NUMBER.sub(_number, plain)
    words = " ".join(SILENT.sub(" ", plain).split())
    return words if SAYABLE.search(words) else None


def _number(found: re.Match[str]) -> str:
    """Return the words of a number; digit by digit where it is very large."""
    from num2words import num2words

    digits, money = found[2].replace(",", ""), MONEY[found[1]]
    value = float(digits) if "." in digits else int(digits)
    if value >= LARGEST:
        words = " ".join(num2words(int(digit)) for digit in digits if digit.isdigit())
    elif found[3] and isinstance(value, int):
        words = num2words(value, to="ordinal")
    else:
        words = num2words(value)
    return f" {words}{money} "
