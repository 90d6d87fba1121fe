"""Words name an earlier picture of a conversation, and that one is looked at; all others leave the
latest."""

import numpy as np
import pytest

from engine.api.conversation import Conversation, Part, Turn
from engine.prompt.conversation import kept_turns, messages_of
from engine.prompt.media_reference import ORDINALS, SHORT, begins_anew, named_earlier
from flow.modality import Modality
from model.prompt_template import Span

P, F = Modality.IMAGE, Modality.VIDEO
LAST = None
PICTURES = [np.full((2, 2, 3), i, np.uint8) for i in range(3)]


@pytest.mark.parametrize(
    ("words", "shown", "wanted"),
    [
        ("what was in the first one?", [P, P, P], 0),
        ("What is in the FIRST picture?", [P, P, P], 0),
        ("and in the first?", [P, P], 0),
        ("draw the first image again", [P, P], 0),
        ("my second picture, what is it", [P, P, P], 1),
        ("what colour is the 2nd one", [P, P, P], 1),
        ("is there a dog in the second one?", [P, P], LAST),
        ("what was in the third one?", [P, P], LAST),
        ("what was in the one before?", [P, P, P], 1),
        ("what was in the picture before that?", [P, P, P], 1),
        ("and the previous one?", [P, P, P], 1),
        ("what was in the previous picture?", [P, F, P], 0),
        ("what was in the previous picture?", [P, F], 0),
        ("what happens in the first film?", [P, F, P, F], 1),
        ("what is in the first picture?", [F, P, P], 1),
        ("what is in the first picture?", [F, P], LAST),
        ("what is in the first one?", [F, P], 0),
        ("what happens in the first film?", [P, P], LAST),
        ("what is the first letter of the word?", [P, P], LAST),
        ("what comes first?", [P, P], LAST),
        ("wait a second", [P, P], LAST),
        ("what happens before?", [P, P], LAST),
        ("what is in this picture?", [P, P, P], LAST),
        ("which one is first, the cat?", [P, P], LAST),
        ("", [P, P], LAST),
    ],
)
def test_words_name_what_they_name(words: str, shown: list[Modality], wanted: int | None) -> None:
    assert named_earlier(words, shown) == wanted


@pytest.mark.parametrize("words", ["the first one", "the one before", "the previous picture"])
@pytest.mark.parametrize("shown", [[], [P], [F]])
def test_with_one_picture_or_none_nothing_changes(words: str, shown: list[Modality]) -> None:
    assert named_earlier(words, shown) is None


def test_every_number_finds_its_own() -> None:
    shown = [P] * (len(ORDINALS) + 1)
    for names in (ORDINALS, SHORT):
        found = [named_earlier(f"what is in the {name} picture?", shown) for name in names]
        assert found == list(range(len(names)))


def _talk(question: str, num: int = 3) -> Conversation:
    """A picture and an answer, num times, then the question."""
    turns: list[Turn] = []
    for i in range(num):
        turns.append(Turn("user", (Part(image=PICTURES[i]), Part(text=f"question {i}"))))
        turns.append(Turn("assistant", (Part(text=f"answer {i}"),)))
    return Conversation((*turns, Turn("user", (Part(text=question),))))


def _seen(turns: tuple[Turn, ...]) -> list[int]:
    return [int(p.image[0, 0, 0]) for t in turns for p in t.parts if p.image is not None]


def test_what_is_named_is_read_as_if_the_question_had_come_right_behind_it() -> None:
    named, before = "what was in the first one?", "what was in the one before?"
    for question, which in ((named, 0), (before, 1)):
        kept = kept_turns(_talk(question))
        assert _seen(kept) == [which]
        assert [t.parts[-1].text for t in kept] == [
            f"question {which}", f"answer {which}", question,
        ]  # fmt: skip
    assert _seen(kept_turns(_talk("what is this?"))) == [2]
    assert _seen(kept_turns(_talk("and in the third one?"))) == [2]


def test_an_exchange_about_the_named_picture_stays() -> None:
    asked = _talk("what was in the first one?").turns
    turns = (*asked, Turn("assistant", (Part(text="a dog"),)))
    again = Turn("user", (Part(text="is the first one big?"),))
    kept = kept_turns(Conversation((*turns, again)))
    assert _seen(kept) == [0]
    assert [t.parts[-1].text for t in kept] == [
        "question 0", "what was in the first one?", "a dog", "is the first one big?",
    ]  # fmt: skip


def test_a_message_is_about_the_picture_that_comes_with_it() -> None:
    *before, _ = _talk("").turns[:5]
    last = Turn("user", (Part(image=PICTURES[2]), Part(text="is it like the first one?")))
    assert _seen(kept_turns(Conversation((*before, last)))) == [2]


def test_of_a_picture_that_was_drawn_the_wish_is_kept() -> None:
    turns = [
        Turn("user", (Part(text="draw a dog"),)),
        Turn("assistant", (Part(text="here you go!"), Part(image=PICTURES[0]))),
        Turn("user", (Part(text="draw a cat"),)),
        Turn("assistant", (Part(text="here you go!"), Part(image=PICTURES[1]))),
        Turn("user", (Part(text="what was in the first picture?"),)),
    ]
    kept = kept_turns(Conversation(tuple(turns)))
    assert _seen(kept) == [0]
    assert [t.parts[0].text for t in kept] == [
        "draw a dog", "here you go!", "what was in the first picture?",
    ]  # fmt: skip


def test_what_reads_whole_conversations_loses_pictures_only_where_one_is_named() -> None:
    def encoded(part: Part) -> Span:
        assert part.image is not None
        return Span(P, int(part.image[0, 0, 0]))  # type: ignore[arg-type]

    for question, wanted in (("the first one?", [0]), ("and now?", [0, 1, 2])):
        messages = messages_of(_talk(question), encoded, whole=True)
        assert len(messages) == 7
        spans = [p.tokens for m in messages for p in m.parts if isinstance(p, Span)]
        assert spans == wanted


@pytest.mark.parametrize(
    "words",
    [
        "draw a red heart",
        "Please draw two dogs",
        "can you draw the sun?",
        "film a cat that jumps",
        "show me a film of a bee",
        "i want to see a picture of a bus",
    ],
)
def test_a_wish_that_points_at_nothing_earlier_begins_anew(words: str) -> None:
    assert begins_anew(words)
    assert _seen(kept_turns(_talk(words))) == []
    assert [turn.parts[-1].text for turn in kept_turns(_talk(words))] == [words]


@pytest.mark.parametrize(
    "words",
    [
        "draw it again",
        "now draw a red heart",
        "draw the same dog in red",
        "draw another one",
        "film it",
        "draw that in blue",
        "make the sky red",
        "what is in the picture?",
        "where would you draw a dog?",
        "i want to see a hat on the dog",
    ],
)
def test_what_points_at_a_picture_keeps_it(words: str) -> None:
    assert not begins_anew(words)
    assert _seen(kept_turns(_talk(words))) == [2]
