"""The tree of nouns, made of a WordNet of a few synsets."""

import gzip
from pathlib import Path

import pytest

from engine.prompt.unknown_things import NounTree
from world.text.nouns import main
from world.wishes import words_of_wishes

SYNSETS = (
    ("1", "entity", ""), ("2", "physical_entity", "1"), ("3", "animal", "2"), ("4", "whale", "3"),
    ("5", "person", "2"), ("6", "whale", "5"), ("7", "process", "2"), ("8", "rain", "7"),
    ("9", "abstraction", "1"), ("10", "love", "9"), ("11", "imaginary_being", "9"),
    ("12", "dragon", "11"), ("13", "causal_agent", "2"), ("14", "cat", "3"),
)  # fmt: skip
SENSES = {
    "whale": ("6", "4"), "rain": ("8",), "love": ("10",), "dragon": ("12",), "cat": ("14",),
    "dog": ("3",), "cow": ("3",), "horse": ("3",), "pig": ("3",), "sheep": ("3",), "bear": ("3",),
    "rabbit": ("3",), "duck": ("3",), "chicken": ("3",), "apple": ("2",), "a_b": ("3",),
}  # fmt: skip


@pytest.fixture
def tree(tmp_path: Path) -> NounTree:
    data = ["  1 licence"]
    for offset, word, above in SYNSETS:
        pointer = f"001 @ {above} n 0000" if above else "000"
        data.append(f"{offset} 03 n 01 {word} 0 {pointer} | gloss")
    index = ["  1 licence"] + [
        f"{word} n {len(at)} 0 {len(at)} 0 {' '.join(at)}" for word, at in SENSES.items()
    ]
    counts = [
        f"{word}%1:03:00:: {at[0]} 1 {3 if word == 'cat' else 0}" for word, at in SENSES.items()
    ]
    for name, lines in (("data.noun", data), ("index.noun", index), ("index.sense", counts)):
        (tmp_path / name).write_text("\n".join(lines) + "\n")
    main([str(tmp_path), "--out", str(tmp_path / "nouns.txt.gz")])
    return NounTree.load(tmp_path / "nouns.txt.gz")


def test_things_and_imaginary_beings_are_in_it(tree: NounTree) -> None:
    found = {word: word in tree for word in SENSES}
    assert [word for word, there in found.items() if not there] == ["rain", "love", "a_b"]


def test_a_drawn_animal_is_no_person(tree: NounTree) -> None:
    assert tree.path("whale")[:-1] == tree.path("cat")[:-1]


def test_young_animals_stand_where_their_kinds_do(tree: NounTree) -> None:
    assert tree.path("kitten") == tree.path("cat")
    assert tree.path("puppy") == tree.path("dog")


def test_the_file_is_the_same_each_time(tmp_path: Path, tree: NounTree) -> None:
    first = (tmp_path / "nouns.txt.gz").read_bytes()
    main([str(tmp_path), "--out", str(tmp_path / "nouns.txt.gz")])
    assert (tmp_path / "nouns.txt.gz").read_bytes() == first
    assert gzip.decompress(first).decode().startswith("\t\n")


def test_words_of_wishes_hold_places_and_colours() -> None:
    words = set(words_of_wishes(300))
    assert {"red", "sea", "above", "draw", "background"} <= words
    assert "castle" not in words
