"""Queries, reasons for a result, words of captions, and what is shown before anything is asked."""

import random
from pathlib import Path

import numpy as np
import pytest

from app.gallery.attribution import explain
from app.gallery.browse import sample_items
from app.gallery.caption_search import by_words, words_of
from app.gallery.query import GRID, Query, without_each_piece, without_each_word
from app.tabs.gallery import wish
from engine.api.conversation import Part
from engine.api.request import Modality
from retrieval.item import Item
from tests.fake_embedding import embed
from tests.fake_scenes import draw

RED, BLUE = Part(text="a red heart"), Part(text="a blue whale")


# ---- queries and reasons ---------------------------------------------------------------------


@pytest.mark.parametrize("words", ["a red heart", "heart", "", "one two three four"])
def test_each_word_is_left_out_once_and_something_always_stays(words: str) -> None:
    picture = Part(image=draw("a red car", 0))
    for given in (None, picture):
        if not words and given is None:
            continue
        query = Query(words, given)
        lacking = without_each_word(query)
        several = len(words.split()) > 1 or given is not None
        assert [word for word, _ in lacking] == (words.split() if several else [])
        assert all(other.parts for _, other in lacking)


def test_an_empty_query_is_refused() -> None:
    with pytest.raises(ValueError, match="nothing to look for"):
        Query()
    with pytest.raises(ValueError, match="shorten"):
        Query("a" * 501)


def test_pieces_cover_everything_once() -> None:
    picture = draw("a red heart", 0)
    blanked = [p.image for p in without_each_piece(Part(image=picture))]
    changed = np.stack([(b != picture).any(-1) for b in blanked if b is not None])
    assert len(blanked) == GRID**2
    assert changed.sum(0).max() == 1
    sound = np.linspace(0.1, 1, 1003, dtype=np.float32)
    silent = [p.audio for p in without_each_piece(Part(audio=sound))]
    assert np.stack([s == 0 for s in silent if s is not None]).sum(0).tolist() == [1] * 1003
    film = np.stack([draw("a red heart", i) for i in range(8)])
    assert len(without_each_piece(Part(video=film))) == 8
    assert without_each_piece(Part(text="alone")) == []


def test_a_reason_is_the_fall_of_the_score() -> None:
    query = Query("a red heart")
    asked = embed([query.parts])[0]
    why = explain(embed, query, asked, RED)
    assert why.score == pytest.approx(1)
    assert why.labels == ("a", "red", "heart")
    for (_, fall), (_, other) in zip(why.words, without_each_word(query), strict=True):
        assert fall == pytest.approx(1 - float(embed([other.parts])[0] @ embed([(RED,)])[0]))
    assert explain(embed, None, asked, RED).words == ()


def test_the_red_part_of_a_picture_is_why_red_finds_it() -> None:
    picture = np.full((64, 64, 3), (44, 120, 236), np.uint8)
    picture[:16, :16] = (232, 52, 58)
    asked = embed([(Part(text="red"),)])[0]
    why = explain(embed, Query("red"), asked, Part(image=picture))
    assert int(np.argmax(why.pieces)) == 0


# ---- words, picking --------------------------------------------------------------------------


def item(i: str, modality: Modality = Modality.TEXT, owner: str = "", caption: str = "") -> Item:
    return Item(i, modality, text=i, caption=caption, owner=owner)


def test_words_of_captions_find_where_meaning_does_not() -> None:
    items = [item("1", caption="a red heart"), item("2", caption="a red car"), item("3")]
    found = by_words("the RED heart", items, lambda _: None).best(9)
    assert [(hit.item.id, hit.score) for hit in found.hits] == [("1", 1.0), ("2", 0.5)]
    assert words_of("what is it") == ["what", "is", "it"]


def test_a_file_that_is_gone_is_named_and_left_out(tmp_path: Path) -> None:
    found = by_words("1", [item("1", caption="1")], lambda _: tmp_path / "gone.png")
    assert (found.hits, len(found.missing)) == ((), 1)


def test_what_is_picked_begins_with_ones_own_and_is_the_same_for_a_seed() -> None:
    items = [item(str(i), list(Modality)[i % 4]) for i in range(400)]
    items += [item("mine", Modality.IMAGE, "me"), item("newer", Modality.IMAGE, "me")]
    first, second = (sample_items(items, "me", 40, random.Random(3)) for _ in range(2))
    assert first == second
    assert [i.id for i in first[:2]] == ["newer", "mine"]
    assert len({i.id for i in first}) == 40
    assert {i.modality for i in first} == set(Modality)
    assert sample_items(items, "me", 40, random.Random(4)) != first


def test_a_recording_asks_to_be_said() -> None:
    said = Item("1", Modality.AUDIO, file="a.wav", caption="hello", kind="speech")
    assert wish(said) == "say hello"
    assert wish(Item("2", Modality.AUDIO, file="a.wav", caption="the sound of rain")) == (
        "the sound of rain"
    )
