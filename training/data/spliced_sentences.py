"""Sentences that nobody said: the beginning of one clip and the end of another, cut between words.

An hour of one voice is learned by heart long before its words are: the codes of a sentence that was
heard are known as a whole. Of N clips there are N^2 such sentences, and what is said in them can
only be known word by word. Owns: `Splicer`. Does not own: where words lie in a clip
(`training.data.forced_alignment`), what is asked of them (`training.data.speech_examples`).
"""

from collections.abc import Sequence
from dataclasses import replace
from itertools import product

import numpy as np

from model.tokenizers.text import TextTokenizer
from training.data.encoded_clip import EncodedClip
from training.data.forced_alignment import spelled
from world.concepts import BY_NAME, OBJECT_COLOURS, held_out
from world.text.captions import RELATION_PHRASES
from world.text.sentences import transcript

TRIES = 20


class Splicer:
    """Draws spliced clips from `clips` of one voice; those whose letters are unknown are left
    aside. longest: positions that one may have."""

    def __init__(
        self, clips: Sequence[EncodedClip], tokenizer: TextTokenizer, longest: int
    ) -> None:
        self.tokenizer, self.longest = tokenizer, longest
        self.clips = [c for c in clips if len(_words(c)) > 1]

    def draw(self, rng: np.random.Generator) -> EncodedClip | None:
        """One that says no pair that is held out; None where it finds none."""
        for _ in range(TRIES if len(self.clips) > 1 else 0):
            first, second = (self.clips[i] for i in rng.integers(len(self.clips), size=2))
            ends = int(rng.integers(1, len(_words(first))))
            begins = int(rng.integers(1, len(_words(second))))
            found = splice(first, ends, second, begins, self.tokenizer)
            if (
                found is not None
                and len(found.codes) <= self.longest
                and not says_held_out(found.sentence)
            ):
                return found
        return None


def splice(
    first: EncodedClip, ends: int, second: EncodedClip, begins: int, tokenizer: TextTokenizer
) -> EncodedClip | None:
    """The first `ends` words of one clip and those of another from number `begins` on; None where
    a clip has no sound of the word at the cut."""
    assert first.path is not None and second.path is not None
    cut, start = _onset(first, ends), _onset(second, begins)
    if cut is None or start is None:
        return None
    before, after = _words(first)[:ends], _words(second)[begins:]
    moved = len(transcript(" ".join(before))) + 1 - _place(second, begins)
    tail = second.path[start:]
    path = np.concatenate([first.path[:cut], np.where(tail >= 0, tail + moved, -1)])
    sentence = " ".join((*before, *after))
    return replace(
        first,
        sentence=sentence,
        codes=np.concatenate([first.codes[:cut], second.codes[start:]]),
        said=spelled(sentence, path, tokenizer),
        path=path,
    )


def says_held_out(sentence: str) -> bool:
    """Whether a colour or a relation and a concept of it are a pair that training never sees,
    wherever they stand."""
    text = f" {transcript(sentence)} "
    concepts = [
        c.name for c in BY_NAME.values() if f" {c.name} " in text or f" {c.plural} " in text
    ]
    colours = [c for c in OBJECT_COLOURS if f" {c} " in text]
    relations = [r for r, said in RELATION_PHRASES.items() if any(f" {p} " in text for p in said)]
    return any(held_out(*pair) for pair in product(colours, concepts)) or any(
        held_out(*pair) for pair in product(concepts, relations)
    )


def _words(clip: EncodedClip) -> list[str]:
    """Those of its sentence; none where its letters are unknown or a word is only marks."""
    words = clip.sentence.split()
    known = clip.path is not None and len(words) == len(transcript(clip.sentence).split())
    return words if known else []


def _place(clip: EncodedClip, word: int) -> int:
    """Which character of the transcript a word begins with."""
    return sum(len(w) + 1 for w in transcript(clip.sentence).split()[:word])


def _onset(clip: EncodedClip, word: int) -> int | None:
    """The first position that says the word, or None."""
    assert clip.path is not None
    begin = _place(clip, word)
    end = begin + len(transcript(clip.sentence).split()[word])
    inside = np.flatnonzero((clip.path >= begin) & (clip.path < end))
    return int(inside[0]) if len(inside) else None
