"""How a conversation is laid out as segments: the one template that training and inference share.

<bos> <user> <image> PICTURE </image> words <assistant> words <image> PICTURE </image> <user> ..
.. <user> <audio> SOUND </audio> words .. <video> FRAMES </video> ..
.. <assistant>                    and then the response segment: a block of text,
.. <assistant> <image>            or a picture,
.. <assistant> words <video>      or the frames of a film,
.. <assistant> words <audio> SOUND   or the next block of a sound that has begun,
.. <assistant> <think>            or what is thought, </think> and the answer.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from flow.modality import Modality
from flow.sequence import Segment, prompt
from model.text import (
    ASSISTANT,
    BOS,
    END_AUDIO,
    END_IMAGE,
    END_VIDEO,
    ENDS,
    EOS,
    OPENING,
    PAD,
    THINK,
    USER,
    TextTokenizer,
)

TRANSCRIBE = "write down what i say"
"""Asks for the words of a sound before it."""
END: Mapping[Modality, int] = {
    Modality.IMAGE: END_IMAGE,
    Modality.AUDIO: END_AUDIO,
    Modality.VIDEO: END_VIDEO,
}
"""The marker behind a piece of media."""


def opened_by(ids: Sequence[int]) -> Modality | None:
    """What the words of an answer open behind them; None where they just end."""
    last = next((i for i in ids if i in ENDS), EOS)
    return next((modality for modality, marker in OPENING.items() if marker == last), None)


@dataclass(frozen=True)
class Span:
    """A run of tokens of one modality, int64 "L Q"."""

    modality: Modality
    tokens: Tensor


@dataclass(frozen=True)
class Message:
    """What one side says: text and pieces of media in reading order."""

    from_user: bool
    parts: tuple[str | Span, ...]


def layout(
    tokenizer: TextTokenizer,
    messages: Sequence[Message],
    *,
    opens: Modality = Modality.TEXT,
    begun: Tensor | None = None,
    thinks: bool = False,
) -> list[Span]:
    """The spans of a prompt that ends with <assistant> and what opens an answer of that modality.

    Neighbouring words and markers form one text span; media is a span of its own. If the last
    message is the assistant's, its words begin the answer. begun: codes "L Q" of the answer that
    are there already. thinks: an answer in words begins with what is thought.
    """
    spans: list[Span] = []
    ids: list[int] = [BOS]

    def close() -> None:
        if ids:
            spans.append(Span(Modality.TEXT, torch.tensor(ids, dtype=torch.long)[:, None]))
            ids.clear()

    for message in messages:
        ids.append(USER if message.from_user else ASSISTANT)
        for part in message.parts:
            if isinstance(part, str):
                ids.extend(tokenizer.encode(part))
            else:
                ids.append(OPENING[part.modality])
                close()
                spans.append(part)
                ids.append(END[part.modality])
    if not messages or messages[-1].from_user:
        ids.append(ASSISTANT)
    if opens is not Modality.TEXT:
        ids.append(OPENING[opens])
    elif thinks:
        ids.append(THINK)
    close()
    if begun is not None:
        spans.append(Span(opens, begun))
    return spans


def embedded(tokenizer: TextTokenizer, parts: tuple[str | Span, ...]) -> list[Span]:
    """The spans of one message to be found by: <eos> where its answer would begin, whose feature
    stands for it (see `OmniModel.embedding`)."""
    spans = layout(tokenizer, [Message(True, parts)])
    spans[-1].tokens[-1] = EOS
    return spans


def collate_prompts(
    prompts: Sequence[Sequence[Span]], device: torch.device, multiple: int = 1
) -> list[Segment]:
    """Prompts with the same modalities in the same order as one batch, padded on the right of each
    span, to a `multiple` of positions."""
    return [_column([p[i] for p in prompts], device, multiple) for i in range(len(prompts[0]))]


def _column(spans: Sequence[Span], device: torch.device, multiple: int) -> Segment:
    assert len({s.modality for s in spans}) == 1, "a batch has one structure"
    length = -(-max(len(s.tokens) for s in spans) // multiple) * multiple
    tokens = torch.full((len(spans), length, spans[0].tokens.shape[1]), PAD)
    valid = torch.zeros(len(spans), length, dtype=torch.bool)
    for i, span in enumerate(spans):
        tokens[i, : len(span.tokens)] = span.tokens
        valid[i, : len(span.tokens)] = True
    return prompt(spans[0].modality, tokens.to(device), valid.to(device))
