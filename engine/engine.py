"""The engine: a loaded checkpoint that turns a request into a stream of events.

Owns: the order of an answer's segments (words first; a picture where the model opens one), and
what of a step becomes an event. Does not own: which sampler runs (`engine.runner`), how a step
leaves the device (`engine.landing`). One engine may serve several threads one after the other.
"""

import time
from collections.abc import Generator, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from engine.conversation import messages_of
from engine.events import Answer, Completed, Event, Refined, Started
from engine.landing import Landed, landing
from engine.lens import Lens
from engine.likelihood import surprise
from engine.media import fitted
from engine.path_preview import PathPreview
from engine.preview import PreviewClock, picture
from engine.request import Request, Sampling, Start
from engine.runner import Runner
from engine.trace import MAX_LIKELY, TraceRecorder
from engine.trouble import explained
from engine.words import Words
from flow.modality import Modality
from flow.sequence import Segment
from model.checkpoint import Checkpoint, load_checkpoint
from model.placement import Placement
from model.template import Message, Span, collate_prompts, layout
from model.text import BEGIN_IMAGE, EOS, SUGGEST
from model.vision import pixels_from_uint8
from samplers.draws import Draws
from samplers.step import Step

PREVIEW_HZ = 15.0
PROMPT_MULTIPLE = {"cpu": 1, "cuda": 32}
"""Prompts are padded to a multiple of so many positions, so that recorded shapes recur."""


@dataclass(frozen=True)
class _Wish:
    """One segment to sample: its prompt, modality, complete settings, its number in the answer,
    the number that seeds its noise, and where it begins."""

    spans: list[Span]
    modality: Modality
    sampling: Sampling
    segment: int
    noise: int
    start: Start | None = None


