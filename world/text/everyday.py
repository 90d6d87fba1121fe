"""Everyday speech: sentences of everyday English, of this world, single words, numbers and
spelled names, so that any word can be said.

Everyday sentences are messages of the package chitchat_dataset (MIT, a tool that is never shipped),
without those that hold a word hardly anybody writes, or one that is not for children. A sentence is
a function of the seed and its number. Owns: these sentences, and which are held out. Does not own:
what is said in the world (`world.text.sentences`).
"""

import json
import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import blake2b
from importlib import import_module
from pathlib import Path

import numpy as np

from world.sampling import pick
from world.text.sentences import model_sentence, names, user_sentence

SHARES = {"everyday": 0.38, "world": 0.2, "words": 0.3, "numbers": 0.07, "spelled": 0.05}
"""The share of each kind of sentence."""
HELD_OUT_IN = 40
"""One message in so many is held out."""
MOST_WORDS, MOST_LETTERS = 16, 96
KNOWN, COMMON = 4, 30
"""Least occurrences of a word that is said at all, and of a common one."""
RARITY = 0.25
"""A single word is drawn in proportion to this power of how often it is written."""
FEWEST_WORDS_HELD_OUT = 3
_UNSUITED = re.compile(
    r"\b(fuck\w*|shit\w*|bitch\w*|ass|asses|asshole\w*|damn\w*|crap\w*|bastard\w*|dick\w*|pussy|"
    r"cock|cocks|porn\w*|sex\w*|naked|nude|rape\w*|kill\w*|murder\w*|suicid\w*|nazi\w*|hitler|"
    r"slut\w*|whore\w*|nigg\w*|fag\w*|gay|gays|lesbian\w*|jew|jews|terroris\w*|drugs?|weed|cocaine|"
    r"drunk\w*|beer|vodka|die|died|dead|gun|guns|hell|hate\w*|stupid\w*|idiot\w*|bot|bots|turk\w*|"
    r"trump|clinton|obama|mturk|hit|hits)\b"
)
_SAYABLE = re.compile(r"[A-Za-z][A-Za-z' ,.?!]*")
_NAMES = (
    "Sam Anna Ben Maria Leo Emma Noah Olivia Liam Ava Lucas Mia Ethan Sophia James Isabella Henry "
    "Amelia Jack Evelyn Daniel Harper Owen Luna Wyatt Ella Julian Grace Victor Zoe Felix Chloe "
    "Hugo Alice Oscar Ruby Max Clara Arthur Ivy Peter Quinn Xavier Yvonne Walter Judith Kevin Fiona"
).split()
_ONES = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen "
    "sixteen seventeen eighteen nineteen"
).split()
_TENS = "twenty thirty forty fifty sixty seventy eighty ninety".split()
_COUNTED = ("{}", "{}.", "i have {} of them.", "it is {} o'clock.", "there are {}.", "number {}.")
_SPELLED = (
    "my name is {name}, {letters}.", "{name}, {letters}.", "{letters}.", "you spell it {letters}.",
)  # fmt: skip


