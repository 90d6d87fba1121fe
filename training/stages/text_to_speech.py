"""The speech stage: letters -> speech codes, from exact codes alone.

A batch shows each sentence's letters, the codes of its first positions, and the next ones noised
along the metric-induced path (Luo et al. 2025, arXiv:2510.13721, App. A) or masked; whole
sentences, what is left of one, or the next block. Beside it, the symbols are read off the letters
alone. Of the loss, which symbol it is counts in full, how long, how high and how loud it is counts
less, and what is behind the end hardly at all. Owns: batches, views and the loss. Does not own: the
network (`model.network.text_to_speech`), sentences (`world.text.everyday`), the command
(`training.text_to_speech`).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from flow.modality import Modality
from flow.path import sample_path
from flow.sequence import Segment, prompt, response
from model.layers.time_embedding import RESTARTS
from model.network.text_to_speech import (
    CLOCK,
    END,
    SPACE,
    Letters,
    TextToSpeech,
    before_end,
    letters,
    spelled,
)
from model.tokenizers.speech_codes import DURATIONS, NUM_SYMBOLS
from model.tokenizers.text import NUM_MARKERS
from samplers.counter_rng import CounterRNG
from samplers.masked import MaskedSampler
from training.data.speech.exact_codes import SaidCodes
from world.text.sentences import edit_distance

KEPT = "speaker"
"""The folder, inside that of a run, of the speaker as it is at each report."""
TOKENS, MOST_ROWS = 6144, 192
"""Positions of a batch, letters and codes, and the most sentences."""
FIRST, GROWN = 0.25, 3000
"""Share of these that the first batches have, and the steps in which they grow to all: early on,
many small steps teach more than few large ones."""
CHOICE = 512
"""Sentences that are drawn for one batch, of which those of about one length are taken."""
WHOLE, REST = 0.4, 0.25
"""Shares of batches: whole sentences, and the rest of sentences; the others are next blocks."""
ENDS = 0.4
"""The share of next blocks in which the sentences end."""
EARLY = 1.5
"""Times of the path are a uniform number to this power: late, nearly all is known."""
MASKED, ALL_MASKED = 0.6, 0.15
"""Shares: masked batches, and among these the fully masked ones."""
LASTS, PROSODY, BEHIND = 0.5, 0.4, 0.1
"""The loss weights of how long a symbol lasts, of F0 and energy, and of a position behind the
end."""
READ, A_LETTER = 0.5, 3
"""The loss weight of symbols read off the letters alone, and how many a letter may stand for."""
RIDGE = 50.0


@dataclass(frozen=True)
class Said:
    """A sentence as numbers, and its codes int64 "L 2" with the end behind them."""

    sentence: str
    codes: np.ndarray

    @property
    def length(self) -> int:
        return len(self.sentence) + len(self.codes)


def said(known: SaidCodes) -> list[Said]:
    """All sentences of a file."""
    ended = (np.pad(c.astype(np.int64), ((0, 1), (0, 0)), constant_values=END) for c in known.codes)
    return [Said(s, c) for s, c in zip(known.sentences, ended, strict=True)]


class TextToSpeechStage:
    """See the module's docstring; fits `training.loop.budgeted_loop.Stage` by its shape. held_out:
    what the report says. tokens: positions of a batch, letters and codes."""

    def __init__(
        self,
        speaker: TextToSpeech,
        known: Sequence[Said],
        held_out: Sequence[Said],
        tokens: int = TOKENS,
    ) -> None:
        self.model, self.known, self.held_out = speaker, known, held_out
        self.tokens = tokens
        width = speaker.config.backbone.width
        self.helpers = nn.Linear(width, A_LETTER * (NUM_SYMBOLS + 1))
        self.metric = speaker.metrics()[Modality.AUDIO]

    def loss(self, step: int) -> tuple[Tensor, dict[str, float], int]:
        rng = np.random.default_rng((3, step))
        words, before, target, said_symbols = self._batch(
            rng, self.tokens * min(1.0, FIRST + step / GROWN)
        )
        view = "masked" if rng.random() < MASKED else "flow"
        x_t, noised = (self._masked if view == "masked" else self._on_path)(target, rng)
        shown = () if not before.shape[1] else (prompt(Modality.AUDIO, before),)
        letters = self.model.read(words)
        features = self.model.features(letters, (*shown, response(Modality.AUDIO, x_t)))[-1]
        symbol, lasts, prosody = self._losses(features[noised], target[noised])
        behind = (target[..., 0] == END) & (target[..., 0].roll(1, 1) == END)
        weight = torch.where(behind[noised], BEHIND, 1.0)
        total = weight.sum()
        parts = {"symbol": symbol, "lasts": lasts, "prosody": prosody}
        figures = {
            f"{view}_{name}": float((losses.detach() * weight).sum() / total)
            for name, losses in parts.items()
        }
        loss = ((symbol + LASTS * lasts + PROSODY * prosody) * weight).sum() / total
        read = self._read_loss(letters, said_symbols)
        figures["read"] = float(read.detach())
        return loss + READ * read, figures, len(target)

    def report(self, folder: Path) -> dict[str, float]:
        """Wrong symbols of held-out sentences, said in masked order. The speaker is kept in the
        folder."""
        self.model.save(folder / KEPT)
        sampler = MaskedSampler({Modality.AUDIO: SPACE}, steps=8, temperature=0.2)
        num = len(self.held_out)
        found = self.model.say(
            [s.sentence for s in self.held_out],
            sampler,
            lambda block: CounterRNG.for_seed(block, num),
        )
        wanted = [symbols(before_end(torch.from_numpy(s.codes)).numpy()) for s in self.held_out]
        wrong = sum(edit_distance(symbols(a), b) for a, b in zip(found, wanted, strict=True))
        return {"symbol_errors": wrong / sum(map(len, wanted))}

    def _read_loss(self, letters: Letters, wanted: Sequence[list[int]]) -> Tensor:
        """Symbols read off the letters themselves, each letter as up to `A_LETTER` of them, by
        connectionist temporal classification (Graves et al. 2006); a mean over symbols."""
        logits = self.helpers(letters.features).unflatten(-1, (A_LETTER, -1)).flatten(1, 2)
        losses = F.ctc_loss(
            logits.log_softmax(-1).transpose(0, 1),
            torch.tensor([i + 1 for row in wanted for i in row]),
            A_LETTER * letters.valid.sum(1),
            torch.tensor([len(row) for row in wanted]),
            reduction="none",
            zero_infinity=True,
        )
        return losses.sum() / sum(map(len, wanted))

    def _batch(
        self, rng: np.random.Generator, tokens: float
    ) -> tuple[Segment, Tensor, Tensor, list[list[int]]]:
        """Letters, codes "B P 2" that are known, codes "B N 2" that are to be said, and the symbols
        of all of each sentence."""
        drawn = sorted(
            (self.known[i] for i in rng.integers(len(self.known), size=CHOICE)), key=_length
        )
        start = int(rng.integers(CHOICE - 8))
        rows = [drawn[start]]
        for one in drawn[start + 1 :]:
            if len(rows) == MOST_ROWS or one.length * (len(rows) + 1) > tokens:
                break
            rows.append(one)
        longest = max(len(r.codes) for r in rows)
        first, num = self._shown(rng, longest, min(len(r.codes) for r in rows))
        padded = np.full((len(rows), max(longest, first + num), 2), END, np.int64)
        for i, row in enumerate(rows):
            padded[i, : len(row.codes)] = row.codes
        codes = torch.from_numpy(padded)
        words = spelled([r.sentence for r in rows])
        wanted = [symbols(r.codes[:-1]) for r in rows]
        return words, codes[:, :first], codes[:, first : first + num], wanted

    def _shown(self, rng: np.random.Generator, longest: int, shortest: int) -> tuple[int, int]:
        """The numbers of positions that are known, and that are to be said."""
        roll, block = rng.random(), self.model.config.block
        if roll < WHOLE:
            return 0, longest + int(rng.integers(9))
        first = int(rng.integers(longest))
        if roll < WHOLE + REST:
            return first, longest - first + int(rng.integers(9))
        if rng.random() < ENDS:
            first = max(shortest - 1 - int(rng.integers(block)), 0)
        return first - (first % block if rng.random() < 0.5 else 0), block

    def _masked(self, target: Tensor, rng: np.random.Generator) -> tuple[Tensor, Tensor]:
        """The target with positions masked, and which, bool "B N"."""
        num, length, _ = target.shape
        share = np.cos(rng.random((num, 1)) * np.pi / 2)
        if rng.random() < ALL_MASKED:
            share[:] = 1.0
        hidden = torch.from_numpy(rng.random((num, length)) <= share)
        hidden[:, 0] |= ~hidden.any(1)
        return torch.where(hidden[..., None], SPACE.mask_id, target), hidden

    def _on_path(self, target: Tensor, rng: np.random.Generator) -> tuple[Tensor, Tensor]:
        """The target drifted away along the path, one time a row; every position counts."""
        num = len(target)
        spread = ((rng.permutation(num) + rng.random(num)) / num) ** EARLY
        times = torch.from_numpy(spread).clamp(max=0.999)
        uniforms = torch.from_numpy(rng.random(tuple(target.shape), dtype=np.float32))
        x_t = sample_path(self.metric, target, times, uniforms.clamp(1e-6, 1 - 1e-6), CLOCK)
        return x_t, torch.ones(target.shape[:2], dtype=torch.bool)

    def _losses(self, features: Tensor, codes: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Cross-entropies "N" of the symbol, of its duration given the symbol, and of code 2."""
        first, second = self.model.head(features, codes)
        joint = first.log_softmax(-1)
        each = joint[:, :END].unflatten(-1, (NUM_SYMBOLS, len(DURATIONS))).logsumexp(-1)
        symbol = torch.cat([each, joint[:, END:]], -1)
        wanted = codes[:, 0].div(len(DURATIONS), rounding_mode="floor")
        right = symbol.gather(1, wanted[:, None])[:, 0]
        lasts = right - joint.gather(1, codes[:, :1])[:, 0]
        return -right, lasts, F.cross_entropy(second, codes[:, 1], reduction="none")


def symbols(codes: np.ndarray) -> list[int]:
    """The symbols of codes "L 2"."""
    return (codes[:, 0] // len(DURATIONS)).tolist()


def letter_times(known: Sequence[Said], rows: int) -> Tensor:
    """For `model.layers.time_embedding.TimeEmbedding`: float "rows+1", how many symbols each letter
    is said by, by least squares over all sentences; the mean where hardly any has it."""
    counts = np.zeros((len(known), rows))
    for i, one in enumerate(known):
        np.add.at(counts[i], letters(one.sentence)[:-1], 1)
    lengths = np.array([len(one.codes) - 1.0 for one in known])
    mean = lengths.sum() / counts.sum()
    gram = counts.T @ counts + RIDGE * np.eye(rows)
    found = mean + np.linalg.solve(gram, counts.T @ (lengths - mean * counts.sum(1)))
    found = found.clip(min=0.0)
    found[:NUM_MARKERS] = RESTARTS
    return torch.from_numpy(np.append(found, mean)).float()


def _length(one: Said) -> int:
    return one.length
