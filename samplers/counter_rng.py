"""Randomness as a function: a number depends on its coordinates and on nothing drawn before.

A row's uniforms depend on (its seed, step, stream, position, codebook) only, so that batching,
padding, tiling and skipping work cannot change a result. Hash: the output function of splitmix64
(Steele, Lea, Flood 2014, "Fast splittable pseudorandom number generators"), once a coordinate.
"""

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor


def _signed(value: int) -> int:
    """The int64 with the same 64 bits as `value` modulo 2^64."""
    return (value + 2**63) % 2**64 - 2**63


GOLDEN = 0x9E3779B97F4A7C15
GOLDEN_BITS = np.uint64(GOLDEN)
MULTIPLIERS = (_signed(0xBF58476D1CE4E5B9), _signed(0x94D049BB133111EB))
MANTISSA_BITS = 23
"""(k + 1/2) / 2^23 is exact in float32 for every k below 2^23, hence never 0 and never 1."""


@dataclass(frozen=True)
class CounterRNG:
    """A source of uniforms, one independent row a seed. seeds: int64 "B"."""

    seeds: Tensor

    @classmethod
    def for_seed(
        cls, seed: int, batch: int = 1, device: torch.device | str = "cpu"
    ) -> "CounterRNG":
        """Rows with the seeds seed, seed + 1, ..: row i equals a run of its own with seed + i."""
        return cls(torch.arange(batch, device=device) + _signed(seed))

    @property
    def batch(self) -> int:
        return self.seeds.shape[0]

    def uniform(
        self, step: int | Tensor, stream: int, shape: tuple[int, int]
    ) -> Float[Tensor, "B L Q"]:
        """Float32 strictly inside (0, 1) for the positions and codebooks `shape` = (L, Q).

        step: a number, or int64 without an axis, or "B" where each row has its own. `stream` tells
        apart the draws of one step. The numbers at (l, q) do not depend on `shape`.
        """
        length, num_codebooks = shape
        if isinstance(step, int) and self.seeds.device.type == "cpu":
            return torch.from_numpy(_on_host(self.seeds.numpy(), step, stream, shape))
        position = torch.arange(length, device=self.seeds.device)
        codebook = torch.arange(num_codebooks, device=self.seeds.device)
        row = _absorb(_absorb(_mix(self.seeds), step), stream)
        bits = _absorb(_absorb(row[:, None], position)[:, :, None], codebook)
        return (_shifted_right(bits, 64 - MANTISSA_BITS).float() + 0.5) / 2**MANTISSA_BITS


def _on_host(seeds: np.ndarray, step: int, stream: int, shape: tuple[int, int]) -> np.ndarray:
    """The same numbers, float32 "B L Q", by NumPy's unsigned integers: small arrays take a fifth of
    the time that they take torch."""
    length, num_codebooks = shape
    bits = _mixed(seeds.astype(np.uint64))
    for coordinate in (step, stream):
        bits = _mixed(bits + np.array([GOLDEN * (coordinate + 1) % 2**64], np.uint64))
    bits = _mixed(bits[:, None] + np.arange(1, length + 1, dtype=np.uint64) * GOLDEN_BITS)
    every = np.arange(1, num_codebooks + 1, dtype=np.uint64) * GOLDEN_BITS
    bits = _mixed(bits[:, :, None] + every) >> np.uint64(64 - MANTISSA_BITS)
    return (bits.astype(np.float32) + np.float32(0.5)) / np.float32(2**MANTISSA_BITS)


def _mixed(bits: np.ndarray) -> np.ndarray:
    """The finaliser of splitmix64, in place."""
    bits ^= bits >> np.uint64(30)
    bits *= np.uint64(0xBF58476D1CE4E5B9)
    bits ^= bits >> np.uint64(27)
    bits *= np.uint64(0x94D049BB133111EB)
    bits ^= bits >> np.uint64(31)
    return bits


def _absorb(state: Tensor, coordinate: int | Tensor) -> Tensor:
    """The splitmix64 output number `coordinate` of the generator that starts at `state`."""
    if isinstance(coordinate, int):
        return _mix(state + _signed(GOLDEN * (coordinate + 1)))
    return _mix(state + (coordinate + 1) * _signed(GOLDEN))


def _mix(bits: Int[Tensor, "..."]) -> Int[Tensor, "..."]:
    """The finaliser of splitmix64, a bijection of 64 bits; int64 products wrap around."""
    bits = (bits ^ _shifted_right(bits, 30)) * MULTIPLIERS[0]
    bits = (bits ^ _shifted_right(bits, 27)) * MULTIPLIERS[1]
    return bits ^ _shifted_right(bits, 31)


def _shifted_right(bits: Tensor, by: int) -> Tensor:
    """Logical shift: torch's own carries the sign along."""
    return (bits >> by) & (2 ** (64 - by) - 1)
