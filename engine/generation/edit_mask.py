"""The edit mask: which places of a picture keep their codes while it is changed.

A sampler draws every code anew, also where nothing is to change, and each draw can go wrong. Before
sampling, a mid-layer probe predicts the patches to edit from states of pure noise
(`training.objectives.probe_loss`); without a probe, the model's probability of the old codes
decides. A place whose probability to stay is at least `Sampling.keep_threshold` is frozen from the
first step on, as in inpainting. Owns: `can_freeze`, `keep_probability`, `partial_start`. Does not
own: how a run begins in part (`engine.generation.resume`).
"""

from collections.abc import Sequence

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from engine.api.request import InitialState
from engine.generation.segment_spec import SegmentSpec
from flow.modality import Modality
from flow.sequence import OmniSequence, Segment, response
from model.config import OmniConfig
from model.network.omni import OmniModel
from model.network.probes import EDIT_TARGET, LinearProbes
from samplers.catalogue import SAMPLERS

NUM_READS = 4
"""States of noise that the model reads."""


def can_freeze(spec: SegmentSpec, config: OmniConfig) -> bool:
    """Return whether the segment changes a picture by a sampler that can begin in part. A converted
    checkpoint, whose codes are rows of its vocabulary, samples as it was published."""
    given = any(span.modality is Modality.IMAGE for span in spec.spans)
    changes = spec.modality is Modality.IMAGE and spec.start is None and given
    sampling = spec.sampling
    assert sampling.sampler is not None
    asked = sampling.keep_threshold != 1 and "keep_threshold" in SAMPLERS[sampling.sampler].settings
    return changes and asked and config.code_rows is None


def keep_probability(
    model: OmniModel, heads: LinearProbes | None, prompt: Sequence[Segment], noise: Tensor
) -> Tensor:
    """Return for each place of the prompt's last picture the probability, float32 "L", that it
    stays as it is. heads: probes of prompts. prompt: one row; noise: int64 "R L Q", initial states
    of the answer."""
    last = max(i for i, segment in enumerate(prompt) if segment.modality is Modality.IMAGE)
    codes = prompt[last].tokens[0]
    if heads is None or EDIT_TARGET not in heads.names:
        return code_probability(model, prompt, noise, codes)
    rows, first = len(noise), sum(segment.length for segment in prompt[:last])
    answer = response(Modality.IMAGE, noise)
    x, valid = model.embed(OmniSequence((*(s.repeated(rows) for s in prompt), answer)))
    middle = model.backbone(x, valid, behind=heads.behind)[:, first : first + len(codes)]
    (read,) = heads.logits(middle, EDIT_TARGET)
    return read.softmax(-1)[..., 0].mean(0)


def code_probability(
    model: OmniModel, prompt: Sequence[Segment], noise: Tensor, codes: Tensor
) -> Tensor:
    """Return for each place of a picture the probability, float32 "L" and the mean over R states of
    noise, that the model gives it the codes "L Q". prompt: one row; noise: int64 "R L Q"."""
    rows = len(noise)
    answer = response(Modality.IMAGE, noise)
    sequence = OmniSequence((*(s.repeated(rows) for s in prompt), answer))
    features = model.features(sequence)[-1].flatten(0, 1)
    wanted = codes.to(noise).expand(rows, -1, -1).flatten(0, 1)
    logits = model.media_head(Modality.IMAGE)(features, wanted)
    nats = sum(
        F.cross_entropy(found.float(), wanted[:, q], reduction="none")
        for q, found in enumerate(logits)
    )
    assert isinstance(nats, Tensor)
    return torch.exp(-nats).view(rows, -1).mean(0)


def partial_start(stays: np.ndarray, codes: np.ndarray, mask_id: int) -> InitialState | None:
    """Return the state of a picture in which the places bool "L" have the codes "L Q" and keep
    them; None where no place stays, or all do."""
    if not stays.any() or stays.all():
        return None
    tokens = np.where(stays[:, None], codes, mask_id)
    return InitialState(Modality.IMAGE, tokens, codes, 0.0, stays)
