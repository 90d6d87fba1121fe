"""The likelihood of an answer under the model that gave it: one measure for every sampler.

Read from left to right, the weights give an exact probability of any answer, however it was
sampled. It is the model's own opinion, not a judge's.
"""

import math
from collections.abc import Sequence

import numpy as np
import torch
import torch.nn.functional as F

from flow.modality import Modality
from flow.sequence import OmniSequence, Segment, response
from model.network.omni import OmniModel
from model.tokenizers.text import ENDS


@torch.inference_mode()
def bits_per_code(
    model: OmniModel, prompt: Sequence[Segment], tokens: np.ndarray, modality: Modality
) -> float:
    """Return the bits a code of an answer "L Q" to a prompt of one row; words count up to their
    end.

    Raises: ValueError where the codes are none of this checkpoint.
    """
    space = model.spaces[modality]
    if tokens.shape[1] != space.num_codebooks or not 0 <= tokens.min() <= tokens.max() < (
        space.cardinality
    ):
        raise ValueError(f"these are no codes of a whole {modality} of this checkpoint")
    if modality is Modality.TEXT:
        ends = np.flatnonzero(np.isin(tokens[:, 0], ENDS))
        tokens = tokens[: ends[0] + 1] if len(ends) else tokens
    codes = torch.from_numpy(tokens.astype(np.int64))[None].to(model.device)
    sequence = OmniSequence((*prompt, response(modality, codes)))
    posterior = model.posterior(model.features(sequence, causal=True)[-1], modality)
    nats = [
        F.cross_entropy(posterior.logits(codes[..., :q])[0], codes[0, :, q])
        for q in range(codes.shape[2])
    ]
    return float(torch.stack(nats).mean()) / math.log(2)
