"""A file of tensors: its table of contents, read without the data.

Owns: `Stored`, the header of a safetensors file, the size of those that are written, the error for
a broken one, and pickles, which are read only where the user named them.
"""

import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from math import prod
from pathlib import Path
from pickle import UnpicklingError

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor, nn

BITS = {"F64": 64, "I64": 64, "F32": 32, "I32": 32, "F16": 16, "BF16": 16, "I16": 16}
"""Bits of the data types; all others have 8."""
EXPONENTS = {
    torch.float16: (torch.int16, np.uint16, 0x7C00),
    torch.bfloat16: (torch.int16, np.uint16, 0x7F80),
    torch.float32: (torch.int32, np.uint32, 0x7F80_0000),
    torch.float64: (torch.int64, np.uint64, 0x7FF0_0000_0000_0000),
}
"""Integers as wide as a weight, and the bits of its exponent."""
SHARD_BYTES = 8_500_000
"""The most of one file that this project writes."""
LFS_POINTER = b"version https://git-lfs"


@dataclass(frozen=True)
class Stored:
    """The location of a tensor. dtype: as safetensors names it, e.g. BF16."""

    file: Path
    shape: tuple[int, ...]
    dtype: str

    @property
    def num_bytes(self) -> int:
        return prod(self.shape) * BITS.get(self.dtype, 8) // 8


def half_shards(state: Mapping[str, Tensor]) -> list[dict[str, Tensor]]:
    """Return tensors as float16, in groups of up to `SHARD_BYTES`."""
    shards: list[dict[str, Tensor]] = [{}]
    size = 0
    for name, tensor in state.items():
        half = tensor.detach().cpu().half().contiguous().clone()
        if size and size + half.nbytes > SHARD_BYTES:
            shards.append({})
            size = 0
        shards[-1][name] = half
        size += half.nbytes
    return shards


def contents(file: Path) -> dict[str, Stored]:
    """Return name -> location of every tensor of a safetensors file; only its header is read.

    Raises: ValueError where it is missing, cut off, or of another format.
    """
    if not file.is_file():
        raise ValueError(f"{file} is missing: fetch it again")
    try:
        with safe_open(file, framework="pt") as shard:
            slices = {name: shard.get_slice(name) for name in shard.keys()}  # noqa: SIM118
            return {
                name: Stored(file, tuple(part.get_shape()), str(part.get_dtype()))
                for name, part in slices.items()
            }
    except SafetensorError as error:
        raise ValueError(_broken(file, error)) from error
    except OSError as error:
        why = (error.strerror or str(error)).lower()
        raise ValueError(f"{file} cannot be read: {why}") from error


def tensors(file: Path, names: list[str]) -> Iterator[tuple[str, Tensor]]:
    """Yield the named tensors one after the other, on the CPU, as stored. The file is
    memory-mapped.

    Raises: ValueError where a weight is infinite or no number.
    """
    with safe_open(file, framework="pt") as shard:
        for name in names:
            yield name, finite(file, name, shard.get_tensor(name))


def finite(file: Path, name: str, tensor: Tensor) -> Tensor:
    """Return a tensor of a file. Raises: ValueError where a weight is infinite or no number: its
    exponent has all bits, the cheapest of all tests."""
    integer, unsigned, exponent = EXPONENTS.get(tensor.dtype, (None, None, 0))
    if integer is not None and unsigned is not None and tensor.numel():
        bits = tensor.detach().contiguous().view(integer).numpy().view(unsigned)
        if int((bits & unsigned(exponent)).max()) == exponent:
            raise ValueError(
                f"{name} in {file} holds a weight that is infinite or no number: fetch it again"
            )
    return tensor


def finite_weights(file: Path, module: nn.Module | None) -> None:
    """Nothing, where all weights of a module on the CPU are finite. Raises: ValueError as
    `finite`."""
    for name, tensor in () if module is None else module.state_dict().items():
        finite(file, name, tensor)


def unpickled(file: Path) -> dict[str, Tensor]:
    """Return the tensors of a pickle that holds nothing else; no code in it is run.

    Raises: ValueError where it holds something else or is broken.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            found = _loaded(file)
    except (UnpicklingError, RuntimeError, EOFError, KeyError, ValueError) as error:
        raise ValueError(
            f"{file} cannot be read as tensors alone ({str(error).splitlines()[0]}): "
            "use the checkpoint's safetensors"
        ) from error
    if not isinstance(found, dict) or not all(isinstance(v, Tensor) for v in found.values()):
        raise ValueError(f"{file} is no table of tensors: use the checkpoint's safetensors")
    return {str(name): tensor for name, tensor in found.items()}


def _loaded(file: Path) -> object:
    """Load a pickle, memory-mapped where its format allows it."""
    try:
        return torch.load(file, map_location="cpu", weights_only=True, mmap=True)
    except RuntimeError:
        return torch.load(file, map_location="cpu", weights_only=True)


def _broken(file: Path, error: Exception) -> str:
    with file.open("rb") as opened:
        if opened.read(len(LFS_POINTER)) == LFS_POINTER:
            return f"{file} only points to the weights: run `git lfs pull` in its folder"
    return f"{file} is truncated or broken ({error}): its download is unfinished, fetch it again"
