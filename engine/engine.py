"""The engine: a loaded checkpoint that turns a request into a stream of events.

The facade of this package. Owns: loading, and the public methods. Does not own: how an answer is
made (`engine.generation.answer`), many at once (`engine.generation.batch`). One engine may serve
several threads one after the other.
"""

from collections.abc import Generator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch

from engine.api.conversation import Conversation, Part
from engine.api.errors import explained
from engine.api.events import PREVIEW_HZ, Answer, Event, PreviewRate
from engine.api.request import Request
from engine.best_of_n import best_of, best_of_all
from engine.embedding import embed
from engine.generation.answer import answer_events
from engine.generation.batch import batch_answers
from engine.generation.planner import Planner, SegmentPlan
from engine.generation.segment_builder import SegmentBuilder
from engine.info import about
from engine.inspection.code_inspector import CodeInspector
from engine.inspection.trace import MAX_LIKELY, TraceRecorder
from engine.inspector import Inspector
from engine.media.codec import Codec
from engine.media.external_codec import ExternalSpeechCodec, launched
from engine.media.token_text import TokenText
from engine.step_batch import StepBatch
from flow.modality import Modality
from model.convert.folder_info import refuse_theirs
from model.loading.checkpoint import Checkpoint, Progress, load_checkpoint
from model.loading.placement import Placement
from model.prompt_template import Span


class Engine:
    """`generate` streams one answer; `generate_batch` computes many at once, for evaluations."""

    def __init__(
        self, checkpoint: Checkpoint, where: Placement, speech: ExternalSpeechCodec | None = None
    ) -> None:
        self.model, self.tokenizer = checkpoint.model, checkpoint.tokenizer
        self.facts, self.digest = checkpoint.facts, checkpoint.digest
        self.landmarks = checkpoint.landmarks
        self.placement, self.device = where, where.device
        self.planner = Planner(self.model)
        self.codec = Codec(self.model, self.tokenizer, speech, checkpoint.speaker)
        self.builder = SegmentBuilder(self.model, self.codec, self.planner, checkpoint.prompts)
        self.inspector = Inspector(self.builder, checkpoint.landmarks)
        self.words = TokenText.of(self.tokenizer, self.model.spaces[Modality.TEXT].mask_id)
        eyes = None if self.model.config.vision is None else self.model.vision
        self.code_inspector = CodeInspector(eyes, self.planner.metrics, self.words, self.device)

    @classmethod
    def load(
        cls,
        checkpoint: Path | str,
        device: str = "auto",
        dtype: str = "auto",
        *,
        weights: str = "auto",
        progress: Progress | None = None,
        speech: str | None = None,
    ) -> "Engine":
        """Return the engine of a checkpoint folder. device, dtype, weights: see
        `model.loading.placement`. speech: the command of a program that has its speech codec.

        Raises: ValueError with one sentence where something of it cannot be used.
        """
        placement = Placement.of(device, dtype, weights)
        refuse_theirs(Path(checkpoint))
        program = launched(speech)
        loaded = load_checkpoint(Path(checkpoint), placement, progress, speech=program is not None)
        return cls(loaded, placement, ExternalSpeechCodec.of(program, loaded.model.config))

    def info(self) -> dict[str, Any]:
        """Return what runs here as plain values, for `python -m engine info` and the page."""
        return about(self)

    def generate(
        self, request: Request, *, preview_hz: PreviewRate = PREVIEW_HZ, watch: int = 0,
        batch: StepBatch | None = None,
    ) -> Generator[Event]:  # fmt: skip
        """Yield the events of one answer; closing the generator stops within one step. Only which
        steps carry a preview depends on preview_hz, a number or what is asked for it at each step,
        and on the clock. watch: likeliest codes that each step records. batch: takes steps together
        with those of other runs; the codes are the same.
        Raises: ValueError where watch is out of range, the prompt too long for the checkpoint, or
        it does not think; DeviceError where the GPU runs out of memory or fails.
        """
        if not 0 <= watch <= MAX_LIKELY:
            raise ValueError(f"watch must be between 0 and {MAX_LIKELY} alternatives, not {watch}")
        self.codec.check(request.within(self.prompt_characters).style)
        steps_of = SegmentPlan.steps if batch is None else batch.steps
        how: dict[str, Any] = {"preview_hz": preview_hz, "watch": watch, "steps_of": steps_of}
        run = partial(answer_events, self.builder, self.words, **how)
        with explained(self.planner.free):
            several = request.sampling.drafts > 1
            yield from best_of(request, run, self.embed) if several else run(request)

    @torch.inference_mode()
    def generate_batch(self, requests: Sequence[Request]) -> list[tuple[Answer, ...]]:
        """Return the answers of many requests, computed together where they agree in shape.
        Raises: ValueError where one goes on from a state, or has too long a prompt."""
        for request in requests:
            self.codec.check(request.within(self.prompt_characters).style)
        if any(r.start is not None or r.inpainting is not None for r in requests):
            raise ValueError("runs that go on from a state are generated one by one")
        if any(r.sampling.drafts > 1 for r in requests):
            return best_of_all(requests, self.generate_batch, self.embed)
        return batch_answers(self.builder, requests)

    def recorder(self) -> TraceRecorder:
        """Return a recorder of the events of one generation."""
        name = {"name": self.model.config.name, "digest": self.digest}
        return TraceRecorder(name, self.words)

    def encode(self, part: Part) -> Span:
        """Return the codes of one part, see `engine.media.codec.Codec.encode`."""
        return self.codec.encode(part)

    def embed(self, items: Sequence[tuple[Part, ...]]) -> np.ndarray:
        """Return unit vectors float32 "N D" of N messages, see `engine.embedding.embed`.

        Raises: ValueError where the checkpoint was not trained for it, see also `encode`."""
        if not self.model.config.has_embedding:
            raise ValueError("this checkpoint was not trained to find things")
        with explained(self.planner.free):
            return embed(self, items)

    def write_down(self, sounds: Sequence[np.ndarray]) -> list[str]:
        """Return the words heard in sounds of up to `max_audio_s`, "" where there is none."""
        asked = [Request(Conversation.write_down(s), Modality.TEXT) for s in sounds]
        return [words.text or "" for (words,) in self.generate_batch(asked)]

    @property
    def prompt_characters(self) -> int:
        """The longest prompt."""
        return self.model.config.dialogue.prompt_characters

    @property
    def max_audio_s(self) -> float:
        """Seconds of the longest sound, heard or made; 0 where the checkpoint has none."""
        return self.codec.max_audio_s
