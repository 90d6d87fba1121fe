"""Where a model lives and in which numbers it computes: chosen once, when it is loaded.

bfloat16 on a GPU that has it, float32 elsewhere (on an AVX2 CPU bfloat16 is two hundred times
slower). The picture tokenizer and everything of the path stay in float32. Owns: `Placement`,
`place`, `random_model`, and the estimate of memory that refuses before anything is allocated. Does
not own: which layers go where on several devices (`model.loading.pipeline_split`).
"""

import os
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

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
"""Libraries, kernels' workspace and recorded steps."""
KEPT_IN_FLOAT32 = ("vision.", "audio.")
DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}
LAYERS = "backbone.layers."
"""How the names of the layers' weights begin; their number follows."""


class Weights(StrEnum):
    """How weights are kept: in the numbers that they are computed in (AUTO), or the large ones of
    the backbone and of the head that writes words in 8 bits (INT8), see `model.layers.int8`."""

    AUTO = "auto"
    INT8 = "int8"


@dataclass(frozen=True)
class Placement:
    """device, the dtype of the backbone and its heads, and who computes attention. weights: how
    they are kept. others: devices that take layers of the backbone, too; if_needed: or only where
    the first one is too small. layers: the device of each layer, none where all are on the first;
    found by `model.loading.pipeline_split`."""

    device: torch.device
    dtype: torch.dtype
    attention: AttentionBackend
    weights: Weights = Weights.AUTO
    others: tuple[torch.device, ...] = ()
    if_needed: bool = False
    layers: tuple[torch.device, ...] = ()

    @classmethod
    def of(cls, device: str = "auto", dtype: str = "auto", weights: str = "auto") -> "Placement":
        """ "auto": CUDA where there is one, more GPUs only for what the first cannot hold, and
        bfloat16 where they compute in it. Several devices have commas between them.

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
        """The first, and the others."""
        return (self.device, *self.others)

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
    """The model on its devices, in its numbers, for inference; changed in place."""
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
    """Bytes that a model needs before it has seen a token."""

    weights: int
    tables: int

    @property
    def total(self) -> int:
        return self.weights + self.tables + WORKING_BYTES


def estimate(config: OmniConfig, space: TokenSpace, placement: Placement) -> Memory:
    """What the model will take, from shapes alone: nothing is allocated."""
    weights = sum(weight_bytes(config, space, placement).values())
    pictures = 0 if config.vision is None else _table(config.image_space())
    words = config.text_vocabulary**2
    sounds = 0 if config.audio_codec is None else _table(config.audio_space())
    tables = sum(n for n in (pictures, words, sounds) if n <= TABLE_ELEMENTS)
    codes = config.text_vocabulary * config.text_metric_dim
    return Memory(weights, FLOAT32_BYTES * (tables + 2 * codes))


def weight_bytes(config: OmniConfig, space: TokenSpace, placement: Placement) -> Mapping[str, int]:
    """What each weight will take, by its name."""
    return {
        name: rounded_bytes(p.shape)
        if rounds(name, p, placement)
        else p.numel() * dtype_of(name, placement).itemsize
        for name, p in shapes(config, space).named_parameters()
    }


def held_bytes(model: OmniModel) -> int:
    """What the weights of a model take, with the scales of those in 8 bits."""
    scales = sum(m.scale.nbytes for m in model.modules() if isinstance(m, Int8Linear))
    return scales + sum(p.nbytes for p in model.parameters())


def _table(space: TokenSpace) -> int:
    return space.num_codebooks * space.cardinality**2


def check_memory(config: OmniConfig, space: TokenSpace, placement: Placement) -> Memory:
    """The estimate. Raises: ValueError with the numbers where it does not fit."""
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
    """Free memory of a GPU; all of the machine's for a CPU, where the system makes room."""
    if device.type == "cuda":
        return torch.cuda.mem_get_info(device)[0]
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def shapes(config: OmniConfig, space: TokenSpace) -> OmniModel:
    """The model without memory, on the meta device."""
    with torch.device("meta"):
        return OmniModel(config, space)


def random_model(config: OmniConfig, space: TokenSpace, placement: Placement) -> OmniModel:
    """A model with random weights, made where it will stay and in its numbers: for measuring speed,
    on one device and with weights as they are computed.

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
    """Those that are named, or that "auto" finds."""
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
    """Where the parameter or buffer of that name lives."""
    if not placement.layers or not name.startswith(LAYERS):
        return placement.device
    return placement.layers[layer_of(name)]


def layer_of(name: str) -> int:
    """The number of the layer that a name is of."""
    return int(name.removeprefix(LAYERS).partition(".")[0])


def rounds(name: str, weight: Tensor, placement: Placement) -> bool:
    """Whether the weight of that name is kept in 8 bits."""
    return placement.weights is Weights.INT8 and is_rounded(name, weight.shape)


def dtype_of(name: str, placement: Placement) -> torch.dtype:
    """The numbers in which the parameter of that name is computed."""
    return torch.float32 if name.startswith(KEPT_IN_FLOAT32) else placement.dtype


def gigabytes(num_bytes: int) -> str:
    """ "1.5 GB"."""
    return f"{num_bytes / 1e9:.1f} GB"


def advice(placement: Placement) -> str:
    """What to do where memory is short."""
    smaller = "" if placement.weights is Weights.INT8 else "--weights int8, "
    return f"choose {smaller}a smaller checkpoint or another device"
