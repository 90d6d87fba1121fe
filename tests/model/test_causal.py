"""Read from left to right with a cache, the model says what one causal pass over all says."""

from dataclasses import replace

import pytest
import torch

from flow.modality import Modality
from flow.sequence import OmniSequence, prompt, response
from model.network.omni import OmniModel
from model.presets import PRESETS
from samplers.autoregressive import AutoregressiveSampler, CausalDenoiser
from samplers.counter_rng import CounterRNG

NUM_CODES = {Modality.IMAGE: 4, Modality.AUDIO: 2}


def _sequence(modality: Modality) -> OmniSequence:
    """Words, a picture, a sound, and an answer; one in sound goes on with that sound."""
    rng = torch.Generator().manual_seed(0)
    words = torch.randint(40, 290, (2, 6, 1), generator=rng)
    valid = torch.ones(2, 6, dtype=torch.bool)
    valid[1, 4:] = False
    picture = torch.randint(0, 16, (2, 4, 4), generator=rng)
    sound = torch.randint(0, 16, (2, 3, 2), generator=rng)
    low, high = (40, 290) if modality is Modality.TEXT else (0, 16)
    shape = (2, 8, 1) if modality is Modality.TEXT else (2, 4, NUM_CODES[modality])
    answer = torch.randint(low, high, shape, generator=rng)
    return OmniSequence(
        (
            prompt(Modality.TEXT, words, valid),
            prompt(Modality.IMAGE, picture),
            prompt(Modality.AUDIO, sound),
            response(modality, answer),
        )
    )


@pytest.mark.parametrize("shift_text", [False, True])
@pytest.mark.parametrize("modality", [Modality.TEXT, Modality.IMAGE, Modality.AUDIO])
def test_the_cache_changes_nothing(
    tiny_model: OmniModel, modality: Modality, shift_text: bool
) -> None:
    config = PRESETS["tiny"]
    config = replace(config, backbone=replace(config.backbone, shift_text=shift_text))
    torch.manual_seed(1)
    model = OmniModel(config, tiny_model.spaces[Modality.TEXT]).eval()
    assert model.embeddings.pace is not None
    torch.nn.init.normal_(model.embeddings.pace.projection.weight, std=0.1)
    x = _sequence(modality)
    answer = x.segments[-1].tokens
    with torch.inference_mode():
        whole = model.features(x, causal=True)[-1]
        run = model.begin(x)
        for i in range(answer.shape[1]):
            posterior = run.next(None if i == 0 else answer[:, i - 1], torch.tensor(i))
            chosen = torch.empty(2, 1, 0, dtype=torch.int64)
            if modality is Modality.TEXT:
                found = posterior.logits(chosen)
                torch.testing.assert_close(
                    found[:, 0], model.text_logits(whole[:, i]), atol=1e-5, rtol=1e-5
                )
            else:
                found = [
                    posterior.logits(answer[:, i : i + 1, :q]) for q in range(NUM_CODES[modality])
                ]
                plain = model.media_head(modality)(whole[:, i], answer[:, i])
                torch.testing.assert_close(
                    torch.stack(found)[:, :, 0], torch.stack(plain), atol=1e-5, rtol=1e-5
                )


def test_it_can_be_sampled(tiny_model: OmniModel) -> None:
    assert isinstance(tiny_model, CausalDenoiser)
    x = _sequence(Modality.IMAGE)
    draws = CounterRNG.for_seed(0, 2)
    sampler = AutoregressiveSampler(tiny_model.spaces)
    *_, last = sampler.sample(tiny_model, x, draws=draws)
    assert bool((last.x_t.segments[-1].tokens < 16).all())
