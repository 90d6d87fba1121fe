"""Masked diffusion: every position starts masked, and the surest predictions are committed first.

Each step: one network call, one draw of x_1 at the masked positions, a score for each, and the
best are kept for good. Sources: Nie et al. 2025 (LLaDA, arXiv:2502.09992, Section 2.4), Chang et
al. 2022 (MaskGIT, arXiv:2202.04200, Section 3.2), Wu et al. 2025 (Fast-dLLM, arXiv:2505.22618) for
the threshold. Owns: the loop, the scores, and how many are committed when.
"""

import math
from collections.abc import Generator, Mapping
from dataclasses import dataclass
from enum import StrEnum

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from flow.inverse_cdf import row_chunks
from flow.modality import Modality, TokenSpace
from flow.sequence import OmniSequence, Segment
from samplers.categorical import check_draw, draw_posterior
from samplers.counter_rng import CounterRNG
from samplers.denoiser import Denoiser, Posterior, evaluated_positions
from samplers.sampler import PARALLEL_SETTINGS, Resume, SamplerSettings, SamplerSpec
from samplers.source import Purpose, active_positions, masked_source, stream
from samplers.step import Step

LATER = 2**62
"""The block of a position that is not masked: behind all others."""


class Remasking(StrEnum):
    """The order in which masked positions are committed: likely draws first (LOW_CONFIDENCE is what
    is remasked), at RANDOM, those of little ENTROPY, or of a large MARGIN between the two
    likeliest codes. The sub-codes of a position count together: the product of their probabilities,
    the sum of their entropies, the smallest of their margins."""

    LOW_CONFIDENCE = "low_confidence"
    RANDOM = "random"
    ENTROPY = "entropy"
    MARGIN = "margin"


class MaskSchedule(StrEnum):
    """Share still masked after a share r of the steps: cos(pi r / 2), or 1 - r."""

    COSINE = "cosine"
    LINEAR = "linear"

    def share(self, r: float) -> float:
        """Return the share that is still masked: 1 at r = 0, exactly 0 at r = 1."""
        if r >= 1:
            return 0.0
        return math.cos(math.pi * r / 2) if self is MaskSchedule.COSINE else 1 - r


