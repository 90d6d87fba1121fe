"""Where a model lives and in which numbers it computes: chosen once, when it is loaded.

bfloat16 on a GPU that has it, float32 elsewhere (on an AVX2 CPU bfloat16 is two hundred times
slower). The picture tokenizer and everything of the path stay in float32. Owns: `Placement`,
`place`, `random_model`, and the estimate of memory that refuses before anything is allocated.
"""

import os
import warnings
from dataclasses import dataclass

import torch

from flow.metric import TABLE_ELEMENTS
from flow.modality import TokenSpace
from model.attention import AMPERE, AttentionBackend, best_backend
from model.config import OmniConfig
from model.layers import Attention
from model.omni import OmniModel

FLOAT32_BYTES = 4
WORKING_BYTES = 600 * 2**20
"""Libraries, kernels' workspace and recorded steps."""
KEPT_IN_FLOAT32 = ("vision.", "audio.")
DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}


@dataclass(frozen=True)
class Placement:
    """device, the dtype of the backbone and its heads, and who computes attention."""

    device: torch.device
    dtype: torch.dtype
    attention: AttentionBackend

    @classmethod
    def of(cls, device: str = "auto", dtype: str = "auto") -> "Placement":
        """ "auto": CUDA where there is one, and bfloat16 where that GPU computes in it.

        Raises: ValueError with the reason where the device cannot be used.
        """
        chosen = _device(device)
        if dtype != "auto" and dtype not in DTYPES:
            raise ValueError(f"unknown dtype {dtype!r}: choose auto, {', '.join(DTYPES)}")
        numbers = _dtype(chosen) if dtype == "auto" else DTYPES[dtype]
        return cls(chosen, numbers, best_backend(chosen, numbers))

    def describe(self) -> dict[str, str]:
        """Plain values for `python -m engine info` and the page."""
        on_cuda = self.device.type == "cuda"
        return {
            "device": str(self.device),
            "device_name": torch.cuda.get_device_name(self.device) if on_cuda else "CPU",
            "dtype": str(self.dtype).removeprefix("torch."),
            "attention": str(self.attention),
        }


def place(model: OmniModel, placement: Placement) -> OmniModel:
    """The model on its device, in its numbers, for inference; changed in place."""
    model = model.eval().requires_grad_(False).to(placement.device)
    for name, parameter in model.named_parameters():
        parameter.data = parameter.data.to(dtype_of(name, placement))
    for module in model.modules():
        if isinstance(module, Attention):
            module.backend = placement.attention
    return model


@dataclass(frozen=True)
class Memory:
    """Bytes that a model needs before it has seen a token."""

    weights: int
    tables: int

    @property
    def total(self) -> int:
        return self.weights + self.tables + WORKING_BYTES


def estimate(config: OmniConfig, space: TokenSpace, placement: Placement) -> Memory:
    """What the model will take, from shapes alone: nothing is allocated."""
    weights = sum(
        p.numel() * dtype_of(name, placement).itemsize
        for name, p in shapes(config, space).named_parameters()
    )
    pictures = 0 if config.vision is None else _table(config.image_space())
    words = config.text_vocabulary**2
    sounds = 0 if config.audio is None else _table(config.audio_space())
    tables = sum(n for n in (pictures, words, sounds) if n <= TABLE_ELEMENTS)
    codes = config.text_vocabulary * config.text_metric_dim
    return Memory(weights, FLOAT32_BYTES * (tables + 2 * codes))


def _table(space: TokenSpace) -> int:
    return space.num_codebooks * space.cardinality**2


def check_memory(config: OmniConfig, space: TokenSpace, placement: Placement) -> Memory:
    """The estimate. Raises: ValueError with the numbers where it does not fit."""
    needed = estimate(config, space, placement)
    free = free_bytes(placement.device)
    if needed.total > free:
        raise ValueError(
            f"{config.name} needs about {_gigabytes(needed.total)} on {placement.device} "
            f"({_gigabytes(needed.weights)} of weights), and {_gigabytes(free)} are free: "
            "choose a smaller checkpoint or another device"
        )
    return needed


def free_bytes(device: torch.device) -> int:
    """Free memory of a GPU; all of the machine's for a CPU, where the system makes room."""
    if device.type == "cuda":
        return torch.cuda.mem_get_info(device)[0]
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def shapes(config: OmniConfig, space: TokenSpace) -> OmniModel:
    """The model without memory, on the meta device."""
    with torch.device("meta"):
        return OmniModel(config, space)


def random_model(config: OmniConfig, space: TokenSpace, placement: Placement) -> OmniModel:
    """A model with random weights, made where it will stay and in its numbers: for measuring speed.

    Raises: ValueError where it does not fit.
    """
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
    if config.audio is not None:
        model.audio.float()
    model.text_metric_codes = model.text_metric_codes.float()
    return place(model, placement)


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


def _dtype(device: torch.device) -> torch.dtype:
    if device.type == "cuda" and torch.cuda.get_device_capability(device) >= AMPERE:
        return torch.bfloat16
    return torch.float32


def dtype_of(name: str, placement: Placement) -> torch.dtype:
    """The numbers in which the parameter of that name is computed."""
    return torch.float32 if name.startswith(KEPT_IN_FLOAT32) else placement.dtype


def _gigabytes(num_bytes: int) -> str:
    return f"{num_bytes / 1e9:.1f} GB"
