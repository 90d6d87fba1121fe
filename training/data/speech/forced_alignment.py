"""Forced alignment: a hidden Markov model over audio codes finds the letter at each position.

A sentence is a line of states, one for each letter of each word, with a silence before each word
and at the end; a letter may be passed over. What a state sounds like is counted, for each codebook
by itself: the codes of the letter at that place of that word, with those of the letter anywhere as
a Dirichlet prior. It begins with letters spread evenly and is trained by Viterbi's paths (segmental
k-means, Rabiner 1989, https://doi.org/10.1109/5.18626). Owns: `align`, `spelled`. Does not own:
what is learned from them (`training.objectives.probe_loss`).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from model.tokenizers.text import PAD, TextTokenizer
from world.text.sentences import transcript

SILENCE = " "
LETTERS = "?abcdefghijklmnopqrstuvwxyz"
"""The letters of a position, the first for any other character."""
ROUNDS = 5
JUMP_COSTS = (0.7, 0.5, 2.0, 4.0)
"""Nats for staying at a state and for advancing by one, two or three."""
MIXED = 6.0
"""The weight of the letter's prior, in positions of the word's own letter."""
SMOOTHING = 0.05
"""The initial count of every code."""
AT_ONCE = 256
EDGE = 3
"""Positions at either end of a clip initialised as silence."""


@dataclass(frozen=True)
class Line:
    """The states of a sentence in order. names: (word, letter index), or a silence; letters: the
    letter of each; at: its index in the transcript, -1 for silence."""

    names: tuple[tuple[str, int], ...]
    letters: tuple[str, ...]
    at: np.ndarray

    @classmethod
    def of(cls, sentence: str) -> "Line":
        """Build the states of `transcript(sentence)`."""
        silence = ((SILENCE, 0), SILENCE, -1)
        states, place = [silence], 0
        for word in transcript(sentence).split(" "):
            letters = enumerate(word)
            states += [((word, i), a, place + i) for i, a in letters if a.isalnum()]
            states.append(silence)
            place += len(word) + 1
        names, said, at = zip(*states, strict=True)
        return cls(names, said, np.array(at))


def align(
    sentences: Sequence[str], codes: Sequence[np.ndarray], cardinality: int
) -> list[np.ndarray]:
    """Return, for each clip, the index into `transcript(sentence)` at each position, int64 "L", -1
    for silence. codes: "L Q" of each clip, below `cardinality`."""
    lines = [Line.of(s) for s in sentences]
    paths = [_spread(line, len(c)) for line, c in zip(lines, codes, strict=True)]
    for _ in range(ROUNDS):
        model = _Counts(lines, codes, paths, cardinality)
        paths = model.paths(lines, codes)
    return [line.at[path] for line, path in zip(lines, paths, strict=True)]


def spelled(sentence: str, path: np.ndarray, tokenizer: TextTokenizer) -> np.ndarray:
    """Return the word piece and the letter at each position of a path, int64 "L 2"; PAD and 0 for
    silence."""
    text = transcript(sentence)
    ids = tokenizer.encode(text)
    piece_of = np.repeat(ids, [len(piece) for piece in tokenizer.pieces(ids)])[-len(text) :]
    letter_of = np.array([1 + LETTERS.find(letter) for letter in text])
    said = path >= 0
    facts = np.stack([piece_of[path], np.maximum(letter_of[path], 1)], -1)
    return np.where(said[:, None], facts, [PAD, 0])


def _spread(line: Line, length: int) -> np.ndarray:
    """Return initial states "L", letters spread evenly between two silences."""
    letters = np.flatnonzero(line.at >= 0)
    path = np.zeros(length, np.int64)
    inner = np.arange(max(length - 2 * EDGE, 0))
    if len(letters) and len(inner):
        path[EDGE : EDGE + len(inner)] = letters[inner * len(letters) // len(inner)]
    path[length - min(EDGE, length) :] = len(line.at) - 1
    return path


class _Counts:
    """Emission log-probabilities "S V" of each codebook."""

    def __init__(
        self,
        lines: Sequence[Line],
        codes: Sequence[np.ndarray],
        paths: Sequence[np.ndarray],
        cardinality: int,
    ) -> None:
        names = sorted({name for line in lines for name in line.names})
        letters = sorted({letter for line in lines for letter in line.letters})
        self.row = {name: i for i, name in enumerate(names)}
        letter_row = {letter: i for i, letter in enumerate(letters)}
        of_letter = np.zeros(len(names), np.int64)
        for line in lines:
            for name, letter in zip(line.names, line.letters, strict=True):
                of_letter[self.row[name]] = letter_row[letter]
        self.rows = [np.array([self.row[name] for name in line.names]) for line in lines]
        said = np.concatenate([rows[path] for rows, path in zip(self.rows, paths, strict=True)])
        heard = np.concatenate(codes).astype(np.int64)
        self.log_probs: list[np.ndarray] = []
        for q in range(heard.shape[1]):
            own = np.zeros((len(names), cardinality))
            np.add.at(own, (said, heard[:, q]), 1)
            shared = np.full((len(letters), cardinality), SMOOTHING)
            np.add.at(shared, of_letter, own)
            shared /= shared.sum(1, keepdims=True)
            mixed = own + MIXED * shared[of_letter]
            self.log_probs.append(np.log(mixed / mixed.sum(1, keepdims=True)).astype(np.float32))

    def paths(self, lines: Sequence[Line], codes: Sequence[np.ndarray]) -> list[np.ndarray]:
        """Return the Viterbi path of each clip."""
        order = sorted(range(len(lines)), key=lambda i: len(codes[i]))
        found: dict[int, np.ndarray] = {}
        for start in range(0, len(order), AT_ONCE):
            batch = order[start : start + AT_ONCE]
            found |= dict(zip(batch, self._paths(batch, codes), strict=True))
        return [found[i] for i in range(len(lines))]

    def _paths(self, batch: Sequence[int], codes: Sequence[np.ndarray]) -> list[np.ndarray]:
        lengths = np.array([len(codes[i]) for i in batch])
        states = np.array([len(self.rows[i]) for i in batch])
        rows = np.zeros((len(batch), states.max()), np.int64)
        heard = np.zeros((len(batch), lengths.max(), len(self.log_probs)), np.int64)
        for k, i in enumerate(batch):
            rows[k, : states[k]] = self.rows[i]
            heard[k, : lengths[k]] = codes[i]
        jumps = len(JUMP_COSTS)
        score = np.full(rows.shape, -np.inf, np.float32)
        came = np.zeros((lengths.max(), *rows.shape), np.int8)
        ends = np.zeros(len(batch), np.int64)
        clips = np.arange(len(batch))
        for t in range(lengths.max()):
            emitted = np.zeros(rows.shape, np.float32)
            for q, table in enumerate(self.log_probs):
                emitted += table[rows, heard[:, t, q][:, None]]
            if t == 0:
                score[:, :jumps] = emitted[:, :jumps]
            else:
                ways = np.full((jumps, *rows.shape), -np.inf, np.float32)
                for jump, cost in enumerate(JUMP_COSTS):
                    ways[jump, :, jump:] = score[:, : rows.shape[1] - jump] - cost
                came[t] = ways.argmax(0)
                score = ways.max(0) + emitted
            done = lengths == t + 1
            if done.any():
                last = states[done] - 1
                two = np.stack([score[done, last], score[done, np.maximum(last - 1, 0)]])
                ends[done] = np.maximum(last - two.argmax(0), 0)
        found: list[np.ndarray] = []
        for k in clips:
            path = np.zeros(lengths[k], np.int64)
            state = ends[k]
            for t in range(lengths[k] - 1, -1, -1):
                path[t] = state
                state -= came[t, k, state]
            found.append(path)
        return found
