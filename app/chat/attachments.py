"""The content of one message: its words and its files, in the order in which a checkpoint reads
them.

Owns: which files go into a message together, and the sentence where some do not. Does not own: what
a file is (`app.forms.parse`), which controls there are (`app.tabs.chat`).
"""

from collections.abc import Mapping

from app.forms.example_prompts import ABOUT_A_FILM, ABOUT_A_PICTURE
from app.forms.parse import InputError, beside, read_file
from engine.api.conversation import Part
from engine.prompt.conversation import reading_order

ONE_SEEN = (
    "A message holds one picture or one film, besides a sound: take the others out, or send them "
    "one after the other and ask about “the first one”."
)
ONE_HEARD = "A message holds one sound, besides a picture or a film: take the others out."
TOO_MANY = (
    "A message holds two files, one to see and one to hear, not {num}: take some out, or send them "
    "one after the other."
)
DEAF = "This checkpoint does not hear: take the sound out, and write what you want to say."
APART = (
    "This checkpoint reads words about a sound or about a picture, not about both: take one of "
    "them out of the message."
)
MOST = 2
"""Files of a message: one to see, one to hear."""


def read_message(
    message: Mapping[str, object],
    *,
    films: bool = True,
    hears: bool = True,
    together: bool = True,
) -> tuple[str, tuple[Part, ...]]:
    """The words of a message and what goes with them, in reading order. films: whether they are
    watched; hears: whether sounds are heard; together: whether words may be about a sound and a
    picture at once. What is seen without words and without a sound is asked about.

    Raises: InputError, where a file cannot be read or there are more than are read together.
    """
    files = message.get("files") or []
    assert isinstance(files, list)
    if len(files) > MOST:
        raise InputError(TOO_MANY.format(num=len(files)), "prompt")
    with beside("prompt"):
        parts = reading_order([read_file(str(file), films=films) for file in files])
    text = str(message.get("text") or "").strip()
    seen = [part for part in parts if part.is_seen]
    heard = [part for part in parts if part.audio is not None]
    for wrong, sentence in (
        (bool(heard) and not hears, DEAF),
        (len(seen) > 1, ONE_SEEN),
        (len(heard) > 1, ONE_HEARD),
        (bool(seen and heard and text) and not together, APART),
    ):
        if wrong:
            raise InputError(sentence, "prompt")
    if seen and not heard:
        text = text or (ABOUT_A_PICTURE if seen[0].video is None else ABOUT_A_FILM)
    return text, parts
