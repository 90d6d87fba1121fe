"""Rows of a new vocabulary mean what the old ones meant; codes of things begin as their words."""

from dataclasses import replace

import pytest
import torch

from model.network.omni import OmniModel
from model.presets import PRESETS
from model.tokenizers.text import NUM_MARKERS, TextTokenizer
from training.checkpoints.dictionary import VISION
from training.checkpoints.new_rows import BIAS, DURATION, WORDS, name_codes, text_rows
from world.domain import domain
from world.image.sprites import drawing_of

FEW = ["a dog and a cat", "the cat sees a dog"] * 20
MORE = [*FEW, *["an octopus likes the accordion"] * 40]


@pytest.fixture(scope="module")
def old() -> TextTokenizer:
    return TextTokenizer.train(FEW, 300)


@pytest.fixture(scope="module")
def new() -> TextTokenizer:
    return TextTokenizer.train(MORE, 340)


def test_a_new_piece_begins_as_the_mean_of_the_old_ones(
    old: TextTokenizer, new: TextTokenizer
) -> None:
    torch.manual_seed(0)
    weights = {WORDS: torch.randn(300, 6), BIAS: torch.randn(300), DURATION: torch.rand(301)}
    weights[DURATION][:NUM_MARKERS] = -1.0
    found = text_rows(weights, old, new)
    (there,) = new.encode("octopus")
    spelled = old.encode("octopus")
    assert len(spelled) > 2
    assert torch.allclose(found[WORDS][there], weights[WORDS][spelled].mean(0))
    assert torch.allclose(found[DURATION][there], weights[DURATION][spelled].sum())
    assert torch.equal(found[WORDS][:NUM_MARKERS], weights[WORDS][:NUM_MARKERS])
    assert torch.equal(found[DURATION][:NUM_MARKERS], weights[DURATION][:NUM_MARKERS])
    assert {name: len(rows) for name, rows in found.items()} == {
        WORDS: 340,
        BIAS: 340,
        DURATION: 341,
    }
    assert not found[WORDS][len(new.stored()) :].any()


def test_the_code_of_a_drawing_begins_as_its_word(new: TextTokenizer) -> None:
    config = replace(PRESETS["tiny"], vision=VISION, named_codes=True, text_vocabulary=340)
    model = OmniModel(config, new.space(config.media))
    with domain("large"):
        name_codes(model, new)
        code = drawing_of("octopus") + 1
    (word,) = new.encode("octopus")
    rows, head = model.embeddings.image_names.weight, model.image_head.names
    assert head is not None
    assert torch.equal(rows[code], model.embeddings.text.weight[word])
    assert torch.equal(head.weight[code], model.embeddings.text.weight[word])
    assert not rows[0].any() and not rows[-1].any() and not head.weight[0].any()
