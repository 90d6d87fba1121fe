"""The engine: a loaded checkpoint that turns a request into a stream of events.

Owns: how one answer is made, segment by segment, and the wish for each of them. Does not own: media
and their codes (`engine.media.codec`), the order of an answer's segments
(`engine.prompt.answer_plan`), which sampler runs (`engine.generation.runner`), how a step leaves
the device (`engine.generation.host_transfer`) and becomes an event
(`engine.generation.refined_event`), many answers at once (`engine.generation.batch`). One engine
may serve several threads one after the other.
"""

import time
from collections.abc import Generator, Sequence
from contextlib import closing
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch

from engine.api.conversation import Conversation, Part
from engine.api.errors import explained
from engine.api.events import Answer, AudioChunk, Completed, Event, Refined, SegmentStarted
from engine.api.request import Request
from engine.api.sampling import SamplerKind, Sampling
from engine.embedding import embed
from engine.generation.batch import Batch
from engine.generation.best_of_n import best_of, best_of_all
from engine.generation.edit_mask import READS, likely_to_stay, may_hold, start_with
from engine.generation.host_transfer import HostStep, landing, last_tokens
from engine.generation.inpainting import begun, touched
from engine.generation.progress import GenerationProgress
from engine.generation.refined_event import preview_for, refined
from engine.generation.runner import Runner
from engine.generation.segment_spec import SegmentSpec
from engine.info import about
from engine.inspection.code_inspector import CodeInspector
from engine.inspection.likelihood import surprise
from engine.inspection.path_preview import PathPreview
from engine.inspection.probes import ProbeReadout, believed
from engine.inspection.trace import MAX_LIKELY, Trace, TraceRecorder
from engine.media.audio import LONGEST_S, pieces_of
from engine.media.codec import Codec
from engine.media.external_codec import ExternalSpeechCodec, launched
from engine.media.preview import PreviewClock
from engine.media.token_text import TokenText
from engine.prompt.answer_plan import first_modality, next_modality
from engine.prompt.conversation import messages_of, understood
from flow.modality import Modality
from flow.sequence import Segment
from model.loading.checkpoint import Checkpoint, Progress, load_checkpoint
from model.loading.folder_info import refuse_theirs
from model.loading.placement import Placement
from model.prompt_template import Message, Span, collate_prompts, layout
from samplers.counter_rng import CounterRNG
from samplers.step import Step

PREVIEW_HZ = 15.0
NEXT_BLOCK = 2**54
"""From the seed of a block of sound to that of the next, above every seed."""
NOTHING = np.zeros(0, np.float32)
PROMPT_MULTIPLE = {"cpu": 1, "cuda": 32}
"""Prompts are padded to a multiple of so many positions, so that recorded shapes recur."""


