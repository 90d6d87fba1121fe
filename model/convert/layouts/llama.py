"""Llama and models of its architecture (SmolLM2): backbone, text embedding and text head.

As `model.convert.layouts.qwen`, without biases of queries, keys and values. Every row of the source
has a token, so the rows of our markers are added. Sources: Touvron et al. 2023 (arXiv:2302.13971);
Allal et al. 2025 (SmolLM2, arXiv:2502.02737).
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
"""Standard deviation of a new marker's row around the mean row, relative to that of all rows: no
marker is likely at first, and all differ."""
SEED = 0


def with_new_rows(rows: Tensor) -> Tensor:
    """Append rows of our markers to rows "V D"; deterministic."""
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
