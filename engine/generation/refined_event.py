"""What of a segment that forms is told: a step that landed, as an event.

Owns: `refined`, and which preview a modality has (`preview_for`). Does not own: how it is decoded
(`engine.media.preview`, `engine.media.token_text`), how a step leaves the device
(`engine.generation.host_transfer`).
"""

from dataclasses import replace

import torch

from engine.api.events import Refined
from engine.generation.host_transfer import HostStep
from engine.generation.progress import GenerationProgress
from engine.generation.segment_spec import SegmentSpec
from engine.media.preview import FilmPreview, PicturePreview, Preview, SoundPreview
from engine.media.token_text import TokenText
from flow.modality import Modality
from model.network.omni import OmniModel


def preview_for(wish: SegmentSpec, model: OmniModel, *, decodes: bool) -> Preview | None:
    """What is shown of a segment while it forms, beside its words. decodes: whether the model
    itself makes sound of its codes."""
    match wish.modality:
        case Modality.IMAGE:
            return PicturePreview(model.vision)
        case Modality.VIDEO:
            return FilmPreview(model.vision)
        case Modality.AUDIO if decodes:
            none = torch.zeros(0, model.spaces[Modality.AUDIO].num_codebooks)
            return SoundPreview(model.audio, none.long() if wish.begun is None else wish.begun)
        case _:
            return None


def refined(
    landed: HostStep, wish: SegmentSpec, run: GenerationProgress, words: TokenText
) -> Refined:
    """The event of a step of the segment that is wished for in this run."""
    step, shown = landed.step, landed.shown
    images = shown if wish.modality in (Modality.IMAGE, Modality.VIDEO) else None
    sound = shown if wish.modality is Modality.AUDIO else None
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
        nfe=run.nfe + step.nfe,
        num_active=step.num_active,
        elapsed_s=run.elapsed_s,
        image_t=None if images is None or len(images) == 1 else images[0],
        image_1=None if images is None else images[-1],
        sound_1=None if sound is None else sound[-1],
        likely=landed.likely,
    )
    if wish.modality is Modality.TEXT:
        return replace(event, words_t=words.shown(landed.x_t), words_1=words.shown(landed.x_1))
    return event
