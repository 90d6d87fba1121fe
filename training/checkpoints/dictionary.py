"""A picture dictionary of trained parts as the picture tokenizer of a model.

Owns: its config and path, `load_parts`, `load_dictionary`. Does not own: the training of the parts
(`training.image_dictionary`).
"""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from model.config import OmniConfig
from model.tokenizer_config import DictionaryConfig, VisionConfig
from model.tokenizers.dictionary.codes import CARDINALITY, CODE_DIM, NUM_CODEBOOKS, codebooks
from model.tokenizers.dictionary.tokenizer import ImageDictionary
from model.tokenizers.image import VisionTokenizer
from model.tokenizers.quantizer import MultiCodebookQuantizer
from training.loop.run_state import FILE, averaged_weights
from world.image.drawings import DRAWINGS, SHEET, Drawings
from world.image.named_scenes import CELL_PX, IMAGE_PX
from world.image.recolouring import colour_matrices

VISION = VisionConfig(
    image_px=IMAGE_PX,
    patch_px=CELL_PX,
    num_codebooks=NUM_CODEBOOKS,
    cardinality=CARDINALITY,
    code_dim=CODE_DIM,
    dictionary=DictionaryConfig(),
)
"""256 px from 64 positions of four codes."""
PATH = {"c": 9.4, "a": 0.48}
"""The path of its codes, by which they form all along t: a name is known between beta 4 and 12, a
place only at 40. Of the paper's own (c = 3, a = 0.9) half would be noise."""
DRAWS = ("atlas", "ground")
"""The parts that draw."""
PARTS, GROUND_CODES = (*DRAWS, "encoder"), "ground_codes.pt"
THUMBNAIL_PX, LIKENESS = 16, 24
"""Side of the drawings that are compared, and the numbers that are kept of each."""


def load_dictionary(tokenizer: VisionTokenizer, runs: Path, needed: Sequence[str] = DRAWS) -> None:
    """Load the trained parts of a folder. Raises: ValueError where one that is needed is missing.
    A model can be trained before there is an encoder, which reads pictures."""
    dictionary, quantizer = tokenizer.dictionary, tokenizer.quantizer
    assert dictionary is not None and isinstance(quantizer, MultiCodebookQuantizer)
    missing = [part for part in load_parts(dictionary, runs) if part in needed]
    if missing:
        raise ValueError(
            f"{runs} has no {' and no '.join(missing)} yet: run `python -m "
            f"training.image_dictionary {missing[0]}` first"
        )
    drawings = Drawings(SHEET)
    grounds = dictionary.ground_codes.books[0]
    with torch.no_grad():
        dictionary.colours.copy_(torch.from_numpy(colour_matrices(drawings)))
        quantizer.codebooks.copy_(codebooks(_likeness(drawings), grounds))


def named(config: OmniConfig) -> OmniConfig:
    """Return the config of a model whose pictures and films are codes of a dictionary."""
    return replace(
        config,
        vision=VISION,
        named_codes=True,
        image_flow=replace(config.image_flow, **PATH),
        video_flow=replace(config.video_flow, **PATH),
    )


def load_parts(dictionary: ImageDictionary, runs: Path) -> list[str]:
    """Load the ground codes and the averaged weights of the parts that a folder has; return the
    names of those that are missing."""
    if (runs / GROUND_CODES).exists():
        dictionary.ground_codes.load_state_dict(torch.load(runs / GROUND_CODES))
    there = [part for part in PARTS if (runs / part / FILE).exists()]
    for part in there:
        dictionary.get_submodule(part).load_state_dict(averaged_weights(runs / part)[0])
    return [part for part in PARTS if part not in there]


def _likeness(drawings: Drawings) -> Tensor:
    """Return the principal components of small pictures of the drawings, "N LIKENESS"."""
    small = [drawings.art(i, THUMBNAIL_PX)[..., :4] for i in range(len(DRAWINGS))]
    flat = torch.from_numpy(np.stack(small)).flatten(1).float() / 255
    left, scale, _ = torch.linalg.svd(flat - flat.mean(0), full_matrices=False)
    return (left * scale)[:, :LIKENESS]
