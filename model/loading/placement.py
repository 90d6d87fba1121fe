"""Device and dtype of a model, chosen once at load.

bfloat16 on GPUs that support it, float32 elsewhere (on an AVX2 CPU bfloat16 is 200 times slower).
Tokenizers and the path stay in float32. Owns: `Placement`, `place`, `random_model`, and the memory
estimate that refuses a model before anything is allocated. Does not own: the distribution of layers
over devices (`model.loading.pipeline_split`).
"""

import os
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache

import torch
from torch import Tensor, nn

from flow.metric import TABLE_ELEMENTS
from flow.modality import TokenSpace
from model.config import OmniConfig
from model.layers.attention import AMPERE, AttentionBackend, best_backend
from model.layers.int8 import Int8Linear, is_rounded, rounded_bytes
from model.layers.transformer import Attention
from model.network.omni import OmniModel

FLOAT32_BYTES = 4
WORKING_BYTES = 600 * 2**20
"""Bytes of libraries, kernel workspace and recorded CUDA graphs."""
KEPT_IN_FLOAT32 = ("vision.", "audio.")
DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}
LAYERS = "backbone.layers."
"""Name prefix of the layers' weights; the layer's number follows."""


class Weights(StrEnum):
    """Storage of weights: in the dtype of computation (AUTO), or backbone and text head in 8 bits
    (INT8), see `model.layers.int8`."""

    AUTO = "auto"
    INT8 = "int8"


@dataclass(frozen=True)
class Placement:
    """Devices and dtype of a model.

    dtype: of backbone and heads. attention: the backend. weights: their storage. others: more
    devices for backbone layers; if_needed: only where the first is too small. layers: the device of
    each layer, empty where all are on the first (`model.loading.pipeline_split`).
    """

    device: torch.device
    dtype: torch.dtype
    attention: AttentionBackend
    weights: Weights = Weights.AUTO
    others: tuple[torch.device, ...] = ()
    if_needed: bool = False
    layers: tuple[torch.device, ...] = ()

    @classmethod
    def of(cls, device: str = "auto", dtype: str = "auto", weights: str = "auto") -> "Placement":
        """Choose a placement. "auto": CUDA if available, more GPUs only for what the first cannot
        hold, and bfloat16 where supported. Several devices are separated by commas.

        Raises: ValueError with the reason where a device cannot be used.
        """
        chosen, *others = _devices(device)
        if dtype != "auto" and dtype not in DTYPES:
            raise ValueError(f"unknown dtype {dtype!r}: choose auto, {', '.join(DTYPES)}")
        if weights not in tuple(Weights):
            raise ValueError(f"unknown weights {weights!r}: choose {' or '.join(Weights)}")
        numbers = _dtype([chosen, *others]) if dtype == "auto" else DTYPES[dtype]
        if weights == Weights.INT8 and numbers is torch.float16:
            raise ValueError("int8 weights overflow in float16: choose float32 or bfloat16")
        backends = {best_backend(each, numbers) for each in (chosen, *others)}
        attention = backends.pop() if len(backends) == 1 else AttentionBackend.SDPA
        if_needed = device == "auto" and bool(others)
        return cls(chosen, numbers, attention, Weights(weights), tuple(others), if_needed)

    @property
    def devices(self) -> tuple[torch.device, ...]:
        """All devices, the first one first."""
        return (self.device, *self.others)

    def describe(self) -> dict[str, str]:
        """Return plain values for `python -m engine info` and the page."""
        on_cuda = self.device.type == "cuda"
        return {
            "device": str(self.device),
            "device_name": torch.cuda.get_device_name(self.device) if on_cuda else "CPU",
            "dtype": str(self.dtype).removeprefix("torch."),
            "attention": str(self.attention),
        }


def place(model: OmniModel, placement: Placement) -> OmniModel:
    """Move the model to its devices and dtypes, for inference; changed in place."""
    model = model.eval().requires_grad_(False)
    for name in [n for n, _ in (*model.named_buffers(), *model.named_parameters())]:
        path, _, leaf = name.rpartition(".")
        owner = model.get_submodule(path)
        tensor: Tensor = getattr(owner, leaf)
        moved = tensor.to(device_of(name, placement))
        if isinstance(tensor, nn.Parameter):
            numbers = dtype_of(name, placement) if tensor.is_floating_point() else tensor.dtype
            moved = nn.Parameter(moved.to(numbers), requires_grad=False)
        setattr(owner, leaf, moved)
    for module in model.modules():
        if isinstance(module, Attention):
            module.backend = placement.attention
    return model


@dataclass(frozen=True)
class Memory:
    """Bytes that a model needs before any input."""

    weights: int
    tables: int

    @property
    def total(self) -> int:
        return self.weights + self.tables + WORKING_BYTES


def estimate(config: OmniConfig, space: TokenSpace, placement: Placement) -> Memory:
    """Estimate the memory of a model from its shapes; nothing is allocated."""
    weights = sum(weight_bytes(config, space, placement).values())
    pictures = 0 if config.vision is None else _table(config.image_space())
    words = config.text_vocabulary**2
    sounds = 0 if config.audio_codec is None else _table(config.audio_space())
    tables = sum(n for n in (pictures, words, sounds) if n <= TABLE_ELEMENTS)
    codes = config.text_vocabulary * config.text_metric_dim
    return Memory(weights, FLOAT32_BYTES * (tables + 2 * codes))