@dataclass(frozen=True)
class MaskedSampler:
    """Hyperparameters of the sampler.

    spaces: of every modality that may be edited. steps: network calls, at least 1. threshold:
    commit every position whose confidence is above it, at least one, instead of as many as the
    schedule says; such a run ends as soon as nothing is masked. temperature and top_p: the draw of
    x_1. choice_temperature: Gumbel noise on the score, in its own units, falling linearly to 0 at
    the end, so that early commitments are not always the blandest. block: so many positions are all
    committed before the next ones begin, from left to right (LLaDA's semi-autoregressive order);
    None is all together. first_index: how many of the steps were taken before, where the run goes
    on from the middle of another.

    Raises: ValueError where a value is out of range or a name unknown.
    """

    spaces: Mapping[Modality, TokenSpace]
    steps: int = 16
    remasking: str = "low_confidence"
    schedule: str = "cosine"
    threshold: float | None = None
    temperature: float = 1.0
    top_p: float = 1.0
    choice_temperature: float = 0.0
    block: int | None = None
    first_index: int = 0
    stop: tuple[int, ...] = ()
    fill: int = 0

    source = staticmethod(masked_source)

    @classmethod
    def from_settings(cls, settings: SamplerSettings) -> "MaskedSampler":
        """Return the sampler of complete settings."""
        steps = settings.steps
        return cls(
            settings.spaces,
            steps=steps,
            remasking=settings.remasking,
            schedule=settings.mask_schedule,
            block=settings.block,
            threshold=settings.threshold,
            temperature=settings.temperature,
            top_p=settings.top_p,
            choice_temperature=settings.choice_temperature,
            first_index=min(round(settings.from_t * steps), steps - 1),
            stop=settings.stop if settings.stop_at_end else (),
            fill=settings.fill,
        )

    def num_steps(self, x_0: OmniSequence) -> int:
        """Return the steps that are left of `steps`."""
        return self.steps - self.first_index

    def __post_init__(self) -> None:
        if self.steps < 1:
            raise ValueError(f"at least 1 step is needed, not {self.steps}")
        if not 0 <= self.first_index < self.steps:
            raise ValueError(f"no step is left of {self.steps} after {self.first_index}")
        for what, name, kind in (
            ("remasking", self.remasking, Remasking),
            ("mask schedule", self.schedule, MaskSchedule),
        ):
            if name not in tuple(kind):
                raise ValueError(f"unknown {what} {name!r}: choose one of {', '.join(kind)}")
        if self.threshold is not None and not 0 <= self.threshold <= 1:
            raise ValueError(f"threshold must be between 0 and 1, not {self.threshold}")
        if self.block is not None and self.block < 1:
            raise ValueError(f"a block has at least 1 position, not {self.block}")
        check_draw(self.temperature, self.top_p)
        if not self.choice_temperature >= 0:
            raise ValueError(
                f"choice_temperature must be at least 0, not {self.choice_temperature}"
            )

    @torch.inference_mode()
    def sample(
        self, denoiser: Denoiser, x_0: OmniSequence, *, draws: CounterRNG
    ) -> Generator[Step]:
        """Yields a Step for each of `steps` that is left (with a threshold or `stop` at most so
        many), the last without a mask.

        Only positions that are editable, valid and masked in x_0 are drawn; what is committed
        stays. Elsewhere x_1 repeats x_t, with the confidence at which it was committed (1 for what
        x_0 held). t is the share of the steps that was taken.
        """
        active = {i: active_positions(x_0.segments[i]) for i in x_0.editable_segments()}
        num_active = sum(int(mask.sum(dim=1).max()) for mask in active.values())
        masked = {i: m & self._is_masked(x_0.segments[i]) for i, m in active.items()}
        at_first = {i: self._at_first(m, active[i]) for i, m in masked.items()}
        kept = {
            i: torch.ones(x_0.segments[i].tokens.shape, device=m.device) for i, m in active.items()
        }
        x_t = x_0
        for index in range(self.first_index, self.steps):
            taken = (index + 1) / self.steps
            posteriors = denoiser(x_t, index / self.steps)
            tokens: dict[int, Tensor] = {}
            x_1: dict[int, Tensor] = {}
            confidence: dict[int, Tensor] = {}
            for i, mask in masked.items():
                segment = x_t.segments[i]
                drawn, sure, score = self._predict(posteriors[i], draws, index, i, segment)
                x_1[i] = torch.where(mask.unsqueeze(-1), drawn, segment.tokens)
                confidence[i] = torch.where(mask.unsqueeze(-1), sure, kept[i])
                commits = self._commits(mask, score, sure, at_first[i], taken)
                tokens[i] = torch.where(commits.unsqueeze(-1), x_1[i], segment.tokens)
                kept[i] = torch.where(commits.unsqueeze(-1), sure, kept[i])
                masked[i] = mask & ~commits
                if self.stop:
                    rest = self._rest(tokens[i], masked[i])
                    tokens[i], x_1[i] = (
                        x.masked_fill(rest, self.fill) for x in (tokens[i], x_1[i])
                    )
                    confidence[i], kept[i] = (
                        x.masked_fill(rest, 1.0) for x in (confidence[i], kept[i])
                    )
                    masked[i] = masked[i] & ~rest.squeeze(-1)
            changed = {i: tokens[i] != x_t.segments[i].tokens for i in active}
            x_t = x_t.with_tokens(tokens)
            may_end = self.threshold is not None or bool(self.stop)
            arrived = may_end and not any(bool(m.any()) for m in masked.values())
            yield Step(
                index=index - self.first_index,
                num_steps=self.steps - self.first_index,
                last=arrived or index == self.steps - 1,
                t=taken,
                x_t=x_t,
                x_1=x_1,
                changed=changed,
                confidence=confidence,
                nfe=index - self.first_index + 1,
                num_active=evaluated_positions(denoiser, num_active),
            )
            if arrived:
                return

    def _is_masked(self, segment: Segment) -> Bool[Tensor, "B L"]:
        return (segment.tokens == self.spaces[segment.modality].mask_id).all(dim=-1)

    def _at_first(self, masked: Tensor, active: Tensor) -> Tensor:
        """The number of positions "B" that were masked before the first step of the whole run:
        every active one where the schedule would have left as many as there are now, else in
        proportion to these."""
        now = masked.sum(dim=1)
        left = MaskSchedule(self.schedule).share(self.first_index / self.steps)
        every = active.sum(dim=1)
        return torch.where((every * left).floor() == now, every, now / left)

    def _predict(
        self, posterior: Posterior, draws: CounterRNG, index: int, place: int, segment: Segment
    ) -> tuple[Tensor, Tensor, Tensor]:
        """x_1 "B L Q", its confidence, and the score "B L" by which positions are committed."""
        shape = (segment.length, segment.tokens.shape[2])
        uniforms = draws.uniform(index, stream(Purpose.PREDICT, place), shape)
        watched = _Watched(posterior, Remasking(self.remasking))
        drawn, sure = draw_posterior(
            watched, uniforms, temperature=self.temperature, top_p=self.top_p
        )
        noise = draws.uniform(index, stream(Purpose.MOVE, place), (segment.length, 1)).squeeze(-1)
        match Remasking(self.remasking):
            case Remasking.LOW_CONFIDENCE:
                score = sure.log().sum(dim=-1)
            case Remasking.RANDOM:
                return drawn, sure, noise
            case Remasking.ENTROPY:
                score = -torch.stack(watched.seen, -1).sum(dim=-1)
            case Remasking.MARGIN:
                score = torch.stack(watched.seen, -1).amin(dim=-1)
        heat = self.choice_temperature * (1 - (index + 1) / self.steps)
        return drawn, sure, score - heat * (-noise.log()).log()

    def _commits(
        self, masked: Tensor, score: Tensor, sure: Tensor, at_first: Tensor, taken: float
    ) -> Bool[Tensor, "B L"]:
        """The masked positions that are committed now."""
        blocks = self._blocks(masked)
        if self.threshold is not None and taken < 1:
            first = blocks.masked_fill(~masked, LATER).amin(dim=1, keepdim=True)
            above = (sure.prod(dim=-1) > self.threshold) & (blocks == first)
            num = (masked & above).sum(dim=1).clamp(min=1)
        else:
            keep = (at_first * MaskSchedule(self.schedule).share(taken)).floor()
            num = (masked.sum(dim=1) - keep).clamp(min=0)
        ranked = _rank(score.masked_fill(~masked, -torch.inf), blocks.masked_fill(~masked, LATER))
        return masked & (ranked < num.unsqueeze(1))

    def _rest(self, tokens: Tensor, masked: Tensor) -> Bool[Tensor, "B L 1"]:
        """The masked positions behind an end marker that has no masked position before it."""
        ends = torch.isin(tokens[..., 0], torch.tensor(self.stop, device=tokens.device))
        ended = (ends & (masked.cumsum(dim=1) == 0)).any(dim=1, keepdim=True)
        return (masked & ended).unsqueeze(-1)

    def _blocks(self, masked: Tensor) -> Int[Tensor, "B L"]:
        """The number of each position's block."""
        places = torch.arange(masked.shape[1], device=masked.device).expand_as(masked)
        return places // (self.block or masked.shape[1])


