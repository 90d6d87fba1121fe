"""Draws x_1 from a posterior: categorical by inverse CDF, one uniform a code.

Owns: `draw_categorical` (temperature, nucleus), `draw_posterior` (sub-codebook after
sub-codebook), `check_draw`.
Does not own: where the uniforms come from (`samplers.counter_rng`), guidance (it acts on the
logits).
"""

import torch
from jaxtyping import Float, Int
from torch import Tensor

from flow.inverse_cdf import cumulative, inverse_cdf, row_chunks
from samplers.denoiser import Posterior

GREEDY_TEMPERATURE = 1e-4
"""At and below this temperature the draw is the argmax, before logits / temperature overflows."""


def check_draw(temperature: float, top_p: float) -> None:
    """Raises ValueError unless temperature >= 0 and top_p is in (0, 1]."""
    if not temperature >= 0:
        raise ValueError(f"temperature must be at least 0, not {temperature}")
    if not 0 < top_p <= 1:
        raise ValueError(f"top_p must be above 0 and at most 1, not {top_p}")


def draw_categorical(
    logits: Float[Tensor, "N V"],
    uniforms: Float[Tensor, " N"],
    *,
    temperature: float | Tensor = 1.0,
    top_p: float = 1.0,
) -> tuple[Int[Tensor, " N"], Float[Tensor, " N"]]:
    """Ids drawn from softmax(logits / temperature), and their probability under softmax(logits).

    temperature 0 is the argmax; a temperature in a tensor without an axis is positive; in a tensor
    "N" each row has its own.
    top_p in (0, 1] keeps the fewest likeliest ids whose tempered probabilities reach top_p. An id
    with logit -inf is never drawn. Rows go through in chunks.
    """
    ids = torch.empty(len(logits), dtype=torch.int64, device=logits.device)
    confidence = torch.empty(len(logits), dtype=torch.float32, device=logits.device)
    for rows in row_chunks(len(logits), logits.shape[1]):
        chunk = logits[rows].float()
        probabilities = chunk.softmax(dim=-1)
        fixed = not isinstance(temperature, Tensor)
        if isinstance(temperature, Tensor) and temperature.ndim == 1:
            drawn = _draw_each(chunk, temperature[rows], uniforms[rows], top_p)
        elif fixed and temperature <= GREEDY_TEMPERATURE:
            drawn = chunk.argmax(dim=-1)
        else:
            plain = fixed and temperature == 1
            tempered = probabilities if plain else (chunk / temperature).softmax(dim=-1)
            drawn = _draw_nucleus(tempered, uniforms[rows], top_p)
        ids[rows] = drawn
        confidence[rows] = probabilities.gather(1, drawn.unsqueeze(1)).squeeze(1)
    return ids, confidence


def draw_posterior(
    posterior: Posterior,
    uniforms: Float[Tensor, "B L Q"],
    *,
    temperature: float | Tensor = 1.0,
    top_p: float = 1.0,
) -> tuple[Int[Tensor, "B L Q"], Float[Tensor, "B L Q"]]:
    """x_1 ~ p_{1|t}, and the probability of each drawn code given the codes before it, untempered.

    temperature: in a tensor "B" each row has its own. Source: Luo et al. 2025 (arXiv:2510.13721),
    Section 2.3 (next-token heads over sub-codebooks).
    """
    if isinstance(temperature, Tensor) and temperature.ndim == 1:
        temperature = temperature.repeat_interleave(uniforms.shape[1])
    chosen = torch.empty(*uniforms.shape[:2], 0, dtype=torch.int64, device=uniforms.device)
    confidences: list[Tensor] = []
    for q in range(posterior.num_codebooks):
        ids, confidence = draw_categorical(
            posterior.logits(chosen).flatten(0, 1),
            uniforms[:, :, q].flatten(),
            temperature=temperature,
            top_p=top_p,
        )
        chosen = torch.cat([chosen, ids.view_as(uniforms[:, :, q]).unsqueeze(-1)], dim=-1)
        confidences.append(confidence.view_as(uniforms[:, :, q]))
    return chosen, torch.stack(confidences, dim=-1)


def _draw_each(logits: Tensor, temperature: Tensor, uniforms: Tensor, top_p: float) -> Tensor:
    """One id a row at its own temperature "N"."""
    own = temperature.to(logits.dtype).clamp(min=GREEDY_TEMPERATURE).unsqueeze(1)
    drawn = _draw_nucleus((logits / own).softmax(dim=-1), uniforms, top_p)
    return torch.where(temperature <= GREEDY_TEMPERATURE, logits.argmax(dim=-1), drawn)


def _draw_nucleus(probabilities: Tensor, uniforms: Tensor, top_p: float) -> Tensor:
    """One id a row out of the fewest likeliest whose sum reaches top_p, drawn in sorted order."""
    if top_p >= 1:
        return inverse_cdf(probabilities, uniforms)
    likeliest, order = probabilities.sort(dim=-1, descending=True, stable=True)
    before = cumulative(likeliest) - likeliest
    rank = inverse_cdf(likeliest.masked_fill(before >= top_p, 0.0), uniforms)
    return order.gather(1, rank.unsqueeze(1)).squeeze(1)
