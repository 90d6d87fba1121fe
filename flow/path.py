"""The metric-induced path: p_t(x | x_1) = softmax over x of -beta(t) d(x, x_1).

At t = 0 it is uniform over the states, at t = 1 it is x_1; in between a token moves through the
neighbours of x_1. Source: Luo et al. 2025 (arXiv:2510.13721), App. A; Shaul et al. 2024
(arXiv:2412.03487), Section 4. Owns: drawing x_t (training), and the information of x_t about x_1.
Does not own: transitions along the path (`flow.transition`).
"""

import math

import torch
from jaxtyping import Float, Int
from torch import Tensor

from flow.inverse_cdf import inverse_cdf, row_chunks
from flow.metric import CodebookMetric
from flow.schedule import PAPER, Clock

SMALLEST_BETA = 1e-30
"""Replacement for beta = 0, since 0 times an infinite distance is NaN."""


def path_weights(
    distances: Float[Tensor, "N V"], beta: float | Float[Tensor, "*N"]
) -> Float[Tensor, "N V"]:
    """Return exp(-beta d), unnormalised: at most 1, exactly 1 at x_1, 0 where the distance is
    infinite.

    beta: in [0, infinity), one for all rows (a float or a scalar tensor) or one a row.
    """
    if isinstance(beta, Tensor):
        beta = beta.to(distances.dtype).clamp(min=SMALLEST_BETA).unsqueeze(-1)
    else:
        beta = max(beta, SMALLEST_BETA)
    return torch.exp_(distances * -beta)


def path_probabilities(
    distances: Float[Tensor, "N V"], beta: float | Float[Tensor, "*N"]
) -> Float[Tensor, "N V"]:
    """Return p(x | x_1) = softmax_x(-beta d(x, x_1)); rows sum to 1, the maximum is at x_1."""
    weights = path_weights(distances, beta)
    return weights / weights.sum(dim=-1, keepdim=True)


@torch.no_grad()
def sample_path(
    metric: CodebookMetric,
    x_1: Int[Tensor, "B L Q"],
    t: Float[Tensor, " B"],
    uniforms: Float[Tensor, "B L Q"],
    schedule: Clock = PAPER,
) -> Int[Tensor, "B L Q"]:
    """Draw x_t ~ p_t(. | x_1), independently for each code, with one time a batch row.

    t: in [0, 1); uniforms: in (0, 1). A forbidden x_1 (a role marker of a prompt) is no state of
    the flow and is returned unchanged. The result is a new tensor.

    Raises: ValueError where a t is outside [0, 1). Source: Luo et al. 2025 (arXiv:2510.13721), App.
    A.
    """
    betas = [schedule.beta(float(time)) for time in t.cpu().unbind()]
    beta = torch.tensor(betas, device=x_1.device)
    beta_of_row = beta.repeat_interleave(x_1.shape[1])
    target = metric.canonical(x_1).flatten(0, 1)
    uniform = uniforms.flatten(0, 1)
    x_t = torch.empty_like(target)
    for q in range(metric.num_codebooks):
        for rows in row_chunks(len(target), metric.cardinality):
            weights = path_weights(metric.distances(q, target[rows, q]), beta_of_row[rows])
            x_t[rows, q] = inverse_cdf(weights, uniform[rows, q])
    return torch.where(metric.is_allowed(x_1), x_t.view_as(x_1), x_1)


@torch.no_grad()
def information(metric: CodebookMetric, codebook: int, beta: float) -> float:
    """Return the mutual information I(x_1; x_t) of a code of one codebook in bits, for uniform x_1.

    I = H(x_t) - H(x_t | x_1), an exact sum over all pairs in float64: from 0 at beta = 0 to
    log2(number of states). It shows better than p_t(x_1 | x_1) at which times an image is decided.
    """
    ids = metric.states[codebook].nonzero().squeeze(1)
    marginal = torch.zeros(metric.cardinality, dtype=torch.float64, device=ids.device)
    conditional_bits = 0.0
    for rows in row_chunks(len(ids), metric.cardinality):
        distances = metric.distances(codebook, ids[rows]).double()
        weights = path_weights(distances, beta)
        total = weights.sum(dim=-1, keepdim=True)
        p = weights / total
        marginal += p.sum(dim=0) / len(ids)
        # H = log Z + beta E[d] of p = exp(-beta d) / Z: a third of the work of sum(p log p)
        spread = (p * distances.masked_fill_(weights == 0, 0.0)).sum()
        conditional_bits += float(total.log2().sum() + beta / math.log(2) * spread) / len(ids)
    return max(0.0, _entropy_bits(marginal) - conditional_bits)


@torch.no_grad()
def exact_hit(metric: CodebookMetric, codebook: int, beta: float) -> float:
    """Return p(x_1 | x_1) = 1 / Z, the probability that a code is exactly right; mean over x_1."""
    hits = 0.0
    ids = metric.states[codebook].nonzero().squeeze(1)
    for rows in row_chunks(len(ids), metric.cardinality):
        weights = path_weights(metric.distances(codebook, ids[rows]), beta)
        hits += float(weights.sum(dim=-1).reciprocal().sum())
    return hits / len(ids)


@torch.no_grad()
def jump_rate(metric: CodebookMetric, codebook: int, beta: float) -> float:
    """Return the expected jumps of a code per unit of beta, mean over x_1: the sum over x and z of
    p(z) p(x) [D(z) - D(x)]_+ , exact, in float64.

    It is the mean exit rate of `flow.transition` over z ~ p_t. Times dbeta/dt it is the rate in t.
    """
    ids = metric.states[codebook].nonzero().squeeze(1)
    total = 0.0
    for rows in row_chunks(len(ids), metric.cardinality):
        distances = metric.distances(codebook, ids[rows]).double().sort(dim=-1).values
        p = path_probabilities(distances, beta)
        moment = p * torch.where(p > 0, distances, 0.0)
        nearer, nearer_moment = p.cumsum(-1) - p, moment.cumsum(-1) - moment
        total += float((moment * nearer - p * nearer_moment).sum())
    return total / len(ids)


def _entropy_bits(p: Tensor) -> float:
    """Return -sum p log2 p over all entries."""
    return -float(torch.xlogy(p, p).sum()) / math.log(2)
