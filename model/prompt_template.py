"""The prompt template: a conversation as segments, the same in training and inference.

<bos> <user> <image> PICTURE </image> words <assistant> words <image> PICTURE </image> <user> ..
.. <user> <audio> SOUND </audio> words .. <video> FRAMES </video> ..
.. <assistant>                    then the response segment: a block of text,
.. <assistant> <image>            or an image,
.. <assistant> words <video>      or the frames of a video,
.. <assistant> words <audio> SOUND   or the next block of a sound that has begun,
.. <assistant> <think>            or a thought, </think> and the answer.

A converted checkpoint has its own text in place of <bos>, <user> and <assistant>, given by its
`Dialogue`. One that has `Tasks` selects the task by a token of its own instead:

SEES <image> PICTURE </image> .. and the conversation, for a text answer,
WATCHES <video> FRAMES </video>  and the conversation, for a text answer,
HEARS <audio> SOUND </audio>     and the conversation, for a text answer,
DRAWS words <image>              for an image, with </image> after it,
EDITS <image> PICTURE </image> words <image>   for an edited image,
SPEAKS <user> words <assistant> <audio>        for speech.

There the end of the user's last message selects whether a text answer begins with a thought.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from flow.modality import Modality
from flow.sequence import Segment, prompt
from model.dialogue_format import OURS, Dialogue, Tasks
from model.tokenizers.text import (
    END_AUDIO,
    END_IMAGE,
    END_VIDEO,
    ENDS,
    EOS,
    OPENING,
    PAD,
    THINK,
    TextTokenizer,
)

Lengths = Callable[[int], int]
TRANSCRIBE = "write down what i say"
"""Request for a transcript of the sound before it."""
END: Mapping[Modality, int] = {
    Modality.IMAGE: END_IMAGE,
    Modality.AUDIO: END_AUDIO,
    Modality.VIDEO: END_VIDEO,
}
"""Marker after a piece of media."""
SEEN = (Modality.IMAGE, Modality.VIDEO)


def opened_by(ids: Sequence[int]) -> Modality | None:
    """Return the modality that a text answer opens after its words; None where it ends."""
    last = next((i for i in ids if i in ENDS), EOS)
    return next((modality for modality, marker in OPENING.items() if marker == last), None)


@dataclass(frozen=True)
class Span:
    """A run of tokens of one modality, int64 "L Q". keep_unconditional: see
    `flow.sequence.Segment`."""

    modality: Modality
    tokens: Tensor
    keep_unconditional: bool = False


@dataclass(frozen=True)
class Message:
    """A message of one side: text and media in reading order."""

    from_user: bool
    parts: tuple[str | Span, ...]


def layout(
    tokenizer: TextTokenizer,
    messages: Sequence[Message],
    *,
    opens: Modality = Modality.TEXT,
    begun: Tensor | None = None,
    thinks: bool = False,
    dialogue: Dialogue = OURS,
) -> list[Span]:
    """Return the spans of a prompt that ends where an answer of the modality `opens` begins.

    Neighbouring text and markers form one text span; each piece of media is a span of its own. If
    the last message is the assistant's, the answer continues its text. begun: codes "L Q" of the
    answer that exist already. thinks: a text answer begins with a thought; with `Tasks`, the user's
    last message selects it.

    Raises: ValueError where an image is to be edited by a checkpoint that cannot, or a message has
    media that fit no task, or several.
    """
    told = PromptBuilder(tokenizer, dialogue)
    hears = False
    if dialogue.tasks is not None:
        if opens is Modality.IMAGE:
            return _asked(told, messages, dialogue.tasks)
        if opens is Modality.AUDIO:
            return _spoken(told, messages, dialogue, dialogue.tasks)
        hears = bool(_media(messages[-1:], Modality.AUDIO))
        first = _heard_first if hears else _seen_first
        told_first = first(told, messages, dialogue.tasks)
        messages = _marked(told_first, dialogue.tasks, thinks=thinks)
    told.frame("" if hears else dialogue.begins)
    for i, message in enumerate(messages):
        told.frame(dialogue.user if message.from_user else dialogue.assistant)
        for part in message.parts:
            told.say(part)
        if message.from_user or i < len(messages) - 1:
            told.frame(dialogue.closes)
    if not messages or messages[-1].from_user:
        told.frame(dialogue.assistant)
    if opens is not Modality.TEXT:
        told.mark(OPENING[opens])
    elif thinks and dialogue.tasks is None:
        told.mark(THINK)
    told.close()
    return told.spans if begun is None else [*told.spans, Span(opens, begun)]


def _seen_first(told: "PromptBuilder", messages: Sequence[Message], tasks: Tasks) -> list[Message]:
    """Add the images, or the video, of the latest message that has any; return the messages without
    media."""
    shown = next((seen for m in reversed(messages) if (seen := _media([m], *SEEN))), [])
    films = [part for part in shown if part.modality is Modality.VIDEO]
    if films and len(shown) > 1:
        raise ValueError(
            "this checkpoint sees pictures or watches one film: leave the others out of the message"
        )
    if shown:
        told.frame(tasks.watches if films else tasks.sees)
    for part in shown:
        told.say(part)
    return [replace(m, parts=_words(m)) for m in messages]


def _heard_first(told: "PromptBuilder", messages: Sequence[Message], tasks: Tasks) -> list[Message]:
    """Add the sound of the last message; return the messages without media."""
    if _media(messages[-1:], *SEEN):
        raise ValueError(
            "this checkpoint hears a sound or sees a picture or a film: leave one of them out of "
            "the message"
        )
    told.frame(tasks.hears)
    told.say(_media(messages[-1:], Modality.AUDIO)[-1])
    asks = {TRANSCRIBE: tasks.transcribe}
    return [replace(m, parts=tuple(asks.get(w, w) for w in _words(m))) for m in messages]


def _marked(messages: Sequence[Message], tasks: Tasks, *, thinks: bool) -> list[Message]:
    """Append the thinking tag to the user's last message, except to a request for a transcript."""
    found, mark = list(messages), tasks.thinks if thinks else tasks.answers_at_once
    last = max(i for i, message in enumerate(found) if message.from_user)
    *before, words = found[last].parts or ("",)
    assert isinstance(words, str)
    if mark and words != tasks.transcribe:
        found[last] = replace(found[last], parts=(*before, f"{words.rstrip()} {mark}"))
    return found


