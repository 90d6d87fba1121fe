"""Muon's step has no preferred direction, one size, and learns; no parameter has two rules."""

import copy

import pytest
import torch
from torch import nn

from model.network.omni import OmniModel
from model.presets import PRESETS
from model.tokenizers.image_decoder import ConvBlock
from model.tokenizers.text import TextTokenizer
from training.checkpoints.text_metric import training_texts
from training.loop.optimiser import Muon, make_optimisers, orthogonalise


def test_singular_values_come_near_one() -> None:
    torch.manual_seed(0)
    matrices = torch.randn(3, 24, 80) @ torch.diag(torch.logspace(0, -2, 80))
    before, after = torch.linalg.svdvals(matrices), torch.linalg.svdvals(orthogonalise(matrices))
    assert float((before[:, 0] / before[:, -1]).min()) > 3
    assert 0.6 < float(after.min()) < float(after.max()) < 1.3


def test_singular_vectors_stay() -> None:
    torch.manual_seed(1)
    left, _ = torch.linalg.qr(torch.randn(12, 12))
    right, _ = torch.linalg.qr(torch.randn(30, 12))
    matrix = left @ torch.diag(torch.linspace(1, 3, 12)) @ right.T
    inner = left.T @ orthogonalise(matrix[None])[0] @ right
    torch.testing.assert_close(inner, torch.diag(inner.diagonal()), atol=1e-4, rtol=0)


@pytest.mark.parametrize("shape", [(16, 40), (40, 16), (16, 16)])
def test_a_step_is_as_large_whatever_the_gradient(shape: tuple[int, int]) -> None:
    sizes: list[float] = []
    for scale in (1e-4, 1.0, 1e3):
        torch.manual_seed(2)
        weight = nn.Parameter(torch.zeros(shape))
        weight.grad = torch.randn(shape) * scale
        Muon([weight], lr=0.01).step()
        sizes.append(float(weight.detach().square().mean().sqrt()))
    assert sizes == pytest.approx([0.01 * 0.2 * 0.92] * 3, rel=0.15)


def test_it_solves_an_ill_conditioned_regression() -> None:
    torch.manual_seed(3)
    x = torch.randn(256, 16) @ torch.diag(torch.logspace(0, -1.5, 16))
    true = torch.randn(16, 8)
    weight = nn.Parameter(torch.zeros(8, 16))
    muon = Muon([weight], lr=0.3)
    for step in range(300):
        muon.param_groups[0]["lr"] = 0.3 * (1 - step / 300)
        loss = (x @ weight.T - x @ true).square().mean()
        loss.backward()
        muon.step()
        muon.zero_grad()
    assert float((weight.detach() - true.T).abs().max()) < 0.1


def test_every_trained_parameter_is_stepped_by_one_rule() -> None:
    config = PRESETS["tiny"]
    tokenizer = TextTokenizer.train(training_texts(20), config.text_vocabulary)
    model = OmniModel(config, tokenizer.space())
    trained = {id(p) for p in model.parameters() if p.requires_grad}
    for muon in (False, True):
        rules = make_optimisers(model, 1e-3, 0.05, muon=muon)
        stepped = [id(p) for r in rules for g in r.param_groups for p in g["params"]]
        assert len(stepped) == len(set(stepped))
        assert set(stepped) == trained
    adam, muon_rule = make_optimisers(model, 1e-3, 0.05, muon=True)
    assert all(p.ndim == 2 for g in muon_rule.param_groups for p in g["params"])
    by_adam = {id(p) for g in adam.param_groups for p in g["params"]}
    assert {id(model.embeddings.text.weight), id(model.image_head.enter.weight)} <= by_adam


def test_its_momentum_is_saved() -> None:
    def advance(weight: nn.Parameter, rule: Muon, steps: int) -> None:
        for step in range(steps):
            torch.manual_seed(step)
            weight.grad = torch.randn_like(weight)
            rule.step()

    weight = nn.Parameter(torch.zeros(4, 6))
    rule = Muon([weight], lr=0.1)
    advance(weight, rule, 3)
    again = nn.Parameter(weight.detach().clone())
    other = Muon([again], lr=0.1)
    other.load_state_dict(copy.deepcopy(rule.state_dict()))
    advance(weight, rule, 2)
    advance(again, other, 2)
    assert torch.equal(weight, again)


def test_a_convolution_is_stepped_as_the_matrix_it_is() -> None:
    torch.manual_seed(4)
    gradient = torch.randn(6, 4, 3, 3)
    whole, flat = nn.Parameter(torch.zeros(6, 4, 3, 3)), nn.Parameter(torch.zeros(6, 36))
    whole.grad, flat.grad = gradient, gradient.flatten(1)
    Muon([whole, flat], lr=0.1).step()
    assert float(flat.detach().abs().max()) > 0
    torch.testing.assert_close(whole.detach().flatten(1), flat.detach())


def test_muon_takes_the_matrices_of_convolution_blocks() -> None:
    block = ConvBlock(8, 16)
    adam, muon = make_optimisers(block, 1e-3, 0.0, muon=True)
    taken = [p for group in muon.param_groups for p in group["params"]]
    assert {p.ndim for p in taken} == {2, 4}
    assert all(p.ndim < 2 for group in adam.param_groups for p in group["params"])
