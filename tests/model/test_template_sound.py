"""How sound lies in a prompt: between its markers, and begun behind all of them."""

import pytest
import torch

from flow.modality import Modality
from model.prompt_template import END, Message, Span, layout
from model.tokenizers.text import (
    ASSISTANT,
    BEGIN_AUDIO,
    BEGIN_IMAGE,
    BOS,
    END_AUDIO,
    END_IMAGE,
    MARKERS,
    OPENING,
    USER,
    TextTokenizer,
)

SOUND = Span(Modality.AUDIO, torch.tensor([[1, 2], [3, 4], [5, 6]]))
PICTURE = Span(Modality.IMAGE, torch.tensor([[7, 7, 7, 7]]))


def _read(spans: list[Span]) -> list[list[int] | Span]:
    """Words and markers as ids, media as they are."""
    return [s.tokens[:, 0].tolist() if s.modality is Modality.TEXT else s for s in spans]


@pytest.mark.parametrize("modality", list(OPENING))
def test_markers_are_named_after_what_they_enclose(modality: Modality) -> None:
    assert MARKERS[OPENING[modality]] == f"<{modality}>"
    assert MARKERS[END[modality]] == f"</{modality}>"


def test_what_is_heard_stands_between_its_markers(tiny_tokenizer: TextTokenizer) -> None:
    words = tiny_tokenizer.encode("what is this?")
    spans = layout(tiny_tokenizer, [Message(True, (SOUND, "what is this?"))])
    assert _read(spans) == [[BOS, USER, BEGIN_AUDIO], SOUND, [END_AUDIO, *words, ASSISTANT]]


def test_sound_and_picture_of_one_message_keep_their_order(tiny_tokenizer: TextTokenizer) -> None:
    assert _read(layout(tiny_tokenizer, [Message(True, (PICTURE, SOUND))])) == [
        [BOS, USER, BEGIN_IMAGE], PICTURE, [END_IMAGE, BEGIN_AUDIO], SOUND, [END_AUDIO, ASSISTANT],
    ]  # fmt: skip


@pytest.mark.parametrize("said", ["", "here you go!"])
def test_an_answer_in_sound_is_opened_behind_its_words(
    tiny_tokenizer: TextTokenizer, said: str
) -> None:
    messages = [Message(True, ("hello",)), *([Message(False, (said,))] if said else [])]
    ids = [BOS, USER, *tiny_tokenizer.encode("hello"), ASSISTANT, *tiny_tokenizer.encode(said)]
    spans = layout(tiny_tokenizer, messages, opens=Modality.AUDIO)
    assert _read(spans) == [[*ids, BEGIN_AUDIO]]


def test_codes_that_are_there_are_the_last_span(tiny_tokenizer: TextTokenizer) -> None:
    messages = [Message(True, (SOUND, "hello"))]
    fresh = layout(tiny_tokenizer, messages, opens=Modality.AUDIO)
    begun = layout(tiny_tokenizer, messages, opens=Modality.AUDIO, begun=SOUND.tokens)
    assert _read(begun[:-1]) == _read(fresh)
    assert begun[-1] == SOUND