def _spoken(
    told: "PromptBuilder", messages: Sequence[Message], dialogue: Dialogue, tasks: Tasks
) -> list[Span]:
    """Return the spans of a prompt that speaks the last message's text."""
    if any(isinstance(part, Span) for part in messages[-1].parts):
        raise ValueError(
            "this checkpoint says words alone: leave out what goes with them, or let it answer in "
            "words that are spoken, too"
        )
    told.frame(tasks.speaks)
    told.frame(dialogue.begins + dialogue.user)
    told.say("\n".join((tasks.say, *(words.strip() for words in _words(messages[-1])))))
    told.frame(dialogue.closes + dialogue.assistant + tasks.ends)
    told.mark(OPENING[Modality.AUDIO])
    told.close()
    return told.spans


def _asked(told: "PromptBuilder", messages: Sequence[Message], tasks: Tasks) -> list[Span]:
    """Return the spans of a prompt for an image: the user's last text, and the image that it edits,
    from the same message or the one before."""
    last = max(i for i, message in enumerate(messages) if message.from_user)
    if _media(messages[last : last + 1], Modality.AUDIO, Modality.VIDEO):
        raise ValueError("this checkpoint draws from words: say in words what the picture shows")
    pictures = _media(messages[max(last - 1, 0) : last + 1], Modality.IMAGE)
    if tasks.edits and pictures:
        told.frame(tasks.edits)
        told.say(pictures[-1])
    elif _media(messages[last : last + 1], Modality.IMAGE):
        raise ValueError(
            "this checkpoint draws from words alone and changes no picture: leave the picture out"
        )
    else:
        told.frame(tasks.draws)
    told.frame(tasks.begins)
    told.close()
    words = len(told.spans)
    for part in _words(messages[last]):
        told.say(part)
    told.close()
    told.frame(tasks.ends)
    told.mark(OPENING[Modality.IMAGE])
    told.close()
    return [replace(span, keep_unconditional=i != words) for i, span in enumerate(told.spans)]


