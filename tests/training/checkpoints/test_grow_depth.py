"""A model with more layers begins as what it was."""

from dataclasses import replace

import pytest
import torch

from flow.modality import Modality
from flow.sequence import OmniSequence, response
from model.network.omni import OmniModel
from model.presets import PRESETS
from model.tokenizers.text import TextTokenizer
from training.checkpoints.grow_depth import grow_depth
from training.checkpoints.text_metric import training_texts


@pytest.fixture
def model() -> OmniModel:
    torch.manual_seed(0)
    config = PRESETS["tiny"]
    tokenizer = TextTokenizer.train(training_texts(50), config.text_vocabulary)
    return OmniModel(config, tokenizer.space(config.media))


def _deeper(model: OmniModel, layers: int) -> OmniModel:
    config = replace(model.config, backbone=replace(model.config.backbone, layers=layers))
    grown = OmniModel(config, model.spaces[Modality.TEXT])
    grown.load_state_dict(grow_depth(model.state_dict(), layers))
    return grown


def test_it_computes_the_same_and_its_new_layers_learn(model: OmniModel) -> None:
    before = len(model.backbone.layers)
    grown = _deeper(model, before + 2)
    codes = torch.randint(16, (3, 4, model.spaces[Modality.IMAGE].num_codebooks))
    sequence = OmniSequence((response(Modality.IMAGE, codes),))
    for causal in (False, True):
        was, now = (m.features(sequence, causal=causal)[0] for m in (model, grown))
        torch.testing.assert_close(now, was)
    wanted = torch.randn_like(now)
    optimiser = torch.optim.SGD(grown.parameters(), lr=1.0)
    for _ in range(2):
        (grown.features(sequence)[0] * wanted).mean().backward()
        optimiser.step()
    for layer in grown.backbone.layers[before:]:
        for name, weight in layer.named_parameters():
            if name.endswith(("o_proj.weight", "down_proj.weight")):
                assert weight.abs().max() > 1e-6


def test_it_never_loses_a_layer(model: OmniModel) -> None:
    own = model.state_dict()
    layers = len(model.backbone.layers)
    same = grow_depth(own, layers)
    assert all(torch.equal(same[name], own[name]) for name in own)
    assert set(same) == set(own)
    with pytest.raises(ValueError, match=f"has {layers} layers"):
        grow_depth(own, layers - 1)
