"""What stands around the words of a conversation: the property of a checkpoint by which
`model.template` lays it out. Owns: `Dialogue`."""

from dataclasses import dataclass

PROMPT_CHARACTERS, LONG_PROMPT_CHARACTERS = 500, 4000
"""Of one message: to a model of a small world, and to one that reads long texts."""


@dataclass(frozen=True)
class Dialogue:
    """Text in which the special tokens of the checkpoint's tokenizer stand for themselves.

    begins: in front of everything. user, assistant: in front of what that side says; closes: behind
    it, once the other side follows. trims: whether words lose the space around them. whole: whether
    the model reads every turn, or else the question, what was seen last and the last exchange.
    """

    begins: str = "<bos>"
    user: str = "<user>"
    assistant: str = "<assistant>"
    closes: str = ""
    trims: bool = False
    whole: bool = False

    @property
    def prompt_characters(self) -> int:
        """How long a message may be."""
        return LONG_PROMPT_CHARACTERS if self.whole else PROMPT_CHARACTERS


OURS = Dialogue()
"""Of the checkpoints that were trained here."""