def _rank(score: Float[Tensor, "B L"], blocks: Int[Tensor, "B L"]) -> Int[Tensor, "B L"]:
    """0 for the highest of the first block of each row; the first of equal ones is the higher."""
    best = score.sort(dim=1, descending=True, stable=True).indices
    in_turn = blocks.gather(1, best).sort(dim=1, stable=True).indices
    order = best.gather(1, in_turn)
    places = torch.arange(score.shape[1], device=score.device).expand_as(order)
    return torch.empty_like(order).scatter_(1, order, places)


class _Watched:
    """A posterior that notes, code after code, the entropy or margin "B L" of its logits."""

    def __init__(self, posterior: Posterior, remasking: Remasking) -> None:
        self.num_codebooks = posterior.num_codebooks
        self.seen: list[Tensor] = []
        self._posterior = posterior
        self._remasking = remasking

    def logits(self, chosen: Tensor) -> Tensor:
        logits = self._posterior.logits(chosen)
        if self._remasking in (Remasking.ENTROPY, Remasking.MARGIN):
            flat = logits.flatten(0, 1)
            parts = [self._note(flat[rows]) for rows in row_chunks(len(flat), flat.shape[1])]
            self.seen.append(torch.cat(parts).view(logits.shape[:2]))
        return logits

    def _note(self, logits: Tensor) -> Tensor:
        p = logits.float().softmax(dim=-1)
        if self._remasking is Remasking.ENTROPY:
            return -torch.xlogy(p, p).sum(dim=-1)
        first, second = p.topk(2, dim=-1).values.unbind(-1)
        return first - second


SPEC = SamplerSpec(
    label="masked diffusion",
    build=MaskedSampler.from_settings,
    source=masked_source,
    num_steps=min,
    resume=Resume.MASK,
    says={"masked": "Begins hidden; the surest places are written first and stay."},
    trained_as="masked",
    settings=PARALLEL_SETTINGS
    | {"remasking", "mask_schedule", "threshold", "stop_at_end", "block"},
)
