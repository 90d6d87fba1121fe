"""The engine: a loaded checkpoint that turns a request into a stream of events.

Owns: the order of an answer's segments (words first; a picture where the model opens one), the
wiring of model, guidance and sampler, previews. One engine may serve several threads one after the
other.
"""

import time
from collections.abc import Generator, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from engine.cache import CachedDenoiser
from engine.conversation import messages_of
from engine.events import Answer, Completed, Event, Refined, Started
from engine.guidance import GuidedCausalDenoiser, GuidedDenoiser
from engine.media import fitted
from engine.preview import PreviewClock, picture
from engine.request import Request, SamplerKind, Sampling
from flow.calibration import (
    CalibratedSchedule,
    information_knots,
    path_table,
)
from flow.modality import Modality
from flow.schedule import TUNED, Clock, Schedule, times_as_even, uniform_grid
from flow.sequence import OmniSequence, response
from model.checkpoint import Checkpoint, load_checkpoint
from model.config import FlowConfig
from model.template import Message, Span, collate_prompts, layout
from model.text import BEGIN_IMAGE, EOS, PAD, SUGGEST
from model.vision import pixels_from_uint8
from samplers.autoregressive import AutoregressiveSampler
from samplers.blockwise import BlockwiseSampler, ParallelSampler
from samplers.denoiser import Denoiser
from samplers.draws import Draws
from samplers.kinetic import KineticSampler
from samplers.masked import MaskedSampler
from samplers.step import Step

PREVIEW_HZ = 15.0
MASK_SIGN = " ▒"
"""How a masked word looks."""


@dataclass(frozen=True)
class _Wish:
    """One segment to sample: its prompt, modality, complete settings and the index that seeds its
    noise."""

    spans: list[Span]
    modality: Modality
    sampling: Sampling
    segment: int


