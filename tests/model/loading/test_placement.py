"""Device and numbers are chosen once; what does not fit is refused with the numbers."""

from dataclasses import replace

import pytest
import torch

from engine.api.conversation import Conversation
from engine.api.events import Completed
from engine.api.request import Request
from engine.api.sampling import Sampling
from engine.engine import Engine
from flow.modality import Modality, TokenSpace
from model.layers.attention import AttentionBackend
from model.loading import placement as placing
from model.loading.checkpoint import Checkpoint
from model.loading.placement import Placement, check_memory, estimate, random_model, shapes
from model.presets import PRESETS
from model.tokenizers.audio import POSITIONS_A_SECOND
from model.tokenizers.text import TextTokenizer

WORDS = TokenSpace(Modality.TEXT, 1, PRESETS["next_omni_7b"].text_vocabulary, forbidden=(0,))
CPU = Placement.of("cpu")


def test_a_cpu_computes_in_float32() -> None:
    assert Placement(torch.device("cpu"), torch.float32, AttentionBackend.SDPA) == CPU
    assert CPU.describe() == {
        "device": "cpu",
        "device_name": "CPU",
        "dtype": "float32",
        "attention": "sdpa",
    }


@pytest.mark.parametrize(
    ("device", "dtype", "says"),
    [
        ("tpu9", "auto", "choose auto, cpu or cuda"),
        ("cpu", "int3", "choose auto, float32, bfloat16, float16"),
    ],
)
def test_what_cannot_be_used_is_said(device: str, dtype: str, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        Placement.of(device, dtype)


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU here")
def test_without_a_gpu_the_reason_is_given() -> None:
    with pytest.raises(ValueError, match=r"no cuda device here \(.+\): use --device cpu"):
        Placement.of("cuda")


def test_the_published_size_is_counted_without_memory() -> None:
    config = PRESETS["next_omni_7b"]
    backbone = sum(p.numel() for p in shapes(config, WORDS).backbone.parameters())
    assert 6.5e9 < backbone < 6.6e9, "Qwen2.5-7B without its embeddings has 6.53 billion"
    head = sum(p.numel() for p in shapes(config, WORDS).image_head.parameters())
    assert 120e6 < head < 140e6
    needed = estimate(config, WORDS, replace(CPU, dtype=torch.bfloat16))
    assert 17e9 < needed.weights < 19e9
    assert needed.total > needed.weights + needed.tables > needed.weights


def test_the_published_sizes_fit_what_they_begin_with() -> None:
    """ViT-L/14 at 224 and at 336 px; a quarter of a minute of sound."""
    for name, clip_px in (("next_omni_7b", 224), ("next_omni_7b_384", 336)):
        config = PRESETS[name]
        assert config.name == name
        assert config.required_vision.grid == clip_px / 14
        assert config.audio_length == 15 * POSITIONS_A_SECOND


def test_what_does_not_fit_is_refused_with_the_numbers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(placing, "free_bytes", lambda _: 12_000_000_000)
    with pytest.raises(ValueError, match=r"needs about \d+\.\d GB on cpu .*12\.0 GB are free"):
        check_memory(PRESETS["next_omni_7b"], WORDS, replace(CPU, dtype=torch.bfloat16))


@pytest.mark.parametrize("to", [Modality.IMAGE, Modality.TEXT])
@pytest.mark.parametrize("sampler", ["flow", "masked", "autoregressive"])
def test_half_precision_runs_everywhere(
    tiny_tokenizer: TextTokenizer, to: Modality, sampler: str
) -> None:
    """bfloat16 and eager attention, which a GPU without FlashAttention would take."""
    placement = replace(CPU, dtype=torch.bfloat16, attention=AttentionBackend.EAGER)
    torch.manual_seed(0)
    model = random_model(PRESETS["tiny"], tiny_tokenizer.space(), placement)
    assert model.backbone.norm.weight.dtype is torch.bfloat16
    assert model.vision.from_codes.weight.dtype is torch.float32
    assert model.metrics()[Modality.TEXT].codes.dtype is torch.float32
    engine = Engine(Checkpoint(model, tiny_tokenizer, {}, "random"), placement)
    cache = 0.5 if sampler == "flow" else None
    sampling = Sampling(sampler=sampler, steps=3, guidance_scale=1.0, cache_share=cache)
    *_, last = engine.generate(Request(Conversation.ask("draw a dog"), to, sampling))
    assert isinstance(last, Completed)
    assert engine.info()["dtype"] == "bfloat16"


def test_random_weights_take_what_was_estimated(tiny_tokenizer: TextTokenizer) -> None:
    config = PRESETS["tiny"]
    model = random_model(config, tiny_tokenizer.space(), CPU)
    held = sum(p.nbytes for p in model.parameters())
    assert estimate(config, tiny_tokenizer.space(), CPU).weights == held
    assert torch.get_default_dtype() is torch.float32
