"""The common part of the published masked-diffusion models: chat template, masked sampling only.

No embedding is added at answer positions, and a masked position enters by the row of the model's
own mask token. Owns: the config, and the tensors computed from the text embedding.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from model.config import BackboneConfig, FlowConfig, OmniConfig
from model.convert.layout import Layout, numbers
from model.convert.layouts.chat_template import Chat
from model.convert.layouts.qwen import BIAS, CODES, ROWS, turned
from model.convert.layouts.text_tokenizer import Exchange
from model.dialogue_format import Dialogue
from model.loading.hf_folder import HfFolder
from model.tokenizers.text import MASKED

MASK = "embeddings.text_mask"
NOTHING_ADDED = ("embeddings.editable", "embeddings.causal")
MADE = (CODES, BIAS, MASK, *NOTHING_ADDED)
FILLS = ("backbone.", "embeddings.text.", "text_head.")
CANVAS = 128
"""Positions of an answer and number of steps: one position a step, as in the authors' examples."""
METRIC_DIM = 64
REAL = ("rms_norm_eps", "rope_theta")
"""Settings that need not be integers."""


def masked(
    source: HfFolder,
    backbone: BackboneConfig,
    vocabulary: int,
    dialogue: Dialogue,
    *,
    tied: bool,
    block: int | None,
) -> OmniConfig:
    """Return the config of a checkpoint that answers by masked diffusion. block: see
    `samplers.masked`."""
    return OmniConfig(
        name=source.name,
        vision=None,
        backbone=backbone,
        text_vocabulary=vocabulary,
        text_metric_dim=min(METRIC_DIM, backbone.width),
        text_tied=tied,
        text_block=block or CANVAS,
        text_blocks=CANVAS // (block or CANVAS),
        audio=None,
        video_frames=0,
        generates_video=False,
        thinks=False,
        suggests=False,
        has_embedding=False,
        neighbours=False,
        time_aligned=False,
        samplers=("masked",),
        dialogue=dialogue,
        text_flow=FlowConfig(steps=CANVAS, temperature=0.0, mask_schedule="linear", block=block),
    )


def layout(
    kind: str,
    what: str,
    model_types: tuple[str, ...],
    adopted: Callable[[OmniConfig, HfFolder], OmniConfig],
    place_of: Callable[[str, OmniConfig], str | None],
    chat: Callable[[HfFolder], Chat] = Chat.of,
) -> Layout:
    """Return the layout of such a model. Arguments are fields of `Layout`; chat: reads its
    conversation format."""
    return Layout(
        kind=kind,
        what=what,
        model_types=model_types,
        fills=FILLS,
        adopted=adopted,
        place_of=place_of,
        makes=MADE,
        words=True,
        whole=True,
        turned=_turned,
        exchange=lambda source: chat(source).exchange,
        proof=lambda source, tokenizer: chat(source).check(source, tokenizer),
    )


def complete(source: HfFolder, theirs: Mapping[str, Any], keys: Sequence[str]) -> None:
    """Check that the config has all of these keys, as numbers.

    Raises: ValueError where one is absent or no number.
    """
    absent = [key for key in keys if theirs.get(key) is None]
    if absent:
        raise ValueError(f"{source.folder}/config.json does not say {', '.join(absent)}: fetch it")
    numbers(source, [key for key in keys if key not in REAL], REAL)


def _turned(name: str, tensor: Tensor, config: OmniConfig, exchange: Exchange) -> dict[str, Tensor]:
    """Transform as `turned`; add the mask token's row, and zeros for the embedding of answer
    positions."""
    found = turned(name, tensor, config, exchange)
    if name == ROWS:
        found[MASK] = found[ROWS][MASKED].clone()
        found |= {added: torch.zeros_like(found[MASK]) for added in NOTHING_ADDED}
    return found
