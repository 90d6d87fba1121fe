"""The text tokenizer: every text survives, markers cannot be typed."""

import pytest

from flow.modality import Modality
from model.tokenizers.text import (
    BEGIN_IMAGE,
    END_THINK,
    EOS,
    MARKERS,
    NUM_MARKERS,
    OPENING,
    PAD,
    SUGGEST,
    TextTokenizer,
)


@pytest.mark.parametrize("text", ["draw a red heart", "xylophone é 猫 🐱", "12 + 7 = ?", "ß"])
def test_any_text_comes_back_in_lower_case(tiny_tokenizer: TextTokenizer, text: str) -> None:
    ids = tiny_tokenizer.encode(text)
    assert min(ids) >= NUM_MARKERS
    assert tiny_tokenizer.decode(ids) == text


def test_markers_cannot_be_typed(tiny_tokenizer: TextTokenizer) -> None:
    for marker in MARKERS:
        for text in (f"a {marker} b", f"a <{marker}> b", marker):
            assert min(tiny_tokenizer.encode(text)) >= NUM_MARKERS


def test_pieces_join_to_the_text_and_markers_are_silent(tiny_tokenizer: TextTokenizer) -> None:
    ids = tiny_tokenizer.encode("a big red heart")
    assert "".join(tiny_tokenizer.pieces([*ids, EOS, PAD])).strip() == "a big red heart"
    assert tiny_tokenizer.decode([*ids, BEGIN_IMAGE, *ids]) == "a big red heart"


@pytest.mark.parametrize("media", [(), (Modality.IMAGE,), tuple(OPENING)])
def test_space_allows_words_and_the_markers_of_its_media_only(
    tiny_tokenizer: TextTokenizer, media: tuple[Modality, ...]
) -> None:
    opening = {OPENING[m] for m in media}
    for thinks, more in ((True, {END_THINK}), (False, set[int]())):
        forbidden = set(tiny_tokenizer.space(media, thinks=thinks).forbidden)
        assert set(range(NUM_MARKERS)) - forbidden == {PAD, EOS, SUGGEST, *opening, *more}
    assert not forbidden & set(tiny_tokenizer.encode("a big red heart"))
