"""Losses pull equally hard at what they share, but for those that fall more slowly; nothing else
moves their weights."""

import pytest
import torch
from torch import Tensor, nn

from training.objectives.gradnorm import GradNorm


def _moved(balance: GradNorm, losses: list[float], norms: list[float], times: int = 1) -> Tensor:
    for _ in range(times):
        balance.move(torch.tensor(losses), torch.tensor(norms))
    return balance.weights


def test_equal_pulls_and_rates_move_nothing() -> None:
    found = _moved(GradNorm(3), [2.0, 2.0, 2.0], [0.3, 0.3, 0.3], times=20)
    torch.testing.assert_close(found, torch.ones(3))


@pytest.mark.parametrize("times_as_hard", [3.0, 100.0])
def test_a_larger_gradient_gets_a_smaller_weight(times_as_hard: float) -> None:
    shared = nn.Parameter(torch.tensor([1.0, -2.0]))
    balance = GradNorm(2, alpha=0.0)
    for _ in range(400):
        losses = shared.square().sum(), times_as_hard * shared.square().sum()
        balance.weigh(losses, [shared])
    assert float(balance.weights[0] / balance.weights[1]) == pytest.approx(times_as_hard, rel=1e-2)


def test_one_step_goes_a_small_part_of_the_way() -> None:
    low, high = _moved(GradNorm(2), [1.0, 1.0], [10.0, 1.0]).tolist()
    assert 0.9 < low < 1 < high < 1.1


def test_weights_stay_positive_and_sum_to_their_number() -> None:
    balance, draws = GradNorm(4, alpha=1.5), torch.Generator().manual_seed(0)
    for _ in range(300):
        losses, norms = (10 ** (8 * torch.rand(4, generator=draws) - 4) for _ in range(2))
        balance.move(losses, norms)
        assert float(balance.weights.min()) > 0
        assert float(balance.weights.sum()) == pytest.approx(4, rel=1e-5)
    assert float(balance.weights.std()) > 0.1


def test_a_loss_that_falls_more_slowly_gets_more() -> None:
    """With alpha 0 it does not."""
    for alpha, ratio in ((0.5, 3**0.5), (1.0, 3.0), (0.0, 1.0)):
        balance = GradNorm(2, alpha=alpha)
        _moved(balance, [4.0, 40.0], [1.0, 1.0])
        fast, slow = _moved(balance, [1.0, 30.0], [1.0, 1.0], times=600).tolist()
        assert slow / fast == pytest.approx(ratio, rel=1e-2)


def test_alpha_zero_sees_gradients_alone() -> None:
    alone = _moved(GradNorm(2, alpha=0.0), [1.0, 1.0], [2.0, 5.0], times=30)
    balance = GradNorm(2, alpha=0.0)
    _moved(balance, [7.0, 0.1], [2.0, 5.0])
    torch.testing.assert_close(_moved(balance, [0.1, 90.0], [2.0, 5.0], times=29), alone)


def test_the_sum_is_weighed_as_it_was_before_the_move() -> None:
    shared, own = nn.Parameter(torch.tensor(2.0)), nn.Parameter(torch.tensor(3.0))
    balance = GradNorm(2)
    balance.weights.copy_(torch.tensor([0.5, 1.5]))
    total = balance.weigh((shared.square(), shared * own), [shared])
    assert shared.grad is None
    total.backward()
    assert float(total.detach()) == pytest.approx(0.5 * 4 + 1.5 * 6)
    assert shared.grad is not None and own.grad is not None
    assert float(shared.grad) == pytest.approx(0.5 * 4 + 1.5 * 3)
    assert float(own.grad) == pytest.approx(1.5 * 2)
    assert balance.weights.tolist() != [0.5, 1.5]


def test_what_says_nothing_moves_nothing() -> None:
    """A loss that does not reach what is shared, and one that is no number."""
    shared, other = nn.Parameter(torch.tensor(2.0)), nn.Parameter(torch.tensor(1.0))
    balance = GradNorm(2)
    balance.weigh((shared.square(), other.square()), [shared])
    balance.weigh((shared.square(), shared * torch.nan), [shared])
    assert balance.weights.tolist() == [1.0, 1.0]
    assert balance.first.tolist() == [0.0, 0.0]


def test_it_goes_on_from_what_was_kept() -> None:
    balance, again = GradNorm(2), GradNorm(2)
    _moved(balance, [3.0, 1.0], [1.0, 4.0], times=5)
    again.load_state_dict({k: v.clone() for k, v in balance.state_dict().items()})
    rest = [1.0, 0.9], [2.0, 1.0]
    assert torch.equal(_moved(again, *rest), _moved(balance, *rest))
