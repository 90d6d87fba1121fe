"""Between the weights before and after a run lies one with most of both."""

import pytest
import torch

from training.checkpoints.merge import mean, merged


def test_what_both_have_lies_between_and_what_is_new_is_taken_over() -> None:
    before = {"w": torch.zeros(3), "n": torch.tensor(1), "gone": torch.ones(2)}
    after = {"w": torch.ones(3), "n": torch.tensor(2), "new": torch.full((2,), 5.0)}
    found = merged(before, after, 0.3)
    assert set(found) == set(after)
    assert torch.allclose(found["w"], torch.full((3,), 0.7))
    assert int(found["n"]) == 2
    assert torch.equal(found["new"], after["new"])
    assert torch.equal(merged(before, after, 0)["w"], after["w"])


@pytest.mark.parametrize("keep", [1.0, -0.1, 2.0])
def test_a_share_is_below_one(keep: float) -> None:
    with pytest.raises(ValueError, match="--keep"):
        merged({}, {}, keep)


def test_another_size_cannot_be_merged() -> None:
    with pytest.raises(ValueError, match="w has another shape"):
        merged({"w": torch.zeros(2)}, {"w": torch.zeros(3)}, 0.5)


def test_lessons_of_one_beginning_count_equally() -> None:
    runs = [{"w": torch.full((2,), float(i)), "n": torch.tensor(i)} for i in (1, 2, 6)]
    found = mean(runs)
    assert torch.equal(found["w"], torch.full((2,), 3.0))
    assert int(found["n"]) == 1
    with pytest.raises(ValueError, match="began with one checkpoint"):
        mean([*runs, {"w": torch.zeros(3), "n": torch.tensor(0)}])
