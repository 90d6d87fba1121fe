"""The words of a text, spelled one way, so that two who write down the same can be compared. Owns:
the spelling. Does not own: how far two texts are apart (`world.text.sentences.edit_distance`)."""

import re

_NUMBERS = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen "
    "sixteen seventeen eighteen nineteen twenty"
).split()
_SPELLINGS = {
    "color": "colour", "colors": "colours", "gray": "grey", "donut": "doughnut",
    "donuts": "doughnuts", "favorite": "favourite", "ok": "okay", "cannot": "can not",
    "goodnight": "good night", "wanna": "want to",
} | {word: str(number) for number, word in enumerate(_NUMBERS)}  # fmt: skip
_SHORTENED = {
    r"\bcan't\b": "can not", r"n't\b": " not", r"'re\b": " are", r"'m\b": " am", r"'s\b": " is",
    r"'ll\b": " will", r"'ve\b": " have",
}  # fmt: skip


def normalised_words(text: str) -> list[str]:
    """Return the words in lower case, without punctuation, in one spelling and unabbreviated.
    Numbers become single digits: "seven two", "7-2" and "72" are the same."""
    text = text.lower().replace("’", "'")
    for short, long in _SHORTENED.items():
        text = re.sub(short, long, text)
    text = re.sub(r"[^a-z0-9]+", " ", text.replace("'", ""))
    spelled = " ".join(_SPELLINGS.get(word, word) for word in text.split())
    return re.sub(r"(\d)(?=\d)", r"\1 ", spelled).split()
