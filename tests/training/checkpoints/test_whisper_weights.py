"""Whisper's encoder weights are read from CTranslate2's file under our names."""

import struct
from pathlib import Path

import numpy as np
import pytest
import torch

from model.tokenizers.whisper_encoder import WhisperEncoder
from training.checkpoints.whisper_weights import encoder_weights


def _ctranslate2(tensors: dict[str, np.ndarray]) -> bytes:
    """A file as CTranslate2 writes it: names and shapes before the numbers, float32 or float16."""

    def word(text: str) -> bytes:
        return struct.pack("<H", len(text) + 1) + text.encode() + b"\0"

    parts = [struct.pack("<I", 6), word("WhisperSpec"), struct.pack("<II", 3, len(tensors))]
    for name, array in tensors.items():
        kind = {"float32": 0, "float16": 4}[array.dtype.name]
        shape = struct.pack(f"<B{array.ndim}I", array.ndim, *array.shape)
        parts += [word(name), shape, struct.pack("<BI", kind, array.nbytes), array.tobytes()]
    return b"".join(parts)


def _stored(encoder: WhisperEncoder) -> dict[str, np.ndarray]:
    """An encoder's weights under CTranslate2's names, queries, keys and values joined."""
    ours = {name: tensor.half().numpy() for name, tensor in encoder.state_dict().items()}
    found = {
        f"conv{i}/{kind}": ours[f"conv{i}.{kind}"] for i in (1, 2) for kind in ("weight", "bias")
    }
    norm = {"gamma": "weight", "beta": "bias"}
    found |= {f"layer_norm/{old}": ours[f"layer_norm.{new}"] for old, new in norm.items()}
    for i in range(len(encoder.layers)):
        mine, theirs = f"layers.{i}.", f"layer_{i}/"
        joined = [ours[f"{mine}self_attn.{p}_proj.weight"] for p in "qkv"]
        found[f"{theirs}self_attention/linear_0/weight"] = np.concatenate(joined)
        none = np.zeros(encoder.width, np.float16)
        biases = [ours.get(f"{mine}self_attn.{p}_proj.bias", none) for p in "qkv"]
        found[f"{theirs}self_attention/linear_0/bias"] = np.concatenate(biases)
        for kind in ("weight", "bias"):
            for old, new in (
                ("self_attention/linear_1", "self_attn.out_proj"),
                ("ffn/linear_0", "fc1"),
                ("ffn/linear_1", "fc2"),
            ):
                found[f"{theirs}{old}/{kind}"] = ours[f"{mine}{new}.{kind}"]
        for old, new in norm.items():
            found[f"{theirs}self_attention/layer_norm/{old}"] = ours[
                f"{mine}self_attn_layer_norm.{new}"
            ]
            found[f"{theirs}ffn/layer_norm/{old}"] = ours[f"{mine}final_layer_norm.{new}"]
    return {f"encoder/{name}": array for name, array in found.items()}


@pytest.fixture
def encoder() -> WhisperEncoder:
    torch.manual_seed(0)
    return WhisperEncoder(20, 16, 2, 2, 64)


def test_whispers_weights_come_under_our_names(encoder: WhisperEncoder, tmp_path: Path) -> None:
    """All of them and no others: places are computed, and keys have no bias."""
    file = tmp_path / "model.bin"
    others = {
        "encoder/position_encodings/encodings": np.ones((9, 16), np.float16),
        "decoder/layer_0/ffn/linear_0/weight": np.ones((4, 4), np.float16),
        "encoder/layer_0/scale": np.ones((), np.float32),
    }
    file.write_bytes(_ctranslate2(_stored(encoder) | others))
    found = encoder_weights(file)
    again = WhisperEncoder(20, 16, 2, 2, 64)
    again.load_state_dict(found)
    mel = torch.randn(1, 20, 40)
    with torch.inference_mode():
        torch.testing.assert_close(again(mel)[-1], encoder(mel)[-1], atol=0.02, rtol=0.02)
    for name, tensor in encoder.state_dict().items():
        assert torch.equal(found[name], tensor.half().float())


@pytest.mark.parametrize("kind", ["missing", "empty", "text", "cut", "float32"])
def test_what_holds_no_weights_says_what_to_do(
    encoder: WhisperEncoder, tmp_path: Path, kind: str
) -> None:
    file, whole = tmp_path / "model.bin", _stored(encoder)
    contents = {
        "empty": b"",
        "text": b"this is no model, it is a text of a few words",
        "cut": _ctranslate2(whole)[:-99],
        "float32": _ctranslate2({name: array.astype(np.float32) for name, array in whole.items()}),
    }
    if kind in contents:
        file.write_bytes(contents[kind])
    with pytest.raises(ValueError, match="no weights of Whisper can be read"):
        encoder_weights(file)
