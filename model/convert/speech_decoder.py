"""The decoder of speech codes out of hibari-tts 0.2.1's ONNX file, and its prosody network.

Command line: python -m model.convert.speech_decoder OUT writes OUT as safetensors in float16, with
int8 matrices multiplied out. The packages hibari-tts and onnx must be installed; neither is needed
to speak. Owns: which tensor of the file is which, and the two halves of its graph.
"""

import argparse
import sys
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import save_file

from model.tokenizers.speech_codes import SYMBOLS
from model.tokenizers.speech_decoder import SpeechDecoder

IDS, SPEED, DURATIONS, F0, ENERGY = "ids", "speed", "/Clip_output_0", "f0", "/Mul_62_output_0"
SPECTRA = ("lh", "theta", "ln", "lr", "phi")
_LINEAR = {
    "encoder.enter": ("/Transpose_2", "m.text.attn.self_attn.in_proj_bias"),
    "encoder.leave": ("/out_proj/Transpose", "m.text.attn.self_attn.out_proj.bias"),
    "encoder.widen": ("/linear1/Transpose", "m.text.attn.linear1.bias"),
    "encoder.narrow": ("/linear2/Transpose", "m.text.attn.linear2.bias"),
    "head": ("/head/Transpose", "m.head.bias"),
}
"""Ours, and theirs: the int8 matrix "in out" and the bias."""
_NORMS = {
    "encoder.attention_norm": "m.text.attn.norm1",
    "encoder.mlp_norm": "m.text.attn.norm2",
    "encoder.norm": "m.text.norm",
    "norm": "m.dec_norm",
    "enter": "m.dec_in",
}


def installed_file() -> Path:
    """The ONNX file of the installed hibari-tts. Raises: ModuleNotFoundError."""
    return Path(str(import_module("hibari").__file__)).parent / "assets" / "hibari.onnx"


def half(file: Path, inputs: tuple[str, ...], outputs: tuple[str, ...]) -> Any:
    """An onnxruntime session of the part of the graph between these tensors, on one thread."""
    onnx, runtime = import_module("onnx"), import_module("onnxruntime")
    cut = import_module("onnx.utils").Extractor(onnx.load(file))
    options = runtime.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 3
    graph = cut.extract_model(list(inputs), list(outputs))
    return runtime.InferenceSession(graph.SerializeToString(), options)


def weights(file: Path, vocabulary: Mapping[str, int]) -> dict[str, torch.Tensor]:
    """Float32 weights of `SpeechDecoder`. vocabulary: the package's number of each symbol."""
    onnx, numpy_helper = import_module("onnx"), import_module("onnx.numpy_helper")
    known = {t.name: numpy_helper.to_array(t) for t in onnx.load(file).graph.initializer}
    rows = [0, *(vocabulary[symbol] for symbol in SYMBOLS[1:])]
    found = {"encoder.symbols.weight": known["m.text.emb.weight"][rows]}
    for ours, theirs in _NORMS.items():
        found |= {f"{ours}.{x}": known[f"{theirs}.{x}"] for x in ("weight", "bias")}
    linear = dict(_LINEAR)
    for ours, theirs, place in (
        *((f"encoder.near.{i}", f"m.text.convs.{i}", f"/convs.{i}") for i in range(2)),
        *((f"layers.{i}", f"m.dec.{i}", f"/dec.{i}") for i in range(8)),
    ):
        found[f"{ours}.scale"] = known[f"{theirs}.gamma"]
        for mine, name in (("depthwise", "dw"), ("norm", "norm")):
            found |= {
                f"{ours}.{mine}.{x}": known[f"{theirs}.{name}.{x}"] for x in ("weight", "bias")
            }
        for mine, name in (("widen", "pw1"), ("narrow", "pw2")):
            linear[f"{ours}.{mine}"] = (f"{place}/{name}/Transpose", f"{theirs}.{name}.bias")
    for ours, (matrix, bias) in linear.items():
        name = f"{matrix}_output_0"
        steps = known[f"{name}_quantized"].astype(np.float32) - known[f"{name}_zero_point"]
        found[f"{ours}.weight"] = (steps * known[f"{name}_scale"]).T
        found[f"{ours}.bias"] = known[bias]
    return {name: torch.from_numpy(np.array(value, np.float32)) for name, value in found.items()}


def installed_weights() -> dict[str, torch.Tensor]:
    """`weights` of the installed package. Raises: ModuleNotFoundError."""
    return weights(installed_file(), import_module("hibari").Hibari().vocab)


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m model.convert.speech_decoder")
    parser.add_argument("out", type=Path, help="a safetensors file")
    arguments = parser.parse_args(argv)
    try:
        found = installed_weights()
    except ModuleNotFoundError as error:
        print(f"error: {error}: pip install hibari-tts==0.2.1 onnx", file=sys.stderr)
        return 2
    SpeechDecoder().load_state_dict(found)
    save_file({k: v.half().contiguous() for k, v in found.items()}, arguments.out)
    num = sum(v.numel() for v in found.values())
    print(f"{num} weights written to {arguments.out}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
