"""The tree of common nouns for things, made of WordNet: `python -m world.text.nouns`.

A line of the file is a node: the number of its parent's line (empty for the root), a tab, and the
nouns whose commonest sense it is. The commonest 20,000 nouns for things and imaginary beings that
are single words are in it. Source: WordNet 3.1 (c) Princeton University; its licence lies beside
the file.
"""

import argparse
import gzip
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from tqdm import tqdm

from world.image.drawings import DRAWINGS

ROOTS = ("physical_entity", "imaginary_being")
"""Dragons can be drawn, too."""
WITHOUT = ("process", "causal_agent")
"""Subtrees of doings; a person is reached by other ways."""
FIRST_WISHES = Path(__file__).resolve().parents[2] / "assets" / "words" / "first_wishes.txt"
WISHED = frozenset(w for w in FIRST_WISHES.read_text().splitlines() if not w.startswith("#"))
"""Words that are in the file in any case, by their first sense where none is a thing (a ghost)."""
DRAWN = WISHED | {drawing.name for drawing in DRAWINGS}
"""Words of which the first sense that is a thing and no person counts: a whale is no large man, and
a table no list of numbers."""
YOUNG = {
    "kitten": "cat", "kitty": "cat", "puppy": "dog", "pup": "dog", "doggy": "dog", "calf": "cow",
    "foal": "horse", "pony": "horse", "piglet": "pig", "lamb": "sheep", "cub": "bear",
    "bunny": "rabbit", "duckling": "duck", "chick": "chicken", "hen": "chicken", "cherry": "apple",
}  # fmt: skip
"""Words that stand where others do: WordNet has young animals apart from their kinds."""
MOST = 20_000
LEAVES = 7
"""Nouns of so many letters or fewer, and those that are tagged in texts, come first."""


def build(folder: Path) -> str:
    """The file's text, from WordNet's folder `dict`."""
    parents, lemmas = _synsets(folder / "data.noun")
    counts = _tag_counts(folder / "index.sense")
    roots = {offset for offset, words in lemmas.items() if words[0] in ROOTS}
    cut = {offset for offset, words in lemmas.items() if words[0] in WITHOUT}
    person = next(offset for offset, words in lemmas.items() if words[0] == "person")
    all_paths = _Paths(parents, roots, cut)
    any_paths = _Paths(parents, {o for o, words in lemmas.items() if words[0] == "entity"}, set())
    under: dict[str, list[str]] = {}
    for word, senses in tqdm(_senses(folder / "index.noun"), "nouns"):
        paths = [all_paths.of(offset) for offset in senses]
        drawn = [path for path in paths if path and person not in path] if word in DRAWN else []
        under[word] = (drawn or paths)[0]
        if word in WISHED and not under[word]:
            under[word] = any_paths.of(senses[0])
    under |= {word: under[kind] for word, kind in YOUNG.items()}
    found = [word for word, path in under.items() if path]
    found.sort(
        key=lambda word: (word not in WISHED, -counts[word], len(word) > LEAVES, len(word), word)
    )
    numbers: dict[str, int] = {}
    rows: list[tuple[int | None, list[str]]] = [(None, [])]
    for word in found[:MOST]:
        before = 0
        for offset in under[word]:
            if offset not in numbers:
                numbers[offset] = len(rows)
                rows.append((before, []))
            before = numbers[offset]
        rows[before][1].append(word)
    lines = (f"{'' if parent is None else parent}\t{' '.join(words)}" for parent, words in rows)
    return "\n".join(lines) + "\n"


def _lines(file: Path) -> Iterator[str]:
    """The lines behind the licence."""
    with file.open(encoding="utf-8") as lines:
        yield from (line for line in lines if not line.startswith("  "))


def _synsets(file: Path) -> tuple[dict[str, list[str]], dict[str, list[str]]]:
    """The hypernyms and the lemmas of each synset, by offset."""
    parents: dict[str, list[str]] = {}
    lemmas: dict[str, list[str]] = {}
    for line in _lines(file):
        fields = line.split("|")[0].split()
        num = int(fields[3], 16)
        lemmas[fields[0]] = fields[4 : 4 + 2 * num : 2]
        pointers = fields[5 + 2 * num :]
        above = [pointers[i + 1] for i in range(0, len(pointers) - 3, 4) if pointers[i][0] == "@"]
        parents[fields[0]] = above
    return parents, lemmas


def _senses(file: Path) -> Iterator[tuple[str, list[str]]]:
    """Each lemma of letters alone, and the offsets of its senses, the commonest first."""
    for line in _lines(file):
        fields = line.split()
        if fields[0].isalpha():
            yield fields[0], fields[6 + int(fields[3]) :]


def _tag_counts(file: Path) -> Counter[str]:
    """Count the occurrences of each noun in tagged texts."""
    found: Counter[str] = Counter()
    for line in _lines(file):
        key, _, _, count = line.split()
        lemma, kind = key.split("%")
        if kind.startswith("1:"):
            found[lemma] += int(count)
    return found


class _Paths:
    """The longest way from a root to each synset: a dog is rather a canine than a domestic animal.
    cut: synsets through which none leads."""

    def __init__(self, parents: dict[str, list[str]], roots: set[str], cut: set[str]) -> None:
        self._parents, self._cut = parents, cut
        self._found: dict[str, list[str]] = {root: [root] for root in roots}

    def of(self, offset: str) -> list[str]:
        """The synsets from a root to this one; none where it is under none of them."""
        if offset not in self._found:
            above = [] if offset in self._cut else [self.of(p) for p in self._parents[offset]]
            longest = max(above, key=len, default=[])
            self._found[offset] = [*longest, offset] if longest else []
        return self._found[offset]


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        prog="python -m world.text.nouns", description="Make the tree of common nouns of WordNet."
    )
    parser.add_argument("wordnet", type=Path, help="WordNet's folder dict")
    parser.add_argument("--out", type=Path, required=True, help="a file ending in .gz")
    arguments = parser.parse_args(argv)
    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    packed = gzip.compress(build(arguments.wordnet).encode(), mtime=0)
    arguments.out.write_bytes(packed)


if __name__ == "__main__":
    main()
