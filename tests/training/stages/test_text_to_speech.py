"""The speech stage: what is shown, what counts, and that it learns."""

from pathlib import Path

import numpy as np
import pytest
import torch

from model.config import BackboneConfig, HeadConfig
from model.network.text_to_speech import END, SPACE, TextToSpeech, TextToSpeechConfig
from model.tokenizers.text import BEGIN_AUDIO, NUM_MARKERS
from training.data.speech.exact_codes import SaidCodes
from training.loop.optimiser import make_optimisers
from training.stages.text_to_speech import Said, TextToSpeechStage, letter_times, said, symbols

ALPHABET = "abcdefgh"
BATCH = 512


def _spoken(sentence: str) -> np.ndarray:
    """A made-up language: each letter is one symbol of its own."""
    found = [
        (0, 0),
        *((8 * (1 + ALPHABET.index(c)), 16 * ALPHABET.index(c)) for c in sentence),
        (0, 0),
    ]
    return np.array(found)


def _sentences(num: int) -> SaidCodes:
    rng = np.random.default_rng(0)
    texts = ["".join(rng.choice(list(ALPHABET), rng.integers(2, 9))) for _ in range(num)]
    return SaidCodes(texts, [_spoken(t) for t in texts])


@pytest.fixture
def stage() -> TextToSpeechStage:
    torch.manual_seed(0)
    sizes = BackboneConfig(
        width=48, layers=2, heads=4, kv_heads=2, head_dim=12, mlp_width=96, qk_norm=True
    )
    speaker = TextToSpeech(
        TextToSpeechConfig(sizes, HeadConfig(width=32, layers=1, heads=2, mlp_width=64), 1, 6, 2)
    )
    known = said(_sentences(400))
    speaker.pace.duration.copy_(letter_times(known, len(speaker.pace.duration) - 1))
    return TextToSpeechStage(speaker, known, known[:6], tokens=BATCH)


def test_sentences_end(stage: TextToSpeechStage) -> None:
    for one in stage.known[:20]:
        assert (one.codes[-1] == END).all()
        assert (one.codes[:-1] < END).all()


def test_a_batch_is_known_then_said(stage: TextToSpeechStage) -> None:
    for step in range(40):
        words, before, target, wanted = stage._batch(np.random.default_rng(step), BATCH)
        num, shown, _ = before.shape
        assert [len(w) for w in wanted] == (words.valid.sum(1)).tolist()
        assert words.tokens.shape[0] == num == len(target)
        assert num * (words.length + shown + target.shape[1]) <= 4 * BATCH
        whole = torch.cat([before, target], 1)
        texts = [bytes(r[r >= NUM_MARKERS] - NUM_MARKERS).decode() for r in words.tokens[..., 0]]
        for text, row in zip(texts, whole, strict=True):
            true = torch.from_numpy(_spoken(text.strip()))[: len(row)]
            assert torch.equal(row[: len(true)], true)
            assert (row[len(true) :] == END).all()


def test_what_is_masked_counts_and_the_rest_is_true(stage: TextToSpeechStage) -> None:
    rng = np.random.default_rng(0)
    _, _, target, _ = stage._batch(rng, BATCH)
    x_t, hidden = stage._masked(target, rng)
    assert bool(hidden.any(1).all())
    assert (x_t[hidden] == SPACE.mask_id).all()
    assert torch.equal(x_t[~hidden], target[~hidden])


def test_the_path_stays_among_codes(stage: TextToSpeechStage) -> None:
    rng = np.random.default_rng(0)
    _, _, target, _ = stage._batch(rng, BATCH)
    x_t, counted = stage._on_path(target, rng)
    assert int(x_t.max()) <= END
    assert bool(counted.all())
    assert 0.02 < float((x_t == target).float().mean()) < 0.95


def test_the_losses_add_up_to_the_codes(stage: TextToSpeechStage) -> None:
    features = torch.randn(7, 48)
    codes = torch.tensor([[0, 0], [9, 3], [511, 511], [END, END], [8, 16], [15, 1], [100, 7]])
    symbol, lasts, _ = stage._losses(features, codes)
    first, _ = stage.model.head(features, codes)
    whole = torch.nn.functional.cross_entropy(first, codes[:, 0], reduction="none")
    assert torch.allclose(symbol + lasts, whole, atol=1e-5)
    assert float(lasts[3].detach()) == pytest.approx(0, abs=1e-5)


def test_letter_times_are_those_of_the_language() -> None:
    found = letter_times(said(_sentences(400)), 288)
    for letter in ALPHABET:
        assert float(found[NUM_MARKERS + ord(letter)]) == pytest.approx(1.0, abs=0.15)
    assert float(found[BEGIN_AUDIO]) == -1


def test_it_learns(stage: TextToSpeechStage, tmp_path: Path) -> None:
    optimisers = make_optimisers(stage.model, 3e-3, 0.0, muon=True)
    losses: list[float] = []
    for step in range(32):
        loss, figures, seen = stage.loss(step)
        assert seen > 0
        assert all(np.isfinite(list(figures.values())))
        loss.backward()
        for optimiser in optimisers:
            optimiser.step()
        stage.model.zero_grad()
        losses.append(float(loss.detach()))
    assert np.mean(losses[-6:]) < 0.75 * np.mean(losses[:5])
    assert "symbol_errors" in stage.report(tmp_path)
    assert (tmp_path / "speaker" / "text_to_speech.json").exists()


def test_codes_are_kept(tmp_path: Path) -> None:
    known = _sentences(5)
    known.save(tmp_path / "a.npz")
    again = SaidCodes.load(tmp_path / "a.npz", tmp_path / "a.npz")
    assert list(again.sentences) == [*known.sentences, *known.sentences]
    assert all(np.array_equal(a, b) for a, b in zip(again.codes, known.codes, strict=False))
    assert symbols(known.codes[0])[0] == 0
    assert Said("ab", _spoken("ab")).length == 6
