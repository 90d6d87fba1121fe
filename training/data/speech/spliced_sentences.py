"""Spliced sentences: the beginning of one clip and the end of another, cut between words.

An hour of one voice is learned by heart long before its words are: the codes of a sentence that was
heard are known as a whole. Of N clips there are N^2 such sentences, and what is said in them can
only be known word by word. Owns: `SentenceSplicer`. Does not own: where words lie in a clip
(`training.data.speech.forced_alignment`), what is asked of them
(`training.data.speech.examples`).
"""

from collections.abc import Sequence
from dataclasses import replace
from itertools import product

import numpy as np

from model.tokenizers.text import TextTokenizer
from training.data.speech.encoded_clip import EncodedClip
from training.data.speech.forced_alignment import spelled
from world.concepts import BY_NAME, OBJECT_COLOURS, held_out
from world.text.captions import RELATION_PHRASES
from world.text.sentences import transcript

TRIES = 20


class SentenceSplicer:
    """Draws spliced clips from `clips` of one voice with known letters. longest: the most positions
    of one."""

    def __init__(
        self, clips: Sequence[EncodedClip], tokenizer: TextTokenizer, longest: int
    ) -> None:
        self.tokenizer, self.longest = tokenizer, longest
        self.clips = [c for c in clips if len(_words(c)) > 1]

    def draw(self, rng: np.random.Generator) -> EncodedClip | None:
        """Return a splice that states no held-out pair; None after `TRIES` failures."""
        for _ in range(TRIES if len(self.clips) > 1 else 0):
            first, second = (self.clips[i] for i in rng.integers(len(self.clips), size=2))
            ends = int(rng.integers(1, len(_words(first))))
            begins = int(rng.integers(1, len(_words(second))))
            found = splice(first, ends, second, begins, self.tokenizer)
            if (
                found is not None
                and len(found.codes) <= self.longest
                and not states_held_out_pair(found.sentence)
            ):
                return found
        return None


def splice(
    first: EncodedClip, ends: int, second: EncodedClip, begins: int, tokenizer: TextTokenizer
) -> EncodedClip | None:
    """Join the first `ends` words of one clip with another's from word `begins` on; None where the
    word at a cut has no position."""
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


def states_held_out_pair(sentence: str) -> bool:
    """Return whether the sentence contains both words of a held-out pair, anywhere."""
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
    """Return the words of a clip; none where letters are unknown or a word is punctuation."""
    words = clip.sentence.split()
    known = clip.path is not None and len(words) == len(transcript(clip.sentence).split())
    return words if known else []


def _place(clip: EncodedClip, word: int) -> int:
    """Return the transcript index of a word's first character."""
    return sum(len(w) + 1 for w in transcript(clip.sentence).split()[:word])


def _onset(clip: EncodedClip, word: int) -> int | None:
    """Return the first position of a word, or None."""
    assert clip.path is not None
    begin = _place(clip, word)
    end = begin + len(transcript(clip.sentence).split()[word])
    inside = np.flatnonzero((clip.path >= begin) & (clip.path < end))
    return int(inside[0]) if len(inside) else None
