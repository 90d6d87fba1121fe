"""Llama, and what has its shape (SmolLM2): the backbone, the rows of words, and the head.

All is as in `model.convert.layouts.qwen`, but that queries, keys and values have no bias, and that
every row of theirs has a word: the rows of our markers are added in front of them. Sources: Touvron
et al. 2023 (arXiv:2302.13971); Allal et al. 2025 (SmolLM2, arXiv:2502.02737).
"""

from dataclasses import replace

import torch
from torch import Tensor

from model.config import OmniConfig
from model.convert.layouts.qwen import HEAD, QWEN, ROWS, adopted, turned
from model.convert.layouts.text_tokenizer import Exchange
from model.loading.hf_folder import HfFolder
from model.tokenizers.text import NUM_MARKERS

SPREAD = 0.1
"""Of a marker's row around the mean of all, of their own spread: none is likely at first, and all
differ."""
SEED = 0


def with_new_rows(rows: Tensor) -> Tensor:
    """Rows "V D" and behind them those of our markers; the same numbers in every call."""
    mean, spread = rows.float().mean(0), rows.float().std(0)
    generator = torch.Generator().manual_seed(SEED)
    drawn = torch.randn(NUM_MARKERS, rows.shape[1], generator=generator)
    return torch.cat([rows, (mean + SPREAD * spread * drawn).to(rows.dtype)])


def _fits(config: OmniConfig) -> bool:
    return not config.backbone.qkv_bias and not config.backbone.qk_norm


def _adopted(config: OmniConfig, source: HfFolder) -> OmniConfig:
    for said in ("attention_bias", "mlp_bias"):
        if source.config.get(said):
            raise ValueError(
                f"{source.folder} has biases ({said}), which a Llama here has none of: choose a "
                "checkpoint without"
            )
    if not _fits(config):
        raise ValueError(f"{config.name} has other attention than Llama: choose --preset smollm")
    return adopted(config, source, config.text_vocabulary - NUM_MARKERS)


def _shape(name: str, ours: tuple[int, ...]) -> tuple[int, ...]:
    return (ours[0] - NUM_MARKERS, *ours[1:]) if name in (ROWS, HEAD) else ours


def _turned(name: str, tensor: Tensor, config: OmniConfig, exchange: Exchange) -> dict[str, Tensor]:
    whole = with_new_rows(tensor) if name in (ROWS, HEAD) else tensor
    return turned(name, whole, config, exchange)


LLAMA = replace(
    QWEN,
    kind="llama",
    what="Llama or SmolLM2 language model",
    model_types=("llama",),
    adopted=_adopted,
    fits=_fits,
    shape=_shape,
    turned=_turned,
)
