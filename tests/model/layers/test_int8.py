"""Weights in 8 bits are off by half a step at most, take what was estimated, and still answer."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import nn

from engine.api.conversation import Conversation
from engine.api.events import Answer, Completed
from engine.api.request import Request
from engine.api.sampling import Sampling
from engine.engine import Engine
from flow.modality import Modality, TokenSpace
from flow.sequence import OmniSequence
from model.layers import int8
from model.layers.int8 import Int8Linear
from model.loading.checkpoint import load_checkpoint, save_checkpoint
from model.loading.placement import Placement, estimate, held_bytes
from model.network.omni import OmniModel
from model.presets import PRESETS
from model.tokenizers.text import TextTokenizer

CPU = torch.device("cpu")
SMALL = Placement.of("cpu", weights="int8")
WORDS = TokenSpace(Modality.TEXT, 1, PRESETS["next_omni_7b"].text_vocabulary, forbidden=(0,))


def _linear(rows: int = 48, columns: int = 40, *, bias: bool = True) -> nn.Linear:
    torch.manual_seed(0)
    linear = nn.Linear(columns, rows, bias=bias)
    with torch.no_grad():
        linear.weight.mul_(10 ** torch.linspace(-6, 3, rows)[:, None])
        linear.weight[5] = 0
    return linear


def test_a_weight_is_off_by_half_a_step_at_most() -> None:
    linear = _linear()
    small = Int8Linear.of(linear.weight, linear.bias, CPU)
    off = (small.weight * small.scale[:, None] - linear.weight).abs()
    assert bool((off <= small.scale[:, None] / 2 * (1 + 1e-5)).all())
    largest = small.weight.abs().amax(1)
    assert set(largest.tolist()) == {0, 127}, "every row uses all of its range, zeros none"


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_the_product_is_that_of_the_rounded_weights(dtype: torch.dtype) -> None:
    linear = _linear().to(dtype)
    small = Int8Linear.of(linear.weight, linear.bias, CPU)
    x = torch.randn(2, 3, 40, dtype=dtype)
    exact = x.double() @ (small.weight.double() * small.scale.double()[:, None]).T + linear.bias
    assert small(x).dtype is dtype
    slack = 1e-5 if dtype is torch.float32 else 0.02
    torch.testing.assert_close(small(x).double(), exact, atol=slack, rtol=slack)


def test_the_product_is_close_to_the_exact_one() -> None:
    """Half a step a weight, in random directions: about half a percent of the length."""
    torch.manual_seed(0)
    linear = nn.Linear(256, 64, bias=False)
    x = torch.randn(100, 256)
    linear.requires_grad_(False)
    off = Int8Linear.of(linear.weight, None, CPU)(x) - linear(x)
    assert float(off.norm() / linear(x).norm()) < 0.01


def test_rows_that_are_read_in_parts_give_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    linear, x = _linear(), torch.randn(2, 40)
    whole = Int8Linear.of(linear.weight, linear.bias, CPU)
    monkeypatch.setattr(int8, "IN_A_CACHE", 3 * 40)
    parts = Int8Linear.of(linear.weight, linear.bias, CPU)
    assert torch.equal(whole.weight, parts.weight)
    assert torch.equal(whole.scale, parts.scale)
    torch.testing.assert_close(whole(x), parts(x))


@pytest.fixture(scope="module")
def untied(tiny_tokenizer: TextTokenizer, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkpoint whose words are written by a head of their own."""
    torch.manual_seed(0)
    folder = tmp_path_factory.mktemp("untied")
    config = replace(PRESETS["tiny"], text_tied=False)
    model = OmniModel(config, tiny_tokenizer.space())
    save_checkpoint(folder, model, tiny_tokenizer, {"concepts": []})
    return folder


@pytest.mark.parametrize("tied", [True, False])
def test_it_takes_what_was_estimated(tiny_checkpoint: Path, untied: Path, tied: bool) -> None:
    model = load_checkpoint(tiny_checkpoint if tied else untied, SMALL).model
    space = model.spaces[Modality.TEXT]
    assert held_bytes(model) == estimate(model.config, space, SMALL).weights
    exact = estimate(model.config, space, Placement.of("cpu")).weights
    linears = [m for m in model.modules() if isinstance(m, Int8Linear)]
    assert len(linears) == 7 * model.config.backbone.layers + (not tied)
    saved = sum(3 * m.weight.numel() - 4 * len(m.scale) for m in linears)
    assert exact - held_bytes(model) == saved


def test_the_published_size_takes_half() -> None:
    half = replace(Placement.of("cpu"), dtype=torch.bfloat16)
    config = replace(PRESETS["next_omni_7b"], text_tied=False)
    exact = estimate(config, WORDS, half).weights
    small = estimate(config, WORDS, replace(half, weights=SMALL.weights)).weights
    linears = 6.525e9 + config.text_vocabulary * config.backbone.width
    assert exact - small == pytest.approx(linears, rel=0.01)


@pytest.fixture(scope="module")
def engines(tiny_checkpoint: Path) -> tuple[Engine, Engine]:
    """With exact weights, and with small ones."""
    return Engine.load(tiny_checkpoint, "cpu"), Engine.load(tiny_checkpoint, "cpu", weights="int8")


def _answer(engine: Engine, to: Modality, sampler: str) -> Answer:
    request = Request(
        Conversation.ask("draw a dog"), to, Sampling(sampler=sampler, steps=3, seed=4)
    )
    *_, last = engine.generate(request)
    assert isinstance(last, Completed)
    return last.answers[0]


@pytest.mark.parametrize("to", [Modality.IMAGE, Modality.TEXT])
@pytest.mark.parametrize("sampler", ["flow", "masked", "autoregressive"])
def test_the_engine_answers_and_the_same_seed_gives_the_same(
    engines: tuple[Engine, Engine], to: Modality, sampler: str
) -> None:
    first, second = (_answer(engines[1], to, sampler).tokens.tolist() for _ in range(2))
    assert first == second


def test_features_are_close_to_the_exact_ones(engines: tuple[Engine, Engine]) -> None:
    request = Request(Conversation.ask("draw a dog"), Modality.IMAGE)
    with torch.inference_mode():
        exact, small = (
            e.model.embedding(OmniSequence(tuple(e.builder.prompt_of(request, Modality.IMAGE))))
            for e in engines
        )
    assert float((exact * small).sum(-1).min()) > 0.99


def test_info_says_it(engines: tuple[Engine, Engine]) -> None:
    exact, small = (e.info() for e in engines)
    assert (exact["weights"]["kept"], small["weights"]["kept"]) == ("auto", "int8")
    assert small["weights"]["bytes"] < exact["weights"]["bytes"]
    assert small["parameters"] == exact["parameters"]


@pytest.mark.parametrize(
    ("weights", "dtype", "says"),
    [
        ("int3", "auto", "unknown weights 'int3': choose auto or int8"),
        ("int8", "float16", "overflow in float16: choose float32 or bfloat16"),
    ],
)
def test_what_cannot_be_is_said(weights: str, dtype: str, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        Placement.of("cpu", dtype, weights)


def test_some_rows_are_those_of_all() -> None:
    torch.manual_seed(3)
    layer = Int8Linear.of(torch.randn(12, 8), None, torch.device("cpu"))
    x = torch.randn(2, 8)
    torch.testing.assert_close(layer.logits(x, slice(3, 9)), layer.logits(x)[:, 3:9])
