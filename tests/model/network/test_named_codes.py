"""Codes that name things: rows of their own in the embedding and in the head."""

from dataclasses import replace

import pytest
import torch

from flow.modality import Modality
from flow.sequence import OmniSequence, response
from model.network.omni import OmniModel
from model.presets import PRESETS
from model.tokenizers.text import TextTokenizer


@pytest.fixture(scope="module")
def model() -> OmniModel:
    torch.manual_seed(0)
    config = replace(PRESETS["tiny"], named_codes=True)
    words = TextTokenizer.train(["a dog", "a cat"], config.text_vocabulary)
    made = OmniModel(config, words.space(config.media)).eval()
    torch.nn.init.normal_(made.embeddings.image_names.weight)
    return made


@pytest.fixture(scope="module")
def picture(model: OmniModel) -> torch.Tensor:
    vision = model.config.required_vision
    shape = (2, vision.positions, vision.num_codebooks)
    return torch.randint(0, vision.cardinality, shape)


@torch.no_grad()
def test_each_name_adds_its_row(model: OmniModel, picture: torch.Tensor) -> None:
    sequence = OmniSequence((response(Modality.IMAGE, picture),))
    before = model.embed(sequence)[0]
    rows = model.embeddings.image_names.weight
    kept = rows.clone()
    rows.zero_()
    without = model.embed(sequence)[0]
    rows.copy_(kept)
    assert torch.allclose(before - without, kept[picture[..., 0]], atol=1e-5)


@torch.no_grad()
def test_reading_in_order_gives_the_logits_of_teacher_forcing(
    model: OmniModel, picture: torch.Tensor
) -> None:
    head, codes = model.image_head, picture.flatten(0, 1)
    features = torch.randn(len(codes), model.config.backbone.width)
    whole = head(features, codes)
    past = None
    for q in range(head.num_codebooks):
        found, past = head.step(features if q == 0 else codes[:, q - 1], q, past)
        assert torch.allclose(found, whole[q], atol=1e-4)
    assert head.names is not None
    head.names.weight.mul_(2)
    louder = head(features, codes)
    assert not torch.allclose(louder[0], whole[0]) and torch.equal(louder[1], whole[1])
