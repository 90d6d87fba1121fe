"""Tiny random checkpoints in the layouts of MMaDA and Dynin-Omni: LLaDA's with codes behind its
words; and of the picture tokenizer that makes their codes, under its published names."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import Tensor
from transformers import LlamaForCausalLM

from tests.model import masked_models

WORD_ROWS = 384
"""Rows of words, rounded up: the last ones have none."""
BITS, NUM_IMAGE, PLACES = 5, 32, 16
"""Of a picture: 32 codes on 4 x 4 positions."""
NUM_AUDIO = {"mmada": 0, "dynin": 4096}
SPECIAL = (
    "<|startoftext|>", "<|endoftext|>", "[CLS]", "[gMASK]",
    *(f"<|reserved_token_{i}|>" for i in range(23)),
    "<|mdm_mask|>", "<role>", "<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>",
)  # fmt: skip
TASKS = {
    "soi": 0, "eoi": 1, "t2i": 4, "mmu": 5, "i2i": 11, "s2t": 12, "soa": 13, "eoa": 14, "t2s": 15,
    "sov": 2, "eov": 3, "v2t": 16, "think": 21, "end_think": 22,
}  # fmt: skip
"""Which of the reserved tokens the published code takes for what."""
ENCODER = ((32, 64, 64, 64, 96), (2, 1, 1, 1, 1))
DECODER = ((32, 32, 64, 64, 96), (1, 1, 1, 2, 1))
"""Widths and numbers of residual blocks of the levels, from the pixels on."""
SAID = {
    "mmada": {"model_type": "mmada", "architectures": ["MMadaModelLM"]},
    "dynin": {"model_type": "dynin_omni", "architectures": ["DyninOmniModelLM"]},
}


def rows(kind: str) -> int:
    return WORD_ROWS + NUM_IMAGE + NUM_AUDIO[kind]


def reference(kind: str) -> LlamaForCausalLM:
    return masked_models.llama(rows(kind))


def save(kind: str, folder: Path) -> Path:
    return masked_models.save_llama(
        folder,
        SPECIAL,
        rows(kind),
        **SAID[kind],
        codebook_size=NUM_IMAGE,
        num_vq_tokens=PLACES,
        new_vocab_size=rows(kind),
    )


def save_magvit(folder: Path) -> Path:
    folder.mkdir(parents=True)
    (folder / "config.json").write_text(json.dumps({"_class_name": "MAGVITv2"}))
    codes = torch.arange(NUM_IMAGE)
    highest_first = torch.arange(BITS - 1, -1, -1)
    computed = {
        "quantize.embedding": ((codes[:, None] >> highest_first) & 1).float() * 2 - 1,
        "quantize.power_vals": 2**highest_first,
    }
    save_file({**magvit(), **computed}, folder / "model.safetensors")
    return folder


def magvit() -> dict[str, Tensor]:
    """Random tensors under the published names."""
    shapes: dict[str, tuple[int, ...]] = {}
    for side, level, (widths, blocks), reverse in (
        ("encoder", "down", ENCODER, False),
        ("decoder", "up", DECODER, True),
    ):
        shapes |= _conv(f"{side}.conv_in", *((BITS, widths[-1]) if reverse else (3, widths[0])), 3)
        shapes |= _levels(f"{side}.{level}", widths, blocks, reverse=reverse)
        for block in ("block_1", "block_2"):
            shapes |= _residual(f"{side}.mid.{block}", widths[-1], widths[-1])
        shapes |= _norm(f"{side}.mid.attn_1.norm", widths[-1])
        for conv in ("q", "k", "v", "proj_out"):
            shapes |= _conv(f"{side}.mid.attn_1.{conv}", widths[-1], widths[-1], 1)
        shapes |= _norm(f"{side}.norm_out", widths[0] if reverse else widths[-1])
        leaving = (widths[0], 3) if reverse else (widths[-1], BITS)
        shapes |= _conv(f"{side}.conv_out", *leaving, 3)
        shapes |= _conv(f"{side}.{'post_quant' if reverse else 'quant'}_conv", BITS, BITS, 1)
    generator = torch.Generator().manual_seed(0)
    return {
        name: torch.randn(shape, generator=generator) * 0.1 + ("norm" in name and "weight" in name)
        for name, shape in shapes.items()
    }


def _levels(
    name: str, widths: Sequence[int], blocks: Sequence[int], *, reverse: bool
) -> Mapping[str, tuple[int, ...]]:
    found: dict[str, tuple[int, ...]] = {}
    for i, width in enumerate(widths):
        before = widths[min(i + 1, len(widths) - 1)] if reverse else widths[max(i - 1, 0)]
        for j in range(blocks[i]):
            found |= _residual(f"{name}.{i}.block.{j}", width if j else before, width)
        if i != (0 if reverse else len(widths) - 1):
            found |= _conv(f"{name}.{i}.{'up' if reverse else 'down'}sample.conv", width, width, 3)
    return found


def _residual(name: str, entering: int, width: int) -> dict[str, tuple[int, ...]]:
    found = _norm(f"{name}.norm1", entering) | _conv(f"{name}.conv1", entering, width, 3)
    found |= _norm(f"{name}.norm2", width) | _conv(f"{name}.conv2", width, width, 3)
    return found | ({} if entering == width else _conv(f"{name}.nin_shortcut", entering, width, 1))


def _conv(name: str, entering: int, width: int, side: int) -> dict[str, tuple[int, ...]]:
    return {f"{name}.weight": (width, entering, side, side), f"{name}.bias": (width,)}


def _norm(name: str, width: int) -> dict[str, tuple[int, ...]]:
    return {f"{name}.weight": (width,), f"{name}.bias": (width,)}


def rename(source: Path, names: Mapping[str, int]) -> None:
    """Its tokenizer calls reserved tokens, by their number, by these names."""
    for file in ("tokenizer.json", "tokenizer_config.json"):
        text = (source / file).read_text()
        for name, number in names.items():
            text = text.replace(f"<|reserved_token_{number}|>", name)
        (source / file).write_text(text)
