"""The segments of a request: their specs, then what runs.

The one place that a single answer (`engine.generation.answer`) and a batch
(`engine.generation.batch`) share. Owns: `SegmentBuilder`. Does not own: the layout of a prompt
(`model.prompt_template`), the sampler (`engine.generation.planner`).
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import torch
from torch import Tensor

from engine.api.conversation import Conversation, Part
from engine.api.events import Answer
from engine.api.request import Request
from engine.generation.edit_mask import NUM_READS, can_freeze, keep_probability, partial_start
from engine.generation.inpainting import masked_patches, start_of_inpainting
from engine.generation.planner import Planner, SegmentPlan
from engine.generation.segment_spec import SegmentSpec
from engine.generation.speech_planner import SpeechPlanner
from engine.inspection.likelihood import bits_per_code
from engine.media.audio import LONGEST_S, pieces_of
from engine.media.codec import Codec
from engine.prompt.conversation import messages_of, understood
from engine.prompt.spoken_words import words_to_say
from flow.modality import Modality
from flow.sequence import Segment
from model.network.omni import OmniModel
from model.network.probes import LinearProbes
from model.network.text_to_speech import END
from model.prompt_template import Message, Span, collate_prompts, layout
from samplers.counter_rng import CounterRNG

SEED_STRIDE = 2**54
"""The distance between the seeds of neighbouring blocks of sound, above every seed."""


@dataclass(frozen=True)
class SegmentBuilder:
    """Specs and plans of one checkpoint. edit_probes: heads that read which places of a prompt's
    picture its words mean; None where none were learned."""

    model: OmniModel
    codec: Codec
    planner: Planner
    edit_probes: LinearProbes | None

    @cached_property
    def speech(self) -> SpeechPlanner | None:
        """Plans of the words that its voice says, None where it has no voice."""
        return None if self.codec.voice is None else SpeechPlanner(self.codec.voice)

    def encode(self, part: Part) -> Span:
        """Return the codes of one part, see `engine.media.codec.Codec.encode`."""
        return self.codec.encode(part)

    def messages(self, conversation: Conversation) -> list[Message]:
        """Return the messages that the model reads of a conversation, media as codes."""
        whole = self.model.config.dialogue.whole
        return messages_of(conversation, self.codec.encode, whole=whole)

    def speech_pieces(self, request: Request) -> list[np.ndarray]:
        """Return the sound of the last message in pieces that the model hears at once."""
        return pieces_of(request.speech, self.codec.max_audio_s or LONGEST_S)

    def with_inpainting_start(self, request: Request) -> Request:
        """Return the request with the state that an inpainted picture begins with."""
        asked = request.inpainting
        if asked is None:
            return request
        vision = self.model.config.required_vision
        codes = self.codec.encode(Part(image=asked.image)).tokens.numpy()
        free = masked_patches(asked.mask, vision.grid, vision.image_px)
        mask_id = self.model.spaces[Modality.IMAGE].mask_id
        return replace(
            request, start=start_of_inpainting(asked, codes, free, mask_id), inpainting=None
        )

    def spec(
        self,
        request: Request,
        messages: list[Message],
        answers: Sequence[Answer],
        modality: Modality,
    ) -> SegmentSpec:
        """Return the spec of the segment that follows these answers.

        Raises: ValueError where the checkpoint does not think, or cannot write the modality.
        """
        config = self.model.config
        if request.think and not config.thinks:
            raise ValueError("this checkpoint does not think first: let it answer at once")
        number, heard = len(answers), sum(a.heard for a in answers)
        if modality is Modality.AUDIO and self.speech is not None:
            says = words_to_say(request, answers)
            if says is not None:
                sampling = self.speech.complete(request.sampling)
                return SegmentSpec([], modality, sampling, number, number, says=says)
        pin = request.pin
        if pin is not None:  # refused at once, not when its turn comes
            self.planner.complete(request.sampling, pin.modality)
        sampling = self.planner.complete(request.sampling, modality)
        start = request.start
        before = () if start is None else start.said
        said = before + tuple(a.text for a in answers if a.text and not a.heard)
        if pin is not None and modality is pin.modality:
            said = tuple(pin.split(text)[0] for text in said)
        turns = [*messages, Message(False, said)] if said else messages
        spans = layout(
            self.codec.words, turns, opens=modality, thinks=request.think, dialogue=config.dialogue
        )
        noise = number if pin is None else pin.noise(modality, number)
        return SegmentSpec(
            spans,
            modality,
            sampling,
            number,
            noise if start is None else number - heard + start.segment,
            start if number == heard else None,
        )

    def with_edit_mask(self, spec: SegmentSpec) -> SegmentSpec:
        """Return the spec with what stays of the picture that it changes, see
        `engine.generation.edit_mask`."""
        if not can_freeze(spec, self.model.config):
            return spec
        sampling = spec.sampling
        seeds = [sampling.seed + SEED_STRIDE * k for k in range(NUM_READS)]
        noise = self.planner.noise(spec.modality, sampling, self._draws(seeds), spec.noise)
        kept = keep_probability(self.model, self.edit_probes, self.prompt([spec]), noise)
        given = [s.tokens for s in spec.spans if s.modality is Modality.IMAGE]
        stays = (kept >= sampling.keep_threshold).cpu().numpy()
        mask_id = self.model.spaces[Modality.IMAGE].mask_id
        start = partial_start(stays, given[-1].numpy(), mask_id)
        return replace(spec, start=start, nfe=NUM_READS)

    def next_block(self, spec: SegmentSpec, tokens: np.ndarray) -> tuple[SegmentSpec, Tensor, bool]:
        """Return the spec of the next block of a sound, see `SegmentSpec.next_block`."""
        if spec.says is not None and self.speech is not None:
            return spec.next_block(tokens, END, self.speech.voice.speaker.network.config.blocks)
        config = self.model.config
        assert config.audio is not None
        return spec.next_block(tokens, config.audio.cardinality, config.audio_blocks)

    def plan(self, specs: Sequence[SegmentSpec], *, num_alternatives: int = 0) -> SegmentPlan:
        """Return the plan of specs that agree in everything but prompt and seed, a row a spec."""
        first = specs[0]
        draws = self._draws([s.sampling.seed + SEED_STRIDE * s.block for s in specs])
        if first.says is not None and self.speech is not None:
            return self.speech.plan(specs, draws, num_alternatives=num_alternatives)
        return self.planner.plan(
            self.prompt(specs),
            first.modality,
            first.sampling,
            draws,
            first.noise,
            start=first.start,
            num_alternatives=num_alternatives,
        )

    def prompt(self, specs: Sequence[SegmentSpec]) -> list[Segment]:
        """Return the segments before the answer, a row a spec."""
        return collate_prompts([s.spans for s in specs], self.model.device, self.planner.padded)

    def prompt_of(
        self, request: Request, to: Modality, answers: Sequence[Answer] = ()
    ) -> list[Segment]:
        """Return the segments before an answer that follows those, one row."""
        messages = self.messages(understood(request, answers))
        return self.prompt([self.spec(request, messages, answers, to)])

    def transcript_bits(self, spec: SegmentSpec, tokens: np.ndarray) -> float | None:
        """Return the bits a code of words "L Q" that were heard; None where the checkpoint does
        not read from left to right."""
        if not self.reads_causally:
            return None
        return bits_per_code(self.model, self.prompt([spec]), tokens, Modality.TEXT)

    @property
    def reads_causally(self) -> bool:
        """True where the checkpoint was trained to read from left to right."""
        return "autoregressive" in self.model.config.samplers

    def _draws(self, seeds: list[int]) -> CounterRNG:
        return CounterRNG(torch.tensor(seeds, device=self.model.device))
