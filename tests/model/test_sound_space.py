"""Sound among the modalities: the code behind the end, and checkpoints that have no sound."""

import json
from dataclasses import replace

import pytest
import torch

from flow.modality import Modality
from flow.sequence import OmniSequence, response
from model.config import OmniConfig
from model.loading.config_file import config_from_json
from model.network.omni import OmniModel
from model.presets import PRESETS
from model.tokenizers.text import TextTokenizer

TINY = PRESETS["tiny"]
DEAF = replace(TINY, audio=None)
END = TINY.audio_space().cardinality - 1


def test_the_end_is_a_state_as_far_from_every_code_as_strangers_are(tiny_model: OmniModel) -> None:
    metric = tiny_model.metrics()[Modality.AUDIO]
    assert metric.cardinality == END + 1
    for q in range(metric.num_codebooks):
        gaps = metric.distances(q, torch.tensor([END]))[0]
        assert gaps.tolist() == pytest.approx([1.0] * END + [0.0])
        assert bool(metric.states[q, END])


def test_distances_between_codes_are_those_without_an_end(tiny_model: OmniModel) -> None:
    table = tiny_model.metrics()[Modality.AUDIO].table
    assert table is not None
    books = tiny_model.codebooks()[Modality.AUDIO]
    gaps = 1 - books @ books.transpose(1, 2)
    torch.testing.assert_close(table[:, :END, :END], gaps, atol=1e-5, rtol=0)


def test_a_code_the_end_and_the_mask_enter_as_three_things(tiny_model: OmniModel) -> None:
    space = tiny_model.spaces[Modality.AUDIO]
    shape = (1, 1, space.num_codebooks)
    code, end, masked = (
        tiny_model.embed(OmniSequence((response(Modality.AUDIO, torch.full(shape, i)),)))[0]
        for i in (END - 1, END, space.mask_id)
    )
    assert not torch.allclose(code, end)
    assert not torch.allclose(end, masked)
    assert not torch.allclose(code, masked)


def test_posteriors_of_sound_cover_its_codes_and_the_end(tiny_model: OmniModel) -> None:
    heard = response(Modality.AUDIO, torch.zeros(2, 4, 2, dtype=torch.long))
    logits = tiny_model(OmniSequence((heard,)), 0.5)[0].logits(torch.empty(2, 4, 0).long())
    assert logits.shape == (2, 4, END + 1)
    assert bool(logits.isfinite().all())


def test_each_kind_of_media_has_its_head(tiny_model: OmniModel) -> None:
    assert tiny_model.media_head(Modality.AUDIO) is tiny_model.audio_head
    assert tiny_model.media_head(Modality.IMAGE) is tiny_model.image_head
    for modality in (Modality.AUDIO, Modality.IMAGE):
        space, head = tiny_model.spaces[modality], tiny_model.media_head(modality)
        assert [o.out_features for o in head.out] == [space.cardinality] * space.num_codebooks


@pytest.mark.parametrize("config", [TINY, DEAF, PRESETS["next_omni_7b"]])
def test_a_config_survives_its_file(config: OmniConfig) -> None:
    assert config_from_json(json.loads(json.dumps(config.to_json()))) == config


def test_a_model_without_sound_has_no_trace_of_it(tiny_tokenizer: TextTokenizer) -> None:
    model = OmniModel(DEAF, tiny_tokenizer.space())
    assert [n for n in model.state_dict() if "audio" in n] == []
    for known in (model.spaces, model.metrics(), model.codebooks()):
        assert Modality.IMAGE in known
        assert Modality.AUDIO not in known
    with pytest.raises(ValueError, match="tiny neither hears nor speaks"):
        DEAF.audio_space()