def _words(message: Message) -> tuple[str, ...]:
    return tuple(part for part in message.parts if isinstance(part, str))


def _media(messages: Sequence[Message], *kinds: Modality) -> list[Span]:
    parts = [part for message in messages for part in message.parts]
    return [p for p in parts if isinstance(p, Span) and p.modality in kinds]


class PromptBuilder:
    """Builder of a prompt's spans. Template text right before a message is tokenised together with
    it."""

    def __init__(self, tokenizer: TextTokenizer, dialogue: Dialogue) -> None:
        self.spans: list[Span] = []
        self._tokenizer, self._trims = tokenizer, dialogue.trims
        self._ids: list[int] = []
        self._waiting = ""

    def frame(self, text: str) -> None:
        """Add template text; its special tokens become ids."""
        for part in self._tokenizer.parts(text):
            if isinstance(part, str):
                self._waiting += part
            else:
                self.mark(part)

    def mark(self, token: int) -> None:
        self._flush()
        self._ids.append(token)

    def say(self, part: str | Span) -> None:
        """Add text or media of a message."""
        if isinstance(part, str):
            words = part.strip() if self._trims else part
            self._ids += self._tokenizer.encode(self._waiting + words)
            self._waiting = ""
        else:
            self.mark(OPENING[part.modality])
            self.close()
            self.spans.append(part)
            self.mark(END[part.modality])

    def close(self) -> None:
        """End the current text span."""
        self._flush()
        if self._ids:
            tokens = torch.tensor(self._ids, dtype=torch.long)[:, None]
            self.spans.append(Span(Modality.TEXT, tokens))
            self._ids = []

    def _flush(self) -> None:
        if self._waiting:
            self._ids += self._tokenizer.encode(self._waiting)
            self._waiting = ""


def embedded(tokenizer: TextTokenizer, parts: tuple[str | Span, ...]) -> list[Span]:
    """Return the spans of a message for its retrieval embedding: <eos> in place of the answer,
    whose feature is the embedding (`OmniModel.embedding`)."""
    spans = layout(tokenizer, [Message(True, parts)])
    spans[-1].tokens[-1] = EOS
    return spans


def collate_prompts(
    prompts: Sequence[Sequence[Span]], device: torch.device, padded: Lengths = lambda n: n
) -> list[Segment]:
    """Batch prompts with equal sequences of modalities; each span is padded on the right, up to
    `padded` of the longest."""
    return [_column([p[i] for p in prompts], device, padded) for i in range(len(prompts[0]))]


def _column(spans: Sequence[Span], device: torch.device, padded: Lengths) -> Segment:
    assert len({s.modality for s in spans}) == 1, "a batch has one structure"
    length = padded(max(len(s.tokens) for s in spans))
    tokens = torch.full((len(spans), length, spans[0].tokens.shape[1]), PAD)
    valid = torch.zeros(len(spans), length, dtype=torch.bool)
    for i, span in enumerate(spans):
        tokens[i, : len(span.tokens)] = span.tokens
        valid[i, : len(span.tokens)] = True
    return prompt(
        spans[0].modality,
        tokens.to(device),
        valid.to(device),
        keep_unconditional=spans[0].keep_unconditional,
    )
