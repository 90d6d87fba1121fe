"""Probe readouts: the object and colour that linear probes read at each place of a recorded run.

The probes (`model.network.probes`) read the middle layer of the backbone for each recorded state by
itself, after the run, so that a run is the same whether it is inspected or not. Owns:
`ProbeReadout`. Does not own: where it is shown.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from flow.modality import Modality
from flow.sequence import OmniSequence, Segment, response
from model.network.omni import OmniModel
from model.network.probes import PICTURE, LinearProbes

POSITIONS_AT_ONCE = 4096


@dataclass(frozen=True)
class ProbeReadout:
    """Labels of S states. objects, colours: names of the ids; 0 is the background, and no chosen
    colour. object, colour: int64 "S L", the likeliest at each of S states and L places. sure:
    float32 "S L", the probability of the object."""

    objects: tuple[str, ...]
    colours: tuple[str, ...]
    object: np.ndarray
    colour: np.ndarray
    sure: np.ndarray


@torch.inference_mode()
def read_probes(
    model: OmniModel,
    heads: LinearProbes,
    prompt: Sequence[Segment],
    states: np.ndarray,
    modality: Modality,
) -> ProbeReadout:
    """Return the readout of the states "S L Q" of a picture or film, after a prompt of one row.

    Raises: ValueError where they are none of this checkpoint.
    """
    space = model.spaces.get(modality)
    least, most = (0, 0) if space is None else (states.min(), states.max())
    if (
        space is None
        or states.shape[2] != space.num_codebooks
        or not (0 <= least <= most <= space.cardinality)
    ):
        raise ValueError(f"these are no states of a {modality} of this checkpoint")
    length = states.shape[1]
    rows = max(1, POSITIONS_AT_ONCE // (length + sum(s.length for s in prompt)))
    found: list[tuple[Tensor, ...]] = []
    for part in torch.from_numpy(states.astype(np.int64)).split(rows):
        answer = response(modality, part.to(model.device))
        sequence = OmniSequence((*(s.repeated(len(part)) for s in prompt), answer))
        x, valid = model.embed(sequence)
        middle = model.backbone(x, valid, behind=heads.behind)[:, -length:].to(model.device)
        objects, colours, *_ = heads.logits(middle, PICTURE)
        sure, likeliest = objects.softmax(-1).max(-1)
        found.append((likeliest.cpu(), colours.argmax(-1).cpu(), sure.cpu()))
    likeliest, colour, sure = (torch.cat(one).numpy() for one in zip(*found, strict=True))
    names = heads.names[PICTURE]
    return ProbeReadout(names[0], names[1], likeliest, colour, sure)
