"""One answer as a stream of events, segment by segment.

A request becomes specs, a spec becomes one plan, a plan's steps become events: request ->
`SegmentSpec` -> `SegmentPlan` -> `Step` -> `HostStep` -> `Refined`. Owns: that line. Does not own:
its pieces (`engine.generation.segment_builder`, `engine.generation.planner`,
`engine.generation.host_transfer`, `engine.generation.refined_event`).
"""

from collections.abc import Callable, Generator
from contextlib import closing
from dataclasses import dataclass, replace

import numpy as np
import torch

from engine.api.events import (
    Answer,
    AudioChunk,
    Completed,
    Event,
    PreviewRate,
    Refined,
    SegmentStarted,
)
from engine.api.request import Request
from engine.generation.host_transfer import HostStep, host_steps, last_tokens
from engine.generation.planner import SegmentPlan
from engine.generation.refined_event import GenerationProgress, preview_for, refined
from engine.generation.segment_builder import SegmentBuilder
from engine.generation.segment_spec import SegmentSpec
from engine.media.preview import PreviewClock
from engine.media.token_text import TokenText
from engine.media.voice import word_ends_s
from engine.prompt.answer_plan import first_modality, next_modality
from engine.prompt.conversation import understood
from flow.modality import Modality
from samplers.step import Step

Segment = tuple[np.ndarray, np.ndarray | None]
"""The tokens "L Q" of a finished segment, and its picture or film."""


def answer_events(
    builder: SegmentBuilder,
    text: TokenText,
    request: Request,
    *,
    preview_hz: PreviewRate,
    watch: int,
    steps_of: Callable[[SegmentPlan], Generator[Step]],
) -> Generator[Event]:
    """Return the events of one answer, see `engine.engine.Engine.generate`."""
    progress = GenerationProgress(PreviewClock.at(preview_hz), watch)
    return AnswerStream(builder, text, request, progress, steps_of).events()


@dataclass(frozen=True)
class AnswerStream:
    """The events of one answer to `request`, as it was asked. text: what token ids spell. steps_of:
    computes the steps of a plan."""

    builder: SegmentBuilder
    text: TokenText
    request: Request
    progress: GenerationProgress
    steps_of: Callable[[SegmentPlan], Generator[Step]] = SegmentPlan.steps

    @torch.inference_mode()
    def events(self) -> Generator[Event]:
        """Yield the events of every segment, then `Completed`."""
        builder, progress = self.builder, self.progress
        request = builder.with_inpainting_start(self.request)
        answers: list[Answer] = []
        if request.listens:
            answers += yield from self._transcribe(request)
        if len(answers) > 1:  # a recording and no question
            yield Completed(self.request, tuple(answers), progress.nfe, progress.elapsed_s)
            return
        messages = builder.messages(understood(request, answers))
        modality: Modality | None = first_modality(request)
        while modality is not None:
            spec = builder.spec(request, messages, answers, modality)
            if modality is Modality.AUDIO:
                answers.append((yield from self._sound(spec)))
            else:
                tokens, image = yield from self._segment(spec)
                answer = builder.codec.answer(tokens, modality, image)
                bits = builder.transcript_bits(spec, tokens) if request.writes_down else None
                kept = spec.share_kept(tokens)
                answers.append(replace(answer, transcript_bits=bits, share_kept=kept))
            modality = next_modality(request, answers, builder.planner.flows)
        yield Completed(self.request, tuple(answers), progress.nfe, progress.elapsed_s)

    def _transcribe(self, request: Request) -> Generator[Event, None, list[Answer]]:
        """Write down what was said, piece by piece where it is long."""
        builder = self.builder
        pieces = builder.speech_pieces(request)
        found: list[Answer] = []
        for piece in pieces:
            asked = request.heard(piece)
            messages = builder.messages(asked.conversation)
            spec = builder.spec(asked, messages, [], Modality.TEXT)
            tokens, _ = yield from self._segment(spec, num_heard=len(pieces))
            words = builder.codec.answer(tokens, Modality.TEXT)
            bits = builder.transcript_bits(spec, tokens)
            found.append(replace(words, heard=True, transcript_bits=bits))
        return found

    def _segment(self, spec: SegmentSpec, *, num_heard: int = 0) -> Generator[Event, None, Segment]:
        """Run one segment. num_heard: pieces of speech that are written down, this one among
        them; 0 where it is an answer."""
        builder, progress = self.builder, self.progress
        spec = builder.with_edit_mask(replace(spec, segment=progress.segments))
        progress.nfe += spec.nfe
        plan = builder.plan([spec], num_alternatives=progress.num_alternatives)
        yield SegmentStarted(
            replace(self.request, sampling=spec.sampling),
            spec.segment,
            spec.modality,
            plan.num_steps,
            progress.elapsed_s,
            num_heard,
            spec.frozen_positions,
        )
        event: Refined | None = None
        host_step: HostStep | None = None
        preview = preview_for(spec, builder.codec)
        with closing(host_steps(plan, preview, progress.clock, self.steps_of)) as steps:
            for host_step in steps:
                event = refined(host_step, spec, progress, self.text)
                yield event
        assert host_step is not None and event is not None
        progress.nfe = event.nfe
        progress.segments += 1
        (tokens,) = last_tokens(host_step.step)
        return tokens, event.image_1

    def _sound(self, spec: SegmentSpec) -> Generator[Event, None, Answer]:
        """Run a sound block by block: what is final can be played while the next block forms."""
        builder, progress = self.builder, self.progress
        stream = builder.codec.stream(self.request.style, says=spec.says is not None)
        samples: list[np.ndarray] = []
        while True:
            tokens, _ = yield from self._segment(spec)
            spec, added, last = builder.next_block(spec, tokens)
            assert spec.prefix_codes is not None
            chunk = [stream.take(added.to(builder.model.device))]
            chunk += [stream.finish()] if last else []
            samples.append(torch.cat(chunk).cpu().numpy())
            ends = () if spec.says is None else word_ends_s(spec.prefix_codes.numpy())
            yield AudioChunk(progress.segments - 1, samples[-1], last, progress.elapsed_s, ends)
            if last:
                break
        ids = spec.ids(spec.prefix_codes.numpy())
        return Answer(Modality.AUDIO, ids, audio=np.concatenate(samples))
