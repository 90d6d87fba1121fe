"""Autoregression: one position after the other, each given those before it, with a key-value cache.

The baseline of every comparison, over the same weights: what differs from the other samplers is the
order, not the model. Owns: the loop, and the protocol of a network that can be read causally.
"""

from collections.abc import Generator, Mapping
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import torch
from torch import Tensor

from flow.modality import Modality, TokenSpace
from flow.sequence import OmniSequence
from samplers.categorical import check_draw, draw_posterior
from samplers.denoiser import Posterior
from samplers.draws import Draws
from samplers.source import Purpose, active_positions, masked_source, stream
from samplers.step import Step


@runtime_checkable
class Decoding(Protocol):
    """One causal run over the last segment of a sequence."""

    def next(self, tokens: Tensor | None) -> Posterior:
        """One network call: the posterior of the next position, over "B 1 Q", given the tokens
        "B Q" of the position before it (None at the first)."""
        ...


@runtime_checkable
class CausalDenoiser(Protocol):
    """A network that can also be read from left to right."""

    def begin(self, x_0: OmniSequence) -> Decoding:
        """A run over the last segment of x_0, the segments before it being its prompt."""
        ...


@dataclass(frozen=True)
class AutoregressiveSampler:
    """Hyperparameters of the sampler.

    spaces: of every modality that may be edited. temperature >= 0 (0: argmax) and top_p in (0, 1]:
    the draw of each code. stop: ids that end a row of one sub-codebook; what follows is `fill`, and
    the run ends when every row has stopped.

    Raises: ValueError where a value is out of range.
    """

    spaces: Mapping[Modality, TokenSpace]
    temperature: float = 1.0
    top_p: float = 1.0
    stop: tuple[int, ...] = ()
    fill: int = 0

    source = staticmethod(masked_source)

    def __post_init__(self) -> None:
        check_draw(self.temperature, self.top_p)

    @torch.inference_mode()
    def sample(
        self, denoiser: CausalDenoiser, x_0: OmniSequence, *, draws: Draws
    ) -> Generator[Step]:
        """Yields a Step a position. x_1 equals x_t: the positions still to come are masked in both.

        Positions of the last segment that may not change are read, not drawn.

        Raises: ValueError unless exactly the last segment may change and all of it exists.
        """
        place = len(x_0.segments) - 1
        segment = x_0.segments[place]
        if x_0.editable_segments() != (place,) or not bool(segment.valid.all()):
            raise ValueError("autoregression writes the last segment and nothing else")
        active = active_positions(segment)
        mask_id = self.spaces[segment.modality].mask_id
        tokens = torch.where(active.unsqueeze(-1), mask_id, segment.tokens)
        confidence = torch.ones(tokens.shape, device=tokens.device)
        stopped = torch.zeros(len(tokens), dtype=torch.bool, device=tokens.device)
        stops = torch.tensor(self.stop, dtype=torch.int64, device=tokens.device)
        decoding = denoiser.begin(x_0)
        for index in range(segment.length):
            before = tokens
            posterior = decoding.next(None if index == 0 else tokens[:, index - 1])
            drawn, sure = self._draw(posterior, draws, index, place, tokens)
            drawn = torch.where(stopped[:, None], self.fill, drawn)
            chosen = torch.where(active[:, index, None], drawn, tokens[:, index])
            tokens, confidence = tokens.clone(), confidence.clone()
            tokens[:, index] = chosen
            confidence[:, index] = torch.where(active[:, index, None], sure, 1.0)
            stopped = stopped | torch.isin(chosen[:, 0], stops)
            ended = bool(stopped.all())
            if ended:
                rest = active[:, index + 1 :, None]
                tokens[:, index + 1 :] = torch.where(rest, self.fill, tokens[:, index + 1 :])
            yield Step(
                index=index,
                num_steps=segment.length,
                last=ended or index == segment.length - 1,
                t=(index + 1) / segment.length,
                x_t=x_0.with_tokens({place: tokens}),
                x_1={place: tokens.clone()},
                changed={place: tokens != before},
                confidence={place: confidence.clone()},
                nfe=index + 1,
                num_active=1,
            )
            if ended:
                return

    def _draw(
        self, posterior: Posterior, draws: Draws, index: int, place: int, tokens: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Codes "B Q" of one position and their confidence."""
        shape = (tokens.shape[1], tokens.shape[2])
        uniforms = draws.uniform(0, stream(Purpose.PREDICT, place), shape)[:, index : index + 1]
        drawn, sure = draw_posterior(
            posterior, uniforms, temperature=self.temperature, top_p=self.top_p
        )
        return drawn[:, 0], sure[:, 0]
