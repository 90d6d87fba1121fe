"""Words that a small world lacks are found, and near ones are offered."""

import gzip
from pathlib import Path

import pytest

from engine.prompt.unknown_things import TREE, KnownThings, NounTree

LINES = (
    "\tthing", "0\tanimal", "1\tcat", "1\tdog hound", "3\tpoodle", "0\ttool", "5\thammer",
    "0\tberry", "3\twolf",
)  # fmt: skip


@pytest.fixture
def tree(tmp_path: Path) -> NounTree:
    file = tmp_path / "nouns.txt.gz"
    file.write_bytes(gzip.compress("\n".join(LINES).encode()))
    return NounTree.load(file)


@pytest.fixture
def known(tree: NounTree) -> KnownThings:
    return KnownThings(("cat", "dog", "hot dog"), ("big", "thing"), tree)


@pytest.mark.parametrize(
    ("text", "unknown"),
    [
        ("a big dog and two cats", []),
        ("a POODLE!", ["poodle"]),
        ("a hammer, a wolf and a hammer", ["hammer", "wolf"]),
        ("three hammers and wolves", ["hammers", "wolves"]),
        ("two berries", ["berries"]),
        ("a hot dog", []),
        ("what is it doing?", []),
        ("", []),
    ],
)
def test_unknown_nouns_are_found(known: KnownThings, text: str, unknown: list[str]) -> None:
    assert [thing.word for thing in known.unknown(text)] == unknown


def test_near_things_are_offered_and_far_ones_are_not(known: KnownThings) -> None:
    poodle, hammer = known.unknown("a poodle with a hammer")
    assert poodle.nearest == ("dog",)
    assert hammer.nearest == ()


def test_a_checkpoint_that_lists_nothing_knows_everything() -> None:
    assert KnownThings.of({}) is None
    assert KnownThings.of({"concepts": ["dog"]}) is None
    known = KnownThings.of({"concepts": ["dog", "fox"], "words": ["red"]})
    assert known is not None
    assert set(known.unknown("a red wolf")[0].nearest) == {"dog", "fox"}


def test_without_a_tree_nothing_is_unknown(tmp_path: Path) -> None:
    none = NounTree.load(tmp_path / "nowhere.gz")
    assert KnownThings(("cat",), (), none).unknown("a hammer") == ()


def test_the_shipped_tree_knows_common_things() -> None:
    tree = NounTree.load()
    assert TREE.stat().st_size < 500_000
    missing = [w for w in "hedgehog castle chair dragon robot spoon wolf".split() if w not in tree]
    assert not missing
    known = KnownThings(("cat", "dog", "fox", "house", "car", "bell"), ("red", "sea"), tree)
    found = {thing.word: thing.nearest for thing in known.unknown("a wolf in a castle by the sea")}
    assert found == {"wolf": ("dog", "fox"), "castle": ("house",)}
    assert known.unknown("a kitten")[0].nearest[0] == "cat"
    assert known.unknown("a truck")[0].nearest == ("car",)
    assert known.unknown("a spoon")[0].nearest == ()
