"""What the published masked-diffusion models have in common here: a chat template of their own, and
no left-to-right run.

Nothing is added where an answer stands, and what is masked is read by the row of their own masked
token. Owns: the config, and the tensors that are made beside the rows.
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
"""Positions of an answer, and the steps that fill it: one a position, as their authors' examples
do it."""
METRIC_DIM = 64
REAL = ("rms_norm_eps", "rope_theta")
"""Of what a config says, numbers that need not be whole."""


def masked(
    source: HfFolder,
    backbone: BackboneConfig,
    vocabulary: int,
    dialogue: Dialogue,
    *,
    tied: bool,
    block: int | None,
) -> OmniConfig:
    """The config of a checkpoint that answers in words by masked diffusion. block: see
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
    """The layout of such a model; the arguments are those of `Layout`. chat: what it says about
    conversations."""
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
    """Nothing. Raises: ValueError where the config does not say one of these, or no number."""
    absent = [key for key in keys if theirs.get(key) is None]
    if absent:
        raise ValueError(f"{source.folder}/config.json does not say {', '.join(absent)}: fetch it")
    numbers(source, [key for key in keys if key not in REAL], REAL)


def _turned(name: str, tensor: Tensor, config: OmniConfig, exchange: Exchange) -> dict[str, Tensor]:
    """As `turned`, with the row of the masked token and nothing added to an answer."""
    found = turned(name, tensor, config, exchange)
    if name == ROWS:
        found[MASK] = found[ROWS][MASKED].clone()
        found |= {added: torch.zeros_like(found[MASK]) for added in NOTHING_ADDED}
    return found
