"""What stays of a picture that is changed.

A sampler draws every code anew, also where nothing is to change, and each draw can go wrong. So the
model is asked at the very start, where its own state is still noise. Where heads were learned that
read off its middle which places of the picture the words mean (`training.objectives.probe_loss`),
these say it; else how likely it is that the new picture has the codes of the given one, here. What
is likelier than not to stay does so from the first step on, as in a picture that is repainted in
part; the mask is the model's own. Owns: `may_hold`, `likely_to_stay`, `start_with`. Does not own:
how a run begins in part (`engine.generation.resume`).
"""

from collections.abc import Sequence

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from engine.api.request import InitialState
from engine.api.sampling import SamplerKind
from engine.generation.segment_spec import SegmentSpec
from flow.modality import Modality
from flow.sequence import OmniSequence, Segment, response
from model.config import OmniConfig
from model.network.omni import OmniModel
from model.network.probes import EDIT_TARGET, LinearProbes

READS = 4
"""States of noise that the model is asked at."""


def may_hold(wish: SegmentSpec, config: OmniConfig) -> bool:
    """Whether a picture is changed, by a sampler that begins in part; a checkpoint of others, whose
    codes are rows of words, samples as it was published."""
    given = any(span.modality is Modality.IMAGE for span in wish.spans)
    changes = wish.modality is Modality.IMAGE and wish.start is None and given
    sampling = wish.sampling
    asked = sampling.hold != 1 and sampling.sampler != SamplerKind.AUTOREGRESSIVE
    return changes and asked and config.code_rows is None


def likely_to_stay(
    model: OmniModel, heads: LinearProbes | None, prompt: Sequence[Segment], noise: Tensor
) -> Tensor:
    """For each place of the last picture of the prompt the probability, float32 "L", that it stays
    as it is. heads: what the middle of the model is asked of prompts. prompt: one row; noise: int64
    "R L Q", states that the answer begins with."""
    last = max(i for i, segment in enumerate(prompt) if segment.modality is Modality.IMAGE)
    codes = prompt[last].tokens[0]
    if heads is None or EDIT_TARGET not in heads.names:
        return likely_again(model, prompt, noise, codes)
    rows, first = len(noise), sum(segment.length for segment in prompt[:last])
    answer = response(Modality.IMAGE, noise)
    x, valid = model.embed(OmniSequence((*(s.repeated(rows) for s in prompt), answer)))
    middle = model.backbone(x, valid, behind=heads.behind)[:, first : first + len(codes)]
    (read,) = heads.logits(middle, EDIT_TARGET)
    return read.softmax(-1)[..., 0].mean(0)


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


def start_with(stays: np.ndarray, codes: np.ndarray, mask_id: int) -> InitialState | None:
    """The state of a picture in which the places bool "L" have the codes "L Q" and keep them; None
    where there is nothing to keep, or nothing else."""
    if not stays.any() or stays.all():
        return None
    tokens = np.where(stays[:, None], codes, mask_id)
    return InitialState(Modality.IMAGE, tokens, codes, 0.0, stays)
