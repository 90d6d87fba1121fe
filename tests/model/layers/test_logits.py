"""Logits are products in float32, whatever the weights are stored in."""

import torch

from model.layers.int8 import Int8Linear
from model.layers.logits import logits


def test_half_precision_weights_give_unrounded_logits() -> None:
    rng = torch.Generator().manual_seed(0)
    features = torch.randn(2, 3, 64, generator=rng).bfloat16()
    weight = torch.randn(10, 64, generator=rng).bfloat16()
    exact = features.double() @ weight.double().T
    with torch.inference_mode():
        found = logits(features, weight)
    assert found.dtype == torch.float32
    torch.testing.assert_close(found.double(), exact, atol=1e-4, rtol=1e-6)
    assert (found - found.bfloat16().float()).abs().max() > 0.01, "bfloat16 would round these"


def test_eight_bits_give_unrounded_logits() -> None:
    rng = torch.Generator().manual_seed(0)
    features = torch.randn(3, 64, generator=rng).bfloat16()
    layer = Int8Linear.of(torch.randn(10, 64, generator=rng), None, torch.device("cpu"))
    exact = features.double() @ (layer.weight.double() * layer.scale.double()[:, None]).T
    with torch.inference_mode():
        torch.testing.assert_close(layer.logits(features).double(), exact, atol=1e-4, rtol=1e-5)


def test_a_product_that_is_learned_has_a_gradient() -> None:
    weight = torch.randn(4, 8, dtype=torch.bfloat16, requires_grad=True)
    logits(torch.ones(2, 8, dtype=torch.bfloat16), weight).sum().backward()
    assert weight.grad is not None
