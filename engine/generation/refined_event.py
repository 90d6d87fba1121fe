"""A step on the host as an event.

Owns: `refined`, `GenerationProgress`, and which preview a modality has (`preview_for`). Does not
own: how it is decoded (`engine.media.preview`, `engine.media.token_text`), how a step leaves the
device (`engine.generation.host_transfer`).
"""

import time
from dataclasses import dataclass, field, replace

import torch

from engine.api.events import Refined
from engine.generation.host_transfer import HostStep
from engine.generation.segment_spec import SegmentSpec
from engine.media.codec import Codec
from engine.media.preview import (
    FilmPreview,
    PicturePreview,
    Preview,
    PreviewClock,
    SoundPreview,
)
from engine.media.token_text import TokenText
from engine.media.voice import SpeechPreview
from flow.modality import Modality


@dataclass
class GenerationProgress:
    """clock: when previews are due. num_alternatives: how many of the likeliest codes each step
    records. started_s: by the monotonic clock. nfe, segments: of the segments that are finished."""

    clock: PreviewClock
    num_alternatives: int = 0
    started_s: float = field(default_factory=time.monotonic)
    nfe: int = 0
    segments: int = 0

    @property
    def elapsed_s(self) -> float:
        """Seconds since the generation started."""
        return time.monotonic() - self.started_s


def preview_for(spec: SegmentSpec, codec: Codec) -> Preview | None:
    """Return the decoder of a segment's previews; None for words, and where another program makes
    sound of the codes."""
    model = codec.model
    match spec.modality:
        case Modality.IMAGE:
            return PicturePreview(model.vision)
        case Modality.VIDEO:
            return FilmPreview(model.vision)
        case Modality.AUDIO if codec.speech is None:
            none = torch.zeros(0, model.spaces[Modality.AUDIO].num_codebooks).long()
            prefix = none if spec.prefix_codes is None else spec.prefix_codes
            if spec.says is not None and codec.voice is not None:
                return SpeechPreview(codec.voice, prefix.numpy())
            return SoundPreview(model.audio, _sent(prefix, model.device))
        case _:
            return None


def _sent(codes: torch.Tensor, device: torch.device) -> torch.Tensor:
    """A copy on the device, once a block; out of pinned memory, so that no preview waits for it."""
    source = codes.pin_memory() if device.type == "cuda" else codes
    return source.to(device, non_blocking=True)


def refined(
    host_step: HostStep, spec: SegmentSpec, progress: GenerationProgress, text: TokenText
) -> Refined:
    """Return the event of a step of a segment."""
    step, shown, likely = host_step.step, host_step.shown, host_step.likely
    images = shown if spec.modality in (Modality.IMAGE, Modality.VIDEO) else None
    sound = shown if spec.modality is Modality.AUDIO else None
    event = Refined(
        segment=spec.segment,
        modality=spec.modality,
        index=step.index,
        num_steps=step.num_steps,
        last=step.last,
        t=step.t,
        tokens_t=spec.ids(host_step.x_t),
        tokens_1=spec.ids(host_step.x_1),
        changed=host_step.changed,
        confidence=host_step.confidence,
        nfe=progress.nfe + step.nfe,
        num_active=step.num_active,
        elapsed_s=progress.elapsed_s,
        image_t=None if images is None else images[0],
        image_1=None if images is None or len(images) == 1 else images[1],
        sound_1=None if sound is None else sound[-1],
        likely=likely and replace(likely, ids=spec.ids(likely.ids)),
    )
    if spec.modality is Modality.TEXT:
        return replace(event, words_t=text.shown(host_step.x_t), words_1=text.shown(host_step.x_1))
    return event