class Engine:
    """`generate` streams one answer; `generate_batch` computes many at once, for evaluations."""

    def __init__(self, checkpoint: Checkpoint, placement: Placement) -> None:
        self.model = checkpoint.model
        self.tokenizer = checkpoint.tokenizer
        self.facts = checkpoint.facts
        self.digest = checkpoint.digest
        self.placement = placement
        self.device = placement.device
        self.runner = Runner(self.model)
        mask_id = self.model.spaces[Modality.TEXT].mask_id
        self.words = Words.of(self.tokenizer, mask_id)
        self.lens = Lens(self.model.vision, self.runner.metrics, self.words)

    @classmethod
    def load(cls, checkpoint: Path | str, device: str = "auto", dtype: str = "auto") -> "Engine":
        """The engine of a checkpoint folder; "auto" is CUDA where there is one, see
        `model.placement`.

        Raises: ValueError with one sentence where the folder or the device cannot be used.
        """
        placement = Placement.of(device, dtype)
        return cls(load_checkpoint(Path(checkpoint), placement), placement)

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
            **self.placement.describe(),
            "torch": torch.__version__,
            "parameters": count,
            "modalities": [str(m) for m in self.runner.flows],
            "image_px": self.model.config.vision.image_px,
            "facts": self.facts,
            "path": {
                str(m): [asdict(point) for point in self.runner.path(m)] for m in self.runner.flows
            },
            "config": self.model.config.to_json(),
        }

    def generate(
        self, request: Request, *, preview_hz: float = PREVIEW_HZ, watch: int = 0
    ) -> Generator[Event]:
        """The events of one answer; closing the generator stops within one step.

        request.to None: the model answers with words and may open a picture after them. The same
        request gives the same answer; only which steps carry a picture preview depends on the
        clock. watch: how many of the likeliest codes each step brings along; nothing else changes.

        Raises: ValueError where watch is out of range, DeviceError where the GPU runs out of memory
        or fails.
        """
        if not 0 <= watch <= MAX_LIKELY:
            raise ValueError(f"watch must be between 0 and {MAX_LIKELY} alternatives, not {watch}")
        with explained(self.runner.free):
            yield from self._generate(request, preview_hz, watch)

    @torch.inference_mode()
    def _generate(self, request: Request, preview_hz: float, watch: int) -> Generator[Event]:
        started_s = time.monotonic()
        messages = messages_of(request.conversation, self.encode)
        answers: list[Answer] = []
        nfe = 0
        modality = _first_modality(request)
        while True:
            wish = self._wish(request, messages, answers, modality)
            complete = replace(request, sampling=wish.sampling)
            elapsed = time.monotonic() - started_s
            steps_left = self.runner.steps_left(wish.sampling, modality, wish.start)
            yield Started(complete, wish.segment, modality, steps_left, elapsed)
            vision = self.model.vision if modality is Modality.IMAGE else None
            seen: Refined | None = None
            landed: Landed | None = None
            run = landing(self._run([wish], watch), vision, PreviewClock(preview_hz))
            with closing(run) as steps:
                for landed in steps:
                    seen = self._refined(landed, wish, nfe, started_s)
                    yield seen
            assert landed is not None
            assert seen is not None
            nfe = seen.nfe
            (tokens,) = _last_tokens(landed.step)
            answers.append(self._answer(tokens, modality, seen.image_1))
            if request.to is not None or not self._opens_picture(answers[-1]):
                break
            modality = Modality.IMAGE
        yield Completed(request, tuple(answers), nfe, time.monotonic() - started_s)

    @torch.inference_mode()
    def generate_batch(self, requests: Sequence[Request]) -> list[tuple[Answer, ...]]:
        """The answers of many requests, computed together where their shape and settings agree.

        Raises: ValueError where one goes on from a state.
        """
        if any(r.start is not None for r in requests):
            raise ValueError("runs that go on from a state are generated one by one")
        found: list[list[Answer]] = [[] for _ in requests]
        prompts = [messages_of(r.conversation, self.encode) for r in requests]
        todo = {i: _first_modality(r) for i, r in enumerate(requests)}
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

    def recorder(self) -> TraceRecorder:
        """For the events of one generation of this engine."""
        name = {"name": self.model.config.name, "digest": self.digest}
        return TraceRecorder(name, self.words)

    def encode(self, picture: np.ndarray) -> Tensor:
        """Codes int64 "L Q" on the CPU of any picture uint8 "H W 3"."""
        square = fitted(picture, self.model.config.vision.image_px)
        pixels = pixels_from_uint8(torch.from_numpy(square)[None].to(self.device))
        return self.model.vision.encode(pixels)[0].cpu()

    def preview(self, sampling: Sampling, modality: Modality) -> PathPreview:
        """What a run of the flow with these settings does to a code, see `engine.path_preview`."""
        return self.runner.preview(sampling, modality)

    def surprise(self, request: Request, tokens: np.ndarray, modality: Modality) -> float:
        """Bits a code of an answer "L Q" to a request, see `engine.likelihood`."""
        return surprise(self.model, self.prompt(request, modality), tokens, modality)

    def prompt(self, request: Request, to: Modality) -> list[Segment]:
        """The segments before the answer, one row."""
        messages = messages_of(request.conversation, self.encode)
        return self._prompt([self._wish(request, messages, [], to)])

    def _wish(
        self, request: Request, messages: list[Message], answers: list[Answer], modality: Modality
    ) -> _Wish:
        start = request.start
        before = () if start is None else start.said
        said = before + tuple(a.text for a in answers if a.text)
        turns = [*messages, Message(False, said)] if said else messages
        opening = (BEGIN_IMAGE,) if modality is Modality.IMAGE else ()
        spans = layout(self.tokenizer, turns, opening=opening)
        number = len(answers)
        return _Wish(
            spans,
            modality,
            self.runner.complete(request.sampling, modality),
            number,
            number + (0 if start is None else start.segment),
            start if number == 0 else None,
        )

    def _run(self, wishes: list[_Wish], watch: int = 0) -> Generator[Step]:
        """The sampler's steps over wishes that agree in everything but prompt and seed."""
        first = wishes[0]
        draws = Draws(torch.tensor([w.sampling.seed for w in wishes], device=self.device))
        return self.runner.run(
            self._prompt(wishes),
            first.modality,
            first.sampling,
            draws,
            first.noise,
            start=first.start,
            watch=watch,
        )

    def _prompt(self, wishes: list[_Wish]) -> list[Segment]:
        multiple = PROMPT_MULTIPLE[self.device.type]
        return collate_prompts([w.spans for w in wishes], self.device, multiple)

    def _refined(self, landed: Landed, wish: _Wish, nfe_before: int, started_s: float) -> Refined:
        step, images = landed.step, landed.images
        event = Refined(
            segment=wish.segment,
            modality=wish.modality,
            index=step.index,
            num_steps=step.num_steps,
            last=step.last,
            t=step.t,
            tokens_t=landed.x_t,
            tokens_1=landed.x_1,
            changed=landed.changed,
            confidence=landed.confidence,
            nfe=nfe_before + step.nfe,
            num_active=step.num_active,
            elapsed_s=time.monotonic() - started_s,
            image_t=None if images is None or len(images) == 1 else images[0],
            image_1=None if images is None else images[-1],
            likely=landed.likely,
        )
        if wish.modality is Modality.TEXT:
            return replace(
                event, words_t=self.words.shown(landed.x_t), words_1=self.words.shown(landed.x_1)
            )
        return event

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


def _last_tokens(step: Step) -> list[np.ndarray]:
    """ "L Q" of each row of the response segment, the last one, as far as the row goes."""
    segment = step.x_t.segments[-1]
    rows = zip(segment.tokens, segment.valid, strict=True)
    return [tokens[valid].cpu().numpy() for tokens, valid in rows]


def _first_modality(request: Request) -> Modality:
    """Of the first segment that will be sampled."""
    if request.start is not None:
        return request.start.modality
    return Modality.TEXT if request.to is None else request.to


def _groups(wishes: dict[int, _Wish]) -> list[list[int]]:
    """Indices of wishes that one batch can hold."""
    groups: dict[tuple[Any, ...], list[int]] = {}
    for i, wish in wishes.items():
        shape = tuple(s.modality for s in wish.spans)
        key = (shape, wish.modality, wish.noise, replace(wish.sampling, seed=0))
        groups.setdefault(key, []).append(i)
    return list(groups.values())
