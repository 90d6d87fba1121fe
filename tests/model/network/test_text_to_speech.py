"""The speaker fits the samplers, sees letters at the time they are said, and is kept whole."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from flow.modality import Modality
from flow.sequence import OmniSequence, prompt, response
from model.config import BackboneConfig, HeadConfig
from model.network.text_to_speech import (
    END,
    SPACE,
    TextToSpeech,
    TextToSpeechConfig,
    before_end,
    spelled,
)
from model.tokenizers.text import BEGIN_AUDIO
from samplers.counter_rng import CounterRNG
from samplers.denoiser import Denoiser
from samplers.kinetic import KineticSampler
from samplers.masked import MaskedSampler
from samplers.step import Step

SMALL = TextToSpeechConfig(
    backbone=BackboneConfig(
        width=32, layers=2, heads=4, kv_heads=2, head_dim=8, mlp_width=64, qk_norm=True
    ),
    head=HeadConfig(width=16, layers=1, heads=2, mlp_width=32),
    reading=1,
    block=6,
    blocks=2,
)


@pytest.fixture(scope="module")
def speaker() -> TextToSpeech:
    torch.manual_seed(0)
    return TextToSpeech(SMALL).eval().requires_grad_(False)


def test_letters_are_bytes_and_a_marker() -> None:
    segment = spelled(["A b", "ü"])
    assert segment.tokens[0, :, 0].tolist()[-1] == BEGIN_AUDIO
    assert segment.tokens.shape == (2, 5, 1)
    assert segment.valid.sum(1).tolist() == [5, 4]
    assert torch.equal(spelled(["a  B"]).tokens, spelled(["A b"]).tokens)


def test_it_fits_the_samplers(speaker: TextToSpeech) -> None:
    assert isinstance(speaker, Denoiser)
    for sampler in (
        MaskedSampler({Modality.AUDIO: SPACE}, steps=3),
        KineticSampler(speaker.metrics(), times=(0.0, 0.5, 1.0)),
    ):
        found = speaker.say(["hello", "a"], sampler, lambda n: CounterRNG.for_seed(n, 2))
        assert len(found) == 2
        for codes in found:
            assert codes.shape[1] == 2
            assert len(codes) <= 12
            assert not len(codes) or codes.max() < END


def test_a_sentence_does_not_change_what_another_one_says(speaker: TextToSpeech) -> None:
    sampler = MaskedSampler({Modality.AUDIO: SPACE}, steps=3)

    def said(sentences: list[str]) -> list[list[list[int]]]:
        found = speaker.say(sentences, sampler, lambda n: CounterRNG.for_seed(n, len(sentences)))
        return [codes.tolist() for codes in found]

    assert said(["hello"])[0] == said(["hello", "a longer sentence"])[0]


def test_letters_are_seen_and_padding_is_not(speaker: TextToSpeech) -> None:
    codes = torch.zeros(1, 4, 2, dtype=torch.int64)

    def features(words: str) -> torch.Tensor:
        return speaker.features(speaker.read(spelled([words])), [response(Modality.AUDIO, codes)])[
            -1
        ]

    assert not torch.allclose(features("a"), features("b"))
    padded = spelled(["a", "abc"])
    alone = replace(
        padded, tokens=padded.tokens[:1], valid=padded.valid[:1], editable=padded.editable[:1]
    )
    found = speaker.features(speaker.read(alone), [response(Modality.AUDIO, codes)])[-1]
    assert torch.allclose(found, features("a"), atol=1e-5)


def test_at_first_a_letter_matters_where_it_is_said() -> None:
    torch.manual_seed(0)
    wide = replace(SMALL.backbone, heads=2, kv_heads=1, head_dim=32)
    fresh = TextToSpeech(replace(SMALL, backbone=wide)).eval().requires_grad_(False)
    codes = response(Modality.AUDIO, torch.full((1, 40, 2), SPACE.mask_id))

    def features(place: int) -> torch.Tensor:
        words = ["a"] * 38
        words[place] = "z"
        return fresh.features(fresh.read(spelled(["".join(words)])), [codes])[-1][0]

    for place in (8, 30):
        changed = (features(place) - features(19)).norm(dim=-1)
        changed[15:25] = 0
        assert abs(int(changed.argmax()) - (place + 1)) <= 3


def test_earlier_codes_are_seen(speaker: TextToSpeech) -> None:
    blank = torch.zeros(1, 4, 2, dtype=torch.int64)

    def features(before: int) -> torch.Tensor:
        shown = prompt(Modality.AUDIO, torch.full((1, 3, 2), before))
        sounds = [shown, response(Modality.AUDIO, blank)]
        return speaker.features(speaker.read(spelled(["a"])), sounds)[-1]

    assert not torch.allclose(features(3), features(99))


class _Ending:
    """Says nothing but the end, at once."""

    source = staticmethod(MaskedSampler({Modality.AUDIO: SPACE}).source)
    calls = 0

    def sample(self, denoiser: object, x_0: OmniSequence, *, draws: object):
        self.calls += 1
        tokens = torch.full_like(x_0.segments[-1].tokens, END)
        place = len(x_0.segments) - 1
        x_t = x_0.with_tokens({place: tokens})
        yield Step(0, 1, True, 1.0, x_t, {}, {}, {}, 1, 1)


def test_saying_stops_where_every_sentence_has_ended(speaker: TextToSpeech) -> None:
    sampler = _Ending()
    found = speaker.say(["a", "b"], sampler, lambda n: CounterRNG.for_seed(n, 2))
    assert sampler.calls == 1
    assert [len(codes) for codes in found] == [0, 0]
    assert len(before_end(torch.tensor([[1, 2], [3, 4], [END, 1], [5, 6]]))) == 2


def test_it_is_kept_whole(speaker: TextToSpeech, tmp_path: Path) -> None:
    speaker.save(tmp_path)
    again = TextToSpeech.load(tmp_path)
    assert again.config == SMALL
    for name, value in speaker.state_dict().items():
        assert torch.equal(value, again.state_dict()[name])
    with pytest.raises(ValueError, match=r"text_to_speech\.json is missing"):
        TextToSpeech.load(tmp_path / "nowhere")
