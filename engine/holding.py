"""What stays of a picture that is changed: the places whose codes the model would give back anyway.

A sampler draws every code anew, also where nothing is to change, and each draw can go wrong. So the
model is asked at the very start, where its own state is still noise: how likely is it that the new
picture has the codes of the given one, here? Where that is likelier than not, they stay from the
first step on, as in a picture that is repainted in part; the mask is the model's own. Owns:
`likely_again`, `start_with`. Does not own: how a run begins in part (`engine.going_on`).
"""

from collections.abc import Sequence

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from engine.request import Start
from flow.modality import Modality
from flow.sequence import OmniSequence, Segment, response
from model.omni import OmniModel

READS = 4
"""States of noise that the model is asked at."""


def likely_again(
    model: OmniModel, prompt: Sequence[Segment], noise: Tensor, codes: Tensor
) -> Tensor:
    """For each place of a picture the probability, float32 "L" and the mean over R states of noise,
    that the model gives it the codes "L Q". prompt: one row; noise: int64 "R L Q"."""
    rows = len(noise)
    answer = response(Modality.IMAGE, noise)
    sequence = OmniSequence((*(s.repeated(rows) for s in prompt), answer))
    features = model.features(sequence)[-1].flatten(0, 1)
    wanted = codes.to(noise).expand(rows, -1, -1).flatten(0, 1)
    logits = model.media_head(Modality.IMAGE)(features, wanted)
    surprise = sum(
        F.cross_entropy(found.float(), wanted[:, q], reduction="none")
        for q, found in enumerate(logits)
    )
    assert isinstance(surprise, Tensor)
    return torch.exp(-surprise).view(rows, -1).mean(0)


def start_with(stays: np.ndarray, codes: np.ndarray, mask_id: int) -> Start | None:
    """The state of a picture in which the places bool "L" have the codes "L Q" and keep them; None
    where there is nothing to keep, or nothing else."""
    if not stays.any() or stays.all():
        return None
    tokens = np.where(stays[:, None], codes, mask_id)
    return Start(Modality.IMAGE, tokens, codes, 0.0, stays)