def weight_bytes(config: OmniConfig, space: TokenSpace, placement: Placement) -> Mapping[str, int]:
    """Return the bytes of each weight by name."""
    return {
        name: rounded_bytes(p.shape)
        if rounds(name, p, placement)
        else p.numel() * dtype_of(name, placement).itemsize
        for name, p in _parameters(config, space)
    }


@lru_cache(maxsize=2)
def _parameters(config: OmniConfig, space: TokenSpace) -> tuple[tuple[str, nn.Parameter], ...]:
    """Return the parameters on the meta device: an estimate asks for them several times."""
    return tuple(shapes(config, space).named_parameters())


def held_bytes(model: OmniModel) -> int:
    """Return the bytes of a model's weights, with the scales of 8-bit ones."""
    scales = sum(m.scale.nbytes for m in model.modules() if isinstance(m, Int8Linear))
    return scales + sum(p.nbytes for p in model.parameters())


def _table(space: TokenSpace) -> int:
    return space.num_codebooks * space.cardinality**2


def check_memory(config: OmniConfig, space: TokenSpace, placement: Placement) -> Memory:
    """Return the estimate. Raises: ValueError with the sizes where it does not fit."""
    needed = estimate(config, space, placement)
    free = free_bytes(placement.device)
    if needed.total > free:
        raise ValueError(
            f"{config.name} needs about {gigabytes(needed.total)} on {placement.device} "
            f"({gigabytes(needed.weights)} of weights), and {gigabytes(free)} are free: "
            f"{advice(placement)}"
        )
    return needed


def free_bytes(device: torch.device) -> int:
    """Return the free memory of a GPU, or all memory of the machine for a CPU, in bytes."""
    if device.type == "cuda":
        return torch.cuda.mem_get_info(device)[0]
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def shapes(config: OmniConfig, space: TokenSpace) -> OmniModel:
    """Build the model on the meta device."""
    with torch.device("meta"):
        return OmniModel(config, space)


def random_model(config: OmniConfig, space: TokenSpace, placement: Placement) -> OmniModel:
    """Build a model with random weights on its device and in its dtype, to measure speed; one
    device, no 8-bit weights.

    Raises: ValueError where it does not fit.
    """
    assert placement.weights is Weights.AUTO
    assert not placement.layers
    check_memory(config, space, placement)
    before = torch.get_default_dtype()
    torch.set_default_dtype(placement.dtype)
    try:
        with placement.device:
            model = OmniModel(config, space)
    finally:
        torch.set_default_dtype(before)
    if config.vision is not None:
        model.vision.float()
    if config.audio_codec is not None:
        model.audio.float()
    model.text_metric_codes = model.text_metric_codes.float()
    return place(model, placement)


def _devices(names: str) -> list[torch.device]:
    """Return the named devices, or those that "auto" finds."""
    if names == "auto":
        found = _device("auto")
        num = torch.cuda.device_count() if found.type == "cuda" else 1
        return [found, *(torch.device("cuda", i) for i in range(1, num))]
    found = [_device(name.strip()) for name in names.split(",")]
    kinds = sorted({device.type for device in found})
    if len(kinds) > 1:
        raise ValueError(f"{' and '.join(kinds)} do not share a model: name devices of one kind")
    return found


def _device(name: str) -> torch.device:
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        there = torch.cuda.is_available()
    if name == "auto":
        name = "cuda" if there else "cpu"
    try:
        chosen = torch.device(name)
    except RuntimeError as error:
        raise ValueError(f"unknown device {name!r}: choose auto, cpu or cuda") from error
    if chosen.type == "cuda" and not there:
        built = "this torch was built without CUDA" if torch.version.cuda is None else ""
        reason = built or next((str(w.message).splitlines()[0] for w in said), "none was found")
        raise ValueError(f"there is no {name} device here ({reason}): use --device cpu")
    if chosen.type == "cuda" and (chosen.index or 0) >= torch.cuda.device_count():
        raise ValueError(f"there is no {name} here: this machine has {torch.cuda.device_count()}")
    return chosen


def _dtype(devices: list[torch.device]) -> torch.dtype:
    if all(d.type == "cuda" and torch.cuda.get_device_capability(d) >= AMPERE for d in devices):
        return torch.bfloat16
    return torch.float32


def device_of(name: str, placement: Placement) -> torch.device:
    """Return the device of the parameter or buffer of that name."""
    if not placement.layers or not name.startswith(LAYERS):
        return placement.device
    return placement.layers[layer_of(name)]


def layer_of(name: str) -> int:
    """Return the layer index in a tensor's name."""
    return int(name.removeprefix(LAYERS).partition(".")[0])


def rounds(name: str, weight: Tensor, placement: Placement) -> bool:
    """Return True where the weight of that name is stored in 8 bits."""
    return placement.weights is Weights.INT8 and is_rounded(name, weight.shape)


def dtype_of(name: str, placement: Placement) -> torch.dtype:
    """Return the dtype of the parameter of that name."""
    return torch.float32 if name.startswith(KEPT_IN_FLOAT32) else placement.dtype


def gigabytes(num_bytes: int) -> str:
    """Format bytes, as "1.5 GB"."""
    return f"{num_bytes / 1e9:.1f} GB"


def advice(placement: Placement) -> str:
    """Return the advice for a model that does not fit."""
    smaller = "" if placement.weights is Weights.INT8 else "--weights int8, "
    return f"choose {smaller}a smaller checkpoint or another device"