@dataclass(frozen=True)
class Everyday:
    """Messages to train on, messages held out, and the words of all with how often each is
    written."""

    train: tuple[str, ...]
    test: tuple[str, ...]
    words: tuple[str, ...]
    counts: np.ndarray

    @classmethod
    def installed(cls) -> "Everyday":
        """Return those of the installed package. Raises: ModuleNotFoundError."""
        home = Path(str(import_module("chitchat_dataset").__file__)).parent
        conversations = json.loads((home / "dataset.json").read_text())
        return cls.of(
            message["text"]
            for conversation in conversations.values()
            for turn in conversation["messages"]
            for message in turn
        )

    @classmethod
    def of(cls, messages: Iterable[str]) -> "Everyday":
        """Return those that occur in the messages."""
        every = [re.sub(r"\s+", " ", m).strip() for m in messages]
        counted = Counter(word for m in every for word in words_of(m))
        known = {w for w, n in counted.items() if n >= KNOWN and not _UNSUITED.search(w)}
        fit = dict.fromkeys(m for m in every if _is_fit(m, known))
        parts: tuple[list[str], list[str]] = ([], [])
        for message in fit:
            parts[is_held_out(message)].append(message)
        plain = sorted(w for w in known if "'" not in w and (len(w) > 1 or w in "ai"))
        test = [m for m in parts[1] if len(words_of(m)) >= FEWEST_WORDS_HELD_OUT]
        return cls(
            tuple(parts[0]), tuple(test), tuple(plain), np.array([counted[w] for w in plain])
        )

    def sentence(self, seed: int, number: int) -> str:
        """Sentence `number` to train on."""
        rng = np.random.default_rng((31, seed, number))
        kind = list(SHARES)[int(rng.choice(len(SHARES), p=list(SHARES.values())))]
        match kind:
            case "everyday":
                return pick(rng, self.train)
            case "world":
                return _of_world(rng, test=False)
            case "words":
                return self._words(rng)
            case "numbers":
                return pick(rng, _COUNTED).format(number_word(int(10 ** rng.uniform(0, 4.5))))
            case _:
                name = pick(rng, _NAMES) if rng.random() < 0.6 else self._word(rng)
                return pick(rng, _SPELLED).format(name=name, letters=" ".join(name.upper()))

    def held_out(self, seed: int, num: int) -> list[str]:
        """Sentences of the world that training never says."""
        rng = np.random.default_rng((32, seed))
        return [_of_world(rng, test=True) for _ in range(num)]

    def open(self, seed: int, num: int) -> list[str]:
        """Held-out everyday sentences of common words, 4 to 12 of them."""
        rng = np.random.default_rng((33, seed))
        common = {w for w, n in zip(self.words, self.counts, strict=True) if n >= COMMON}
        fit = [m for m in self.test if 4 <= len(words_of(m)) <= 12 and set(words_of(m)) <= common]
        return [fit[int(i)] for i in rng.permutation(len(fit))[:num]]

    def _words(self, rng: np.random.Generator) -> str:
        """One to three words that need not belong together."""
        num = int(rng.choice((1, 2, 3), p=(0.6, 0.25, 0.15)))
        return " ".join(self._word(rng) for _ in range(num)) + pick(rng, ("", ".", ".", "!", "?"))

    def _word(self, rng: np.random.Generator) -> str:
        weights = self.counts**RARITY
        place = np.searchsorted(weights.cumsum(), rng.random() * weights.sum())
        return self.words[min(int(place), len(self.words) - 1)]


def is_held_out(message: str) -> bool:
    """Return whether a message is held out of training; by its words, however they are written."""
    digest = blake2b(" ".join(words_of(message)).encode(), digest_size=8).digest()
    return int.from_bytes(digest) % HELD_OUT_IN == 0


def words_of(text: str) -> list[str]:
    """Its words in lower case."""
    return re.findall(r"[a-z']+", text.lower())


def number_word(number: int) -> str:
    """A number below a million in words: "four hundred and two"."""
    if number < len(_ONES):
        return _ONES[number]
    if number < 100:
        tens, ones = divmod(number, 10)
        return _TENS[tens - 2] + (f" {_ONES[ones]}" if ones else "")
    size, name = (1000, "thousand") if number >= 1000 else (100, "hundred")
    many, rest = divmod(number, size)
    join = " and " if size == 100 or rest < 100 else " "
    return f"{number_word(many)} {name}" + (join + number_word(rest) if rest else "")


def _of_world(rng: np.random.Generator, *, test: bool) -> str:
    if not test and rng.random() < 0.15:
        return names(rng)
    while True:
        said = (model_sentence if rng.random() < 0.5 else user_sentence)(rng, test=test).text
        if len(said) <= MOST_LETTERS:
            return said


def _is_fit(message: str, known: set[str]) -> bool:
    """Return whether a message is a short sentence of known words."""
    found = words_of(message)
    if not 1 <= len(found) <= MOST_WORDS or len(message) > MOST_LETTERS:
        return False
    if not _SAYABLE.fullmatch(message) or _UNSUITED.search(message.lower()):
        return False
    return set(found) <= known and len(set(found)) * 2 > len(found)