class Engine:
    """`generate` streams one answer; `generate_batch` computes many at once, for evaluations."""

    def __init__(self, checkpoint: Checkpoint, device: torch.device) -> None:
        self.model = checkpoint.model
        self.tokenizer = checkpoint.tokenizer
        self.facts = checkpoint.facts
        self.digest = checkpoint.digest
        self.device = device
        self.metrics = self.model.metrics()
        config = self.model.config
        self.flows: dict[Modality, FlowConfig] = {
            Modality.TEXT: config.text_flow,
            Modality.IMAGE: config.image_flow,
        }
        self._even_clocks: dict[Modality, CalibratedSchedule] = {}
        self.lengths = {Modality.TEXT: config.text_length, Modality.IMAGE: config.vision.positions}

    @classmethod
    def load(cls, checkpoint: Path | str, device: str = "auto") -> "Engine":
        """The engine of a checkpoint folder; "auto" is CUDA where there is one.

        Raises: ValueError with one sentence where the folder or the device cannot be used.
        """
        if device == "auto":
            device = "cuda" if torch.cuda.is_available() else "cpu"
        if device.startswith("cuda") and not torch.cuda.is_available():
            raise ValueError(f"there is no {device} device here: use --device cpu")
        chosen = torch.device(device)
        return cls(load_checkpoint(Path(checkpoint), chosen), chosen)

    def info(self) -> dict[str, Any]:
        """What runs here: plain values for `python -m engine info` and the page."""
        count = {
            name: sum(p.numel() for p in part.parameters())
            for name, part in (
                ("all", self.model),
                ("backbone", self.model.backbone),
                ("vision", self.model.vision),
                ("image_head", self.model.image_head),
            )
        }
        return {
            "name": self.model.config.name,
            "digest": self.digest,
            "device": str(self.device),
            "dtype": str(next(self.model.parameters()).dtype).removeprefix("torch."),
            "torch": torch.__version__,
            "parameters": count,
            "modalities": [str(m) for m in self.flows],
            "image_px": self.model.config.vision.image_px,
            "facts": self.facts,
            "path": {
                str(m): [asdict(p) for p in path_table(self.metrics[m], self._clock(m))]
                for m in self.flows
            },
            "config": self.model.config.to_json(),
        }

    @torch.inference_mode()
    def generate(self, request: Request, *, preview_hz: float = PREVIEW_HZ) -> Generator[Event]:
        """The events of one answer; closing the generator stops within one step.

        request.to None: the model answers with words and may open a picture after them. The same
        request gives the same answer; only which steps carry a picture preview depends on the
        clock.
        """
        started_s = time.monotonic()
        messages = messages_of(request.conversation, self.encode)
        answers: list[Answer] = []
        nfe = 0
        modality = Modality.TEXT if request.to is None else request.to
        while True:
            wish = self._wish(request, messages, answers, modality)
            complete = replace(request, sampling=wish.sampling)
            elapsed = time.monotonic() - started_s
            yield Started(complete, wish.segment, modality, _steps(wish.sampling), elapsed)
            clock = PreviewClock(self.model.vision, preview_hz)
            step: Step | None = None
            seen: Refined | None = None
            with closing(self._run([wish])) as steps:
                for step in steps:
                    seen = self._refined(step, wish, clock, nfe, started_s)
                    yield seen
            assert step is not None
            assert seen is not None
            nfe = seen.nfe
            (tokens,) = _last_tokens(step)
            answers.append(self._answer(tokens, modality, seen.image_1))
            if request.to is not None or not self._opens_picture(answers[-1]):
                break
            modality = Modality.IMAGE
        yield Completed(request, tuple(answers), nfe, time.monotonic() - started_s)

    @torch.inference_mode()
    def generate_batch(self, requests: Sequence[Request]) -> list[tuple[Answer, ...]]:
        """The answers of many requests, computed together where their shape and settings agree."""
        found: list[list[Answer]] = [[] for _ in requests]
        prompts = [messages_of(r.conversation, self.encode) for r in requests]
        todo = {i: Modality.TEXT if r.to is None else r.to for i, r in enumerate(requests)}
        while todo:
            wishes = {i: self._wish(requests[i], prompts[i], found[i], m) for i, m in todo.items()}
            todo = {}
            for group in _groups(wishes):
                *_, step = self._run([wishes[i] for i in group])
                for i, tokens in zip(group, _last_tokens(step), strict=True):
                    found[i].append(self._answer(tokens, wishes[i].modality))
                    if requests[i].to is None and self._opens_picture(found[i][-1]):
                        todo[i] = Modality.IMAGE
        return [tuple(answers) for answers in found]

    def encode(self, picture: np.ndarray) -> Tensor:
        """Codes int64 "L Q" on the CPU of any picture uint8 "H W 3"."""
        square = fitted(picture, self.model.config.vision.image_px)
        pixels = pixels_from_uint8(torch.from_numpy(square)[None].to(self.device))
        return self.model.vision.encode(pixels)[0].cpu()

    def _wish(
        self, request: Request, messages: list[Message], answers: list[Answer], modality: Modality
    ) -> _Wish:
        if modality not in self.flows:
            known = ", ".join(self.flows)
            raise ValueError(f"this checkpoint cannot answer with {modality}: it does {known}")
        said = tuple(a.text for a in answers if a.text)
        turns = [*messages, Message(False, said)] if said else messages
        opening = (BEGIN_IMAGE,) if modality is Modality.IMAGE else ()
        spans = layout(self.tokenizer, turns, opening=opening)
        return _Wish(spans, modality, self._sampling(request.sampling, modality), len(answers))

    def _sampling(self, asked: Sampling, modality: Modality) -> Sampling:
        """The asked settings with the checkpoint's defaults filled in; words are not guided by a
        scale that was meant for pictures."""
        flow = self.flows[modality]
        by_flow = asked.sampler == SamplerKind.FLOW
        guidance = asked.guidance_scale if modality is not Modality.TEXT else None
        return replace(
            asked,
            steps=self._num_steps(asked, modality),
            transition=asked.transition or flow.transition if by_flow else None,
            grid=asked.grid or flow.grid if by_flow else None,
            guidance_scale=flow.guidance_scale if guidance is None else guidance,
            temperature=flow.temperature if asked.temperature is None else asked.temperature,
            top_p=flow.top_p if asked.top_p is None else asked.top_p,
        )

    def _num_steps(self, asked: Sampling, modality: Modality) -> int:
        """As many as asked for; where whole positions are committed, not more than there are."""
        steps = self.flows[modality].steps if asked.steps is None else asked.steps
        length = self.lengths[modality]
        match SamplerKind(asked.sampler):
            case SamplerKind.FLOW:
                return steps
            case SamplerKind.MASKED:
                return min(steps, length)
            case SamplerKind.AUTOREGRESSIVE:
                return length

    def _run(self, wishes: list[_Wish]) -> Generator[Step]:
        """The sampler's steps over wishes that agree in everything but prompt and seed."""
        first = wishes[0]
        prompt = collate_prompts([w.spans for w in wishes], self.device)
        draws = Draws(torch.tensor([w.sampling.seed for w in wishes], device=self.device))
        space, length = self.model.spaces[first.modality], self.lengths[first.modality]
        scale = first.sampling.guidance_scale
        assert scale is not None
        if first.sampling.sampler == SamplerKind.AUTOREGRESSIVE:
            sampler = self._autoregressive(first.sampling, first.modality)
            causal = GuidedCausalDenoiser(self.model, scale) if scale > 0 else self.model
            run = partial(sampler.sample, causal)
        else:
            sampler = self._parallel(first.sampling, first.modality)
            run = partial(
                self._in_blocks(sampler, first.modality).sample,
                self._denoiser(first.sampling, scale),
            )
        source = sampler.source(space, len(wishes), length, draws, segment=first.segment)
        x_0 = OmniSequence((*prompt, response(first.modality, source)))
        return run(x_0, draws=draws)

    def _in_blocks(
        self, sampler: KineticSampler | MaskedSampler, modality: Modality
    ) -> ParallelSampler:
        """Words get as many blocks as they need, where the checkpoint knows more than one."""
        config = self.model.config
        if modality is not Modality.TEXT or config.text_blocks == 1:
            return sampler
        return BlockwiseSampler(sampler, config.text_block, (EOS,))

    def _denoiser(self, sampling: Sampling, scale: float) -> Denoiser:
        """The model with what is wrapped around it for one generation."""
        network: Denoiser = self.model
        if sampling.cache_share is not None:
            network = CachedDenoiser(self.model, sampling.cache_share, sampling.prompt_every)
        if scale == 0:
            return network
        return GuidedDenoiser(network, scale, sampling.guidance_interval, sampling.guidance_every)

    def _parallel(self, sampling: Sampling, modality: Modality) -> KineticSampler | MaskedSampler:
        assert sampling.temperature is not None and sampling.top_p is not None
        if sampling.sampler == SamplerKind.MASKED:
            return MaskedSampler(
                self.model.spaces,
                steps=_steps(sampling),
                remasking=sampling.remasking,
                schedule=sampling.mask_schedule,
                threshold=sampling.threshold,
                temperature=sampling.temperature,
                top_p=sampling.top_p,
            )
        flow = self.flows[modality]
        assert sampling.transition is not None
        return KineticSampler(
            metrics=self.metrics,
            times=self._times(sampling, modality),
            transition=sampling.transition,
            schedule=self._clock(modality),
            temperature=sampling.temperature,
            top_p=sampling.top_p,
            initial_temperature=flow.initial_temperature,
            patience=sampling.patience,
        )

    def _times(self, sampling: Sampling, modality: Modality) -> tuple[float, ...]:
        match sampling.grid:
            case "information":
                even = self._calibrated(modality)
            case "tuned":
                even = TUNED
            case _:
                return uniform_grid(_steps(sampling))
        return times_as_even(self._clock(modality), even, _steps(sampling))

    def _calibrated(self, modality: Modality) -> Clock:
        if modality not in self._even_clocks:
            knots = information_knots(self.metrics[modality])
            self._even_clocks[modality] = CalibratedSchedule(knots)
        return self._even_clocks[modality]

    def _clock(self, modality: Modality) -> Schedule:
        flow = self.flows[modality]
        return Schedule(flow.c, flow.a)

    def _autoregressive(self, sampling: Sampling, modality: Modality) -> AutoregressiveSampler:
        assert sampling.temperature is not None and sampling.top_p is not None
        ends = (EOS, BEGIN_IMAGE) if modality is Modality.TEXT else ()
        return AutoregressiveSampler(
            self.model.spaces, sampling.temperature, sampling.top_p, stop=ends, fill=PAD
        )

    def _refined(
        self, step: Step, wish: _Wish, clock: PreviewClock, nfe_before: int, started_s: float
    ) -> Refined:
        place = len(step.x_t.segments) - 1
        x_t, x_1 = step.x_t.segments[place].tokens, step.x_1[place]
        images: tuple[np.ndarray, ...] | None = None
        if wish.modality is Modality.IMAGE:
            images = clock.pictures(x_t, x_1, last=step.last)
        event = Refined(
            segment=wish.segment,
            modality=wish.modality,
            index=step.index,
            num_steps=step.num_steps,
            last=step.last,
            t=step.t,
            changed=step.changed[place][0].cpu().numpy(),
            confidence=step.confidence[place][0].float().cpu().numpy(),
            nfe=nfe_before + step.nfe,
            num_active=step.num_active,
            elapsed_s=time.monotonic() - started_s,
            image_t=None if images is None else images[0],
            image_1=None if images is None else images[1],
        )
        if wish.modality is Modality.TEXT:
            return replace(event, words_t=self._words(x_t[0]), words_1=self._words(x_1[0]))
        return event

    def _words(self, tokens: Tensor) -> tuple[str, ...]:
        """The pieces of ids "L 1"; "" from the end marker on."""
        ids = tokens[:, 0].tolist()
        end = next((i for i, token in enumerate(ids) if token in (EOS, BEGIN_IMAGE)), len(ids))
        masked = self.model.spaces[Modality.TEXT].mask_id
        pieces = self.tokenizer.pieces(ids[:end])
        shown = (MASK_SIGN if i == masked else p for i, p in zip(ids, pieces, strict=False))
        return (*shown, *([""] * (len(ids) - end)))

    def _answer(
        self, tokens: np.ndarray, modality: Modality, image: np.ndarray | None = None
    ) -> Answer:
        """The answer of tokens "L Q"; `image` is their picture where it was decoded already."""
        if modality is Modality.IMAGE:
            codes = torch.from_numpy(tokens)[None].to(self.device)
            return Answer(
                modality,
                tokens,
                image=picture(self.model.vision, codes) if image is None else image,
            )
        ids = tokens[:, 0].tolist()
        said = ids[: ids.index(EOS)] if EOS in ids else ids
        return Answer(modality, tokens, text=self.tokenizer.decode(ids), suggest=SUGGEST in said)

    def _opens_picture(self, answer: Answer) -> bool:
        """Whether the words end with the marker that opens a picture."""
        if answer.modality is not Modality.TEXT:
            return False
        ids = answer.tokens[:, 0].tolist()
        return BEGIN_IMAGE in (ids[: ids.index(EOS)] if EOS in ids else ids)


def _steps(sampling: Sampling) -> int:
    assert sampling.steps is not None
    return sampling.steps


def _last_tokens(step: Step) -> list[np.ndarray]:
    """ "L Q" of each row of the response segment, the last one, as far as the row goes."""
    segment = step.x_t.segments[-1]
    rows = zip(segment.tokens, segment.valid, strict=True)
    return [tokens[valid].cpu().numpy() for tokens, valid in rows]


def _groups(wishes: dict[int, _Wish]) -> list[list[int]]:
    """Indices of wishes that one batch can hold."""
    groups: dict[tuple[Any, ...], list[int]] = {}
    for i, wish in wishes.items():
        shape = tuple(s.modality for s in wish.spans)
        key = (shape, wish.modality, wish.segment, replace(wish.sampling, seed=0))
        groups.setdefault(key, []).append(i)
    return list(groups.values())
