"""Everyday sentences: a function of the seed and the number, fit to be said, and held out for
good."""

import re

import numpy as np
import pytest

from world.text.everyday import HELD_OUT_IN, Everyday, is_held_out, number_word, words_of

MESSAGES = [
    *(f"{who} {verb} the {what} today" for who in "we they i you".split()
      for verb in "like see want have".split() for what in "cat dog sea sun house tree".split()),
    "the fuck today", "we like the zyzzyva today", "a a a a a a", "100 cats", "see http://x.y",
]  # fmt: skip


@pytest.fixture(scope="module")
def everyday() -> Everyday:
    return Everyday.of(MESSAGES)


def test_only_fit_messages_are_kept(everyday: Everyday) -> None:
    kept = {*everyday.train, *everyday.test}
    assert kept <= set(MESSAGES[:-5])
    assert len(kept) == len(MESSAGES) - 5
    assert "zyzzyva" not in everyday.words
    assert everyday.counts.min() >= 4


def test_a_message_is_held_out_however_it_is_written(everyday: Everyday) -> None:
    assert all(is_held_out(m) for m in everyday.test)
    assert not any(is_held_out(m) for m in everyday.train)
    assert is_held_out("We LIKE it!") == is_held_out("we like it")
    share = np.mean([is_held_out(f"message {number_word(i)}") for i in range(4000)])
    assert 0.5 < share * HELD_OUT_IN < 1.5


def test_a_sentence_is_a_function_of_its_number(everyday: Everyday) -> None:
    found = [everyday.sentence(0, i) for i in range(300)]
    assert found == [everyday.sentence(0, i) for i in range(300)]
    assert found != [everyday.sentence(1, i) for i in range(300)]
    assert len(set(found)) > 150
    assert not set(found) & set(everyday.test)
    assert all(re.fullmatch(r"[A-Za-z' ,.?!:]+", s) for s in found)


def test_every_kind_has_its_share(everyday: Everyday) -> None:
    found = [everyday.sentence(0, i) for i in range(600)]
    single = np.mean([len(words_of(s)) <= 3 for s in found])
    spelled = np.mean([bool(re.search(r"\b[A-Z] [A-Z]\b", s)) for s in found])
    assert single > 0.3
    assert 0.01 < spelled < 0.12


def test_open_sentences_are_held_out() -> None:
    everyday = Everyday.of([m for m in MESSAGES for _ in range(40)])
    found = everyday.open(0, 5)
    assert set(found) <= set(everyday.test)
    assert found == everyday.open(0, 5)
    assert len(everyday.held_out(0, 3)) == 3


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (0, "zero"), (13, "thirteen"), (40, "forty"), (99, "ninety nine"),
        (100, "one hundred"), (402, "four hundred and two"), (1000, "one thousand"),
        (2015, "two thousand and fifteen"), (31_200, "thirty one thousand two hundred"),
    ],
)  # fmt: skip
def test_numbers_are_read(number: int, words: str) -> None:
    assert number_word(number) == words
