"""What stands around the words of a conversation: the property of a checkpoint by which
`model.prompt_template` lays it out. Owns: `Dialogue`, `Tasks`."""

from dataclasses import dataclass

from model.strict_fields import StrictFields


@dataclass(frozen=True)
class Tasks(StrictFields):
    """Of a checkpoint that is told by a token what to do.

    sees: in front of the pictures that were seen last, which stand in front of the conversation;
    watches: in front of a film that stands there, "" where it knows none. draws: in front of the
    words of a picture; edits: in front of the picture that words are to change, "" where it changes
    none. begins, ends: around those words. hears: in front of a sound that stands in front of the
    conversation; speaks: in front of what is to be said, "" where it has no speech. transcribe,
    say: what asks for the words of a sound, and for words to be said. thinks, answers_at_once: what
    stands behind the user's last words where it is to think first, and where not; "" where it
    cannot be told to.
    """

    sees: str
    draws: str
    edits: str
    begins: str
    ends: str
    hears: str = ""
    speaks: str = ""
    transcribe: str = ""
    say: str = ""
    watches: str = ""
    thinks: str = ""
    answers_at_once: str = ""


PROMPT_CHARACTERS, LONG_PROMPT_CHARACTERS = 500, 4000
"""Of one message: to a model of a small world, and to one that reads long texts."""


@dataclass(frozen=True)
class Dialogue(StrictFields):
    """Text in which the special tokens of the checkpoint's tokenizer stand for themselves.

    begins: in front of everything. user, assistant: in front of what that side says; closes: behind
    it, once the other side follows. trims: whether words lose the space around them. whole: whether
    the model reads every turn, or else the question, what was seen last and the last exchange.
    tasks: None where pictures stand among the words and every prompt is a conversation.
    """

    begins: str = "<bos>"
    user: str = "<user>"
    assistant: str = "<assistant>"
    closes: str = ""
    trims: bool = False
    whole: bool = False
    tasks: Tasks | None = None

    @property
    def prompt_characters(self) -> int:
        """How long a message may be."""
        return LONG_PROMPT_CHARACTERS if self.whole else PROMPT_CHARACTERS


OURS = Dialogue()
"""Of the checkpoints that were trained here."""
