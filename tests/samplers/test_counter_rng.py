import pytest
import torch
from scipy.stats import chisquare
from torch import Tensor

from samplers.counter_rng import CounterRNG

BIG = (200, 500)
NUM = BIG[0] * BIG[1]


def _splitmix64(state: int, number: int) -> int:
    """Output `number` of the published generator that starts at `state`, in Python integers."""
    bits = (state + 0x9E3779B97F4A7C15 * (number + 1)) % 2**64
    bits = (bits ^ (bits >> 30)) * 0xBF58476D1CE4E5B9 % 2**64
    bits = (bits ^ (bits >> 27)) * 0x94D049BB133111EB % 2**64
    return bits ^ (bits >> 31)


def test_the_reference_generator_is_splitmix64() -> None:
    """First outputs for the seed 1234567, as published with the C reference."""
    assert [_splitmix64(1234567, i) for i in range(3)] == [
        6457827717110365317,
        3203168211198807973,
        9817491932198370423,
    ]


@pytest.mark.parametrize("seed", [0, 1, 1234567, 2**53 - 1, -5])
def test_every_bit_follows_the_reference(seed: int) -> None:
    uniforms = CounterRNG.for_seed(seed).uniform(3, 6, (4, 2))
    start = (seed - 0x9E3779B97F4A7C15) % 2**64  # `_mix` of the seed itself
    row = _splitmix64(_splitmix64(_splitmix64(start, 0), 3), 6)
    for position in range(4):
        for codebook in range(2):
            bits = _splitmix64(_splitmix64(row, position), codebook)
            expected = ((bits >> 41) + 0.5) / 2**23
            assert float(uniforms[0, position, codebook]) == expected


def test_a_step_on_the_device_gives_the_same_numbers() -> None:
    """Numbers of the step in a tensor are computed by torch, others on a CPU by NumPy."""
    draws = CounterRNG(torch.tensor([5, -3, 2**60, 0]))
    for step, stream, shape in ((0, 0, (64, 4)), (7, 123_456, (5, 1)), (127, 2**40, (512, 4))):
        found = draws.uniform(torch.tensor(step), stream, shape)
        assert torch.equal(draws.uniform(step, stream, shape), found)
        assert found.dtype == torch.float32


def test_the_range_is_open() -> None:
    uniforms = CounterRNG.for_seed(0, 20).uniform(0, 0, BIG)
    assert uniforms.dtype == torch.float32
    assert 0 < float(uniforms.min()) < 1e-5
    assert 1 - 1e-5 < float(uniforms.max()) < 1
    largest = torch.tensor((2**23 - 1 + 0.5) / 2**23)
    assert float(largest) < 1


@pytest.mark.parametrize("seed", [0, 1, 2**40])
def test_uniforms_are_uniform(seed: int) -> None:
    uniforms = CounterRNG.for_seed(seed).uniform(2, 1, BIG).flatten()
    counts = torch.histc(uniforms, bins=100, min=0, max=1)
    assert chisquare(counts.numpy()).pvalue > 1e-3
    pairs = (uniforms[0::2] * 10).long() * 10 + (uniforms[1::2] * 10).long()
    assert chisquare(pairs.bincount(minlength=100).numpy()).pvalue > 1e-3


def _correlation(x: Tensor, y: Tensor) -> float:
    return float(torch.corrcoef(torch.stack([x.flatten(), y.flatten()]))[0, 1])


def test_neighbours_do_not_know_each_other() -> None:
    here = CounterRNG.for_seed(42).uniform(5, 2, BIG)
    elsewhere = {
        "position": (here[:, 1:], here[:, :-1]),
        "codebook": (here[..., 1:], here[..., :-1]),
        "step": (CounterRNG.for_seed(42).uniform(6, 2, BIG), here),
        "stream": (CounterRNG.for_seed(42).uniform(5, 3, BIG), here),
        "step and stream swapped": (CounterRNG.for_seed(42).uniform(2, 5, BIG), here),
        "seed": (CounterRNG.for_seed(43).uniform(5, 2, BIG), here),
    }
    for name, (x, y) in elsewhere.items():
        assert abs(_correlation(x, y)) < 4 / NUM**0.5, name
    square = here[0, :200, :200]
    above = torch.ones(200, 200).triu(1).bool()
    assert abs(_correlation(square[above], square.T[above])) < 4 / above.sum() ** 0.5


def test_no_two_coordinates_share_a_number() -> None:
    """2^23 values for n draws collide about n^2 / 2^24 times: far fewer than any repeated block."""
    draws = CounterRNG.for_seed(0, 3)
    values = torch.cat([draws.uniform(s, k, (20, 8)).flatten() for s in range(3) for k in range(3)])
    assert len(values) - len(values.unique()) < 5


def test_a_number_depends_on_its_coordinates_only() -> None:
    whole = CounterRNG.for_seed(9, 6).uniform(4, 1, (32, 4))
    assert torch.equal(CounterRNG.for_seed(9, 6).uniform(4, 1, (20, 2)), whole[:, :20, :2])
    for row in range(6):
        assert torch.equal(CounterRNG.for_seed(9 + row).uniform(4, 1, (32, 4))[0], whole[row])
    shuffled = torch.tensor([14, 9, 11])
    assert torch.equal(CounterRNG(shuffled).uniform(4, 1, (32, 4)), whole[[5, 0, 2]])
