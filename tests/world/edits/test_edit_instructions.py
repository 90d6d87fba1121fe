"""The words of an instruction name the right things, in several phrasings."""

import re

from tests.world.edits.test_edits import PLURAL, both, edits, every_change
from world.concepts import BY_NAME, OBJECT_COLOURS
from world.edits.edits import Change
from world.image.scenes import (
    Family,
)


@every_change
def test_the_words_name_the_right_things(change: Change) -> None:
    for edit in both(change):
        alone = len(edit.before.items) == 1
        words = edit.words.rstrip("?").split()
        assert edit.words == edit.words.lower()
        assert alone or "it" not in words
        assert not (alone and {"them", "everything"} & set(words))
        named = [i.concept for i in edit.removed[:1]] if "it" not in words else []
        if change in (Change.REPLACE, Change.ADD):
            named += [i.concept for i in edit.added]
        if edit.beside is not None:
            named += [edit.beside[1]]
        assert names_in(edit.words) == named
        for concept in named:
            assert words.count(concept) == (0 if len(edit.removed) > 1 else 1)


@every_change
def test_the_words_before_a_name_are_true(change: Change) -> None:
    """ "the heart", or "the big red heart" where it is one; a new thing with all its words."""
    for edit in both(change):
        words = edit.words.rstrip("?").split()
        for item in edit.before.items + edit.added:
            if item.concept not in words:
                continue
            end = start = words.index(item.concept)
            while words[start - 1] in ("small", "big", *OBJECT_COLOURS):
                start -= 1
            article, said = words[start - 1], words[start:end]
            shown = [w for w in (item.size, item.colour) if w]
            if item in edit.before.items:
                assert article == "the"
                assert said in ([], shown)
            elif change in (Change.REPLACE, Change.ADD):
                assert said == (shown[bool(item.size) :] if change is Change.REPLACE else shown)
                if item.concept != "grapes":
                    assert article == ("an" if words[start][0] in "aeiou" else "a")


def test_the_words_name_the_new_background() -> None:
    for edit in both(Change.BACKGROUND):
        background = edit.after.background
        if background.kind == "plain":
            assert set(edit.words.split()) & set(background.colours)
            assert "background" in edit.words
        else:
            said = {"sky": "sky", "grass": "grass|meadow", "sea": "sea", "night": "night"}
            others = {k: v for k, v in said.items() if k != "sky" and k != background.kind}
            assert re.search(said.get(background.kind, "room"), edit.words)
            assert not re.search("|".join(others.values()), edit.words)


def test_the_words_name_the_new_colour() -> None:
    for edit in both(Change.COLOUR):
        (colour,) = {i.colour for i in edit.added}
        assert edit.words.split()[-1] == colour
        assert all(i.colour != colour for i in edit.removed)
        many = len(edit.removed) > 1
        assert many == (edit.before.family is Family.COUNTING)
        assert not many or f"the {BY_NAME[edit.added[0].concept].plural}" in edit.words


@every_change
def test_there_are_several_phrasings(change: Change) -> None:
    assert len({e.words.split()[0] for e in edits(change)}) >= 3


def names_in(words: str) -> list[str]:
    """The concepts that are named, one by one."""
    found = [PLURAL.get(w, w) for w in words.rstrip("?").split()]
    return [w for w in found if w in BY_NAME]
