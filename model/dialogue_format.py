"""The conversation format of a checkpoint: the text around its messages, from which
`model.prompt_template` builds prompts. Owns: `Dialogue`, `Tasks`."""

from dataclasses import dataclass

from model.strict_fields import StrictFields


@dataclass(frozen=True)
class Tasks(StrictFields):
    """Prompts of a checkpoint that selects its task by a special token; "" where it lacks the task.

    sees: before the latest images, which precede the conversation. watches: before a video there.
    hears: before a sound there. draws: before the description of an image. edits: before the image
    that an instruction edits. begins, ends: around description or instruction. speaks: before text
    to be spoken. transcribe, say: instructions for transcription and for speech. thinks,
    answers_at_once: appended to the user's last message to ask for a thought first, or not.
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
"""Longest message in characters, of a model of the small world and of one that reads long texts."""


@dataclass(frozen=True)
class Dialogue(StrictFields):
    """The text around messages; special tokens of the checkpoint's tokenizer stand for themselves.

    begins: before everything. user, assistant: before a message of that side; closes: after it,
    once the other side follows. trims: messages are stripped. whole: the model reads all messages;
    otherwise the question, the latest image and the last exchange. tasks: None where media stand
    inside the conversation and every prompt is a conversation.
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
        """Longest message in characters."""
        return LONG_PROMPT_CHARACTERS if self.whole else PROMPT_CHARACTERS


OURS = Dialogue()
"""The format of the checkpoints trained in this project."""