class Engine:
    """`generate` streams one answer; `generate_batch` computes many at once, for evaluations."""

    def __init__(
        self,
        checkpoint: Checkpoint,
        placement: Placement,
        speech: ExternalSpeechCodec | None = None,
    ) -> None:
        self.model = checkpoint.model
        self.tokenizer = checkpoint.tokenizer
        self.facts = checkpoint.facts
        self.digest = checkpoint.digest
        self.landmarks, self.prompts = checkpoint.landmarks, checkpoint.prompts
        self.placement = placement
        self.device = placement.device
        self.runner = Runner(self.model)
        self.codec = Codec(self.model, self.tokenizer, speech)
        mask_id = self.model.spaces[Modality.TEXT].mask_id
        self.words = TokenText.of(self.tokenizer, mask_id)
        eyes = None if self.model.config.vision is None else self.model.vision
        self.lens = CodeInspector(eyes, self.runner.metrics, self.words, self.device)

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
        """The engine of a checkpoint folder; "auto" is CUDA where there is one, several devices
        have commas between them, and weights "int8" take half the memory, see
        `model.loading.placement`. speech: the command of a program that has its speech codec, which
        starts meanwhile.

        Raises: ValueError with one sentence where the folder, the device or the program cannot be
        used.
        """
        placement = Placement.of(device, dtype, weights)
        refuse_theirs(Path(checkpoint))
        program = launched(speech)
        loaded = load_checkpoint(Path(checkpoint), placement, progress, speech=program is not None)
        return cls(loaded, placement, ExternalSpeechCodec.of(program, loaded.model.config))

    def info(self) -> dict[str, Any]:
        """What runs here: plain values for `python -m engine info` and the page."""
        return about(self)

    def generate(
        self, request: Request, *, preview_hz: float = PREVIEW_HZ, watch: int = 0
    ) -> Generator[Event]:
        """The events of one answer; closing the generator stops within one step.

        request.to None: the model answers with words and may open a picture or a sound after them.
        The same request gives the same answer; only which steps carry a preview depends on the
        clock. watch: how many of the likeliest codes each step brings along; nothing else changes.

        Raises: ValueError where watch is out of range, the prompt too long for the checkpoint, or
        it does not think,
        DeviceError where the GPU runs out of memory or fails.
        """
        if not 0 <= watch <= MAX_LIKELY:
            raise ValueError(f"watch must be between 0 and {MAX_LIKELY} alternatives, not {watch}")
        self.codec.check(request.within(self.prompt_characters).style)
        with explained(self.runner.free):
            run = partial(self._generate, preview_hz=preview_hz, watch=watch)
            several = request.sampling.drafts > 1
            yield from best_of(request, run, self.embed) if several else run(request)

    @torch.inference_mode()
    def _generate(self, request: Request, preview_hz: float, watch: int) -> Generator[Event]:
        run = GenerationProgress(request, watch, PreviewClock(preview_hz), time.monotonic())
        asked, request = request, self._begun(request)
        answers: list[Answer] = []
        if request.listens:
            answers += yield from self._listened(request, run)
        if len(answers) > 1:  # a recording and no question
            yield Completed(asked, tuple(answers), run.nfe, run.elapsed_s)
            return
        messages = self._messages(understood(request, answers))
        modality: Modality | None = first_modality(request)
        while modality is not None:
            wish = self._wish(request, messages, answers, modality)
            if modality is Modality.AUDIO:
                answers.append((yield from self._sound(wish, run)))
            else:
                tokens, image = yield from self._segment(wish, run)
                answer = self.codec.answer(tokens, modality, image)
                doubt = self._doubt(wish, tokens) if request.writes_down else None
                answers.append(replace(answer, doubt=doubt))
            modality = next_modality(request, answers, self.runner.flows)
        yield Completed(asked, tuple(answers), run.nfe, run.elapsed_s)

    def _begun(self, request: Request) -> Request:
        """With the state that a repainted picture begins with."""
        wish = request.repaint
        if wish is None:
            return request
        vision = self.model.config.required_vision
        codes = self.encode(Part(image=wish.image)).tokens.numpy()
        free = touched(wish.mask, vision.grid, vision.image_px)
        state = begun(wish, codes, free, self.model.spaces[Modality.IMAGE].mask_id)
        return replace(request, start=state, repaint=None)

    def _listened(
        self, request: Request, run: GenerationProgress
    ) -> Generator[Event, None, list[Answer]]:
        """The events of writing down what was said, piece by piece where it is long."""
        pieces = self._pieces(request)
        found: list[Answer] = []
        for piece in pieces:
            asked = request.heard(piece)
            messages = self._messages(asked.conversation)
            wish = self._wish(asked, messages, [], Modality.TEXT)
            tokens, _ = yield from self._segment(wish, run, heard=len(pieces))
            words, doubt = self.codec.answer(tokens, Modality.TEXT), self._doubt(wish, tokens)
            found.append(replace(words, heard=True, doubt=doubt))
        return found

    def _doubt(self, wish: SegmentSpec, tokens: np.ndarray) -> float | None:
        """Of what was heard, see `Answer`; None where the checkpoint does not read from left to
        right."""
        if SamplerKind.AUTOREGRESSIVE not in self.model.config.samplers:
            return None
        return surprise(self.model, self._prompt([wish]), tokens, Modality.TEXT)

    def _pieces(self, request: Request) -> list[np.ndarray]:
        """What was said, as long as the model hears at once."""
        return pieces_of(request.speech, self.hears_s or LONGEST_S)

    def _segment(
        self, wish: SegmentSpec, run: GenerationProgress, *, heard: int = 0
    ) -> Generator[Event, None, tuple[np.ndarray, np.ndarray | None]]:
        """The events of one segment; its tokens "L Q" and its picture."""
        wish = self._holding(replace(wish, segment=run.segments))
        held = wish.held
        run.nfe += wish.read
        complete = replace(run.request, sampling=wish.sampling)
        steps_left = self.runner.steps_left(wish.sampling, wish.modality, wish.start)
        yield SegmentStarted(
            complete, wish.segment, wish.modality, steps_left, run.elapsed_s, heard, held
        )
        seen: Refined | None = None
        landed: HostStep | None = None
        shows = preview_for(wish, self.model, decodes=self.codec.speech is None)
        steps = landing(self._run([wish], run.watch), shows, run.clock)
        with closing(steps):
            for landed in steps:
                seen = refined(landed, wish, run, self.words)
                yield seen
        assert landed is not None
        assert seen is not None
        run.nfe = seen.nfe
        run.segments += 1
        (tokens,) = last_tokens(landed.step)
        return tokens, seen.image_1

    def _sound(self, wish: SegmentSpec, run: GenerationProgress) -> Generator[Event, None, Answer]:
        """The events of a sound, block by block: what is final can be heard while the next block
        forms."""
        stream = self.codec.stream(run.request.style)
        heard: list[np.ndarray] = []
        while True:
            tokens, _ = yield from self._segment(wish, run)
            wish, added, last = wish.grown(tokens, self.model.config)
            pieces = [stream.take(added.to(self.device))] + ([stream.finish()] if last else [])
            heard.append(torch.cat(pieces).cpu().numpy())
            yield AudioChunk(run.segments - 1, heard[-1], last, run.elapsed_s)
            if last:
                break
        assert wish.begun is not None
        return Answer(Modality.AUDIO, wish.begun.numpy(), audio=np.concatenate(heard))

    @torch.inference_mode()
    def generate_batch(self, requests: Sequence[Request]) -> list[tuple[Answer, ...]]:
        """The answers of many requests, computed together where their shape and settings agree.

        Raises: ValueError where one goes on from a state, or has too long a prompt.
        """
        for request in requests:
            self.codec.check(request.within(self.prompt_characters).style)
        if any(r.start is not None or r.repaint is not None for r in requests):
            raise ValueError("runs that go on from a state are generated one by one")
        if any(r.sampling.drafts > 1 for r in requests):
            return best_of_all(requests, self.generate_batch, self.embed)
        batch = Batch(
            self.codec,
            self.model.config,
            self.runner.flows,
            self._pieces,
            self._messages,
            self._wish,
            self._holding,
            self._run,
        )
        return batch.answers(requests)

    def recorder(self) -> TraceRecorder:
        """For the events of one generation of this engine."""
        name = {"name": self.model.config.name, "digest": self.digest}
        return TraceRecorder(name, self.words)

    def encode(self, part: Part) -> Span:
        """The codes, on the CPU, of any picture, of a film, or of a sound of up to `hears_s`.

        Raises: ValueError where the checkpoint does not know the modality, a film has another
        number of frames, or a sound is longer.
        """
        return self.codec.encode(part)

    def embed(self, items: Sequence[tuple[Part, ...]]) -> np.ndarray:
        """Unit vectors float32 "N D" of N messages: what means the same lies close together. Of a
        longer sound its beginning counts; a message of sound alone lies between the sound and the
        words that are heard in it.

        Raises: ValueError where the checkpoint was not trained for it, see also `encode`.
        """
        if not self.model.config.has_embedding:
            raise ValueError("this checkpoint was not trained to find things")
        with explained(self.runner.free):
            return embed(self, items)

    def write_down(self, sounds: Sequence[np.ndarray]) -> list[str]:
        """The words that are heard in sounds of up to `hears_s`, "" where none is."""
        asked = [Request(Conversation.write_down(s), Modality.TEXT) for s in sounds]
        return [words.text or "" for (words,) in self.generate_batch(asked)]

    @property
    def prompt_characters(self) -> int:
        """How long a prompt may be."""
        return self.model.config.dialogue.prompt_characters

    @property
    def hears_s(self) -> float:
        """Seconds of the longest sound in one message, and of the longest one that is made; 0 where
        the checkpoint has no sound."""
        return self.codec.hears_s

    def preview(self, sampling: Sampling, modality: Modality) -> PathPreview:
        """What a run of the flow with these settings does to a code, see
        `engine.inspection.path_preview`."""
        return self.runner.preview(sampling, modality)

    def surprise(self, request: Request, tokens: np.ndarray, modality: Modality) -> float:
        """Bits a code of an answer "L Q" to a request, see `engine.inspection.likelihood`.

        Raises: ValueError where the checkpoint does not read from left to right.
        """
        if SamplerKind.AUTOREGRESSIVE not in self.model.config.samplers:
            raise ValueError("this checkpoint was not trained to read from left to right")
        return surprise(self.model, self.prompt(request, modality), tokens, modality)

    def believed(self, trace: Trace, index: int) -> ProbeReadout | None:
        """What the middle of the network holds to be at each place of a segment of a recorded run,
        step by step; None where that is no picture or film, or nothing was learned to ask it with.

        Raises: ValueError where the run is of another kind of checkpoint.
        """
        segment, before = trace.segments[index], trace.segments[:index]
        if self.landmarks is None or segment.modality not in (Modality.IMAGE, Modality.VIDEO):
            return None
        prompt = self.prompt(trace.request, segment.modality, [s.answer for s in before])
        states = segment.arrays["x_t"]
        return believed(self.model, self.landmarks, prompt, states, segment.modality)

    def prompt(
        self, request: Request, to: Modality, answered: Sequence[Answer] = ()
    ) -> list[Segment]:
        """The segments before an answer that follows those, one row."""
        messages = self._messages(understood(request, answered))
        return self._prompt([self._wish(request, messages, list(answered), to)])

    def _messages(self, conversation: Conversation) -> list[Message]:
        return messages_of(conversation, self.encode, whole=self.model.config.dialogue.whole)

    def _wish(
        self, request: Request, messages: list[Message], answers: list[Answer], modality: Modality
    ) -> SegmentSpec:
        if request.think and not self.model.config.thinks:
            raise ValueError("this checkpoint does not think first: let it answer at once")
        pin = request.pin
        if pin is not None:  # refused at once, not when its turn comes
            self.runner.complete(request.sampling, pin.modality)
        sampling = self.runner.complete(request.sampling, modality)
        start = request.start
        before = () if start is None else start.said
        said = before + tuple(a.text for a in answers if a.text and not a.heard)
        if pin is not None and modality is pin.modality:
            said = tuple(pin.split(text)[0] for text in said)
        turns = [*messages, Message(False, said)] if said else messages
        dialogue = self.model.config.dialogue
        spans = layout(
            self.tokenizer, turns, opens=modality, thinks=request.think, dialogue=dialogue
        )
        number, heard = len(answers), sum(a.heard for a in answers)
        noise = number if pin is None else pin.noise(modality, number)
        return SegmentSpec(
            spans,
            modality,
            sampling,
            number,
            noise if start is None else number - heard + start.segment,
            start if number == heard else None,
        )

    def _holding(self, wish: SegmentSpec) -> SegmentSpec:
        """With what stays of the picture that it changes, see `engine.generation.edit_mask`."""
        if not may_hold(wish, self.model.config):
            return wish
        sampling = wish.sampling
        seeds = [sampling.seed + NEXT_BLOCK * k for k in range(READS)]
        noise = self.runner.noise(wish.modality, sampling, self._draws(seeds), wish.noise)
        likely = likely_to_stay(self.model, self.prompts, self._prompt([wish]), noise)
        given = [s.tokens for s in wish.spans if s.modality is Modality.IMAGE]
        stays = (likely >= sampling.hold).cpu().numpy()
        start = start_with(stays, given[-1].numpy(), self.model.spaces[Modality.IMAGE].mask_id)
        return replace(wish, start=start, read=READS)

    def _draws(self, seeds: list[int]) -> CounterRNG:
        return CounterRNG(torch.tensor(seeds, device=self.device))

    def _run(self, wishes: list[SegmentSpec], watch: int = 0) -> Generator[Step]:
        """The sampler's steps over wishes that agree in everything but prompt and seed."""
        first = wishes[0]
        seeds = [w.sampling.seed + NEXT_BLOCK * w.block for w in wishes]
        return self.runner.run(
            self._prompt(wishes),
            first.modality,
            first.sampling,
            self._draws(seeds),
            first.noise,
            start=first.start,
            watch=watch,
        )

    def _prompt(self, wishes: list[SegmentSpec]) -> list[Segment]:
        multiple = PROMPT_MULTIPLE[self.device.type]
        return collate_prompts([w.spans for w in wishes], self.device, multiple)
