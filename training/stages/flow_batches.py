"""The batches of the model stage: one task and one structure a batch.

Owns: batch sizes, the shares of variants, `FlowBatches`. Does not own: the examples
(`training.data`), the loss (`training.stages.flow`).
"""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial

import numpy as np
import torch

from flow.modality import Modality
from flow.sequence import drop_prompt
from model.network.omni import OmniModel
from training.data.examples import Batch, Example, Examples, collate
from training.data.multimodal_examples import audio_visual, think
from training.data.speech.examples import SpeechExamples
from training.data.video_examples import VideoExamples
from training.objectives.frame_subset import (
    beginning_middle_end,
    positions_of_frames,
    two_of_all,
)
from training.objectives.patch_subset import some_patches
from world.text.dialogue import Kind
from world.video.motion import FRAMES

PICTURES, TEXTS, SOUNDS = 16, 8, 16
VIDEOS, VIDEOS_IN_PART, WATCHED_IN_PART = 4, 16, 12
"""Examples of a batch of whole videos, of two frames and of three frames each."""
FIRST_BLOCKS = 0.4
OPENED_SHARE, VIDEO_WISH_SHARE, CHANGED_SHARE = 0.2, 0.12, 0.08
"""The shares of sound and video requests in text without an image, and of edit requests in text
about an image."""
THOUGHT_SHARE, AUDIO_VISUAL_SHARE = 0.3, 0.3
"""The share of thinking in text about images, and of hearing batches with an image."""
FROM_IMAGE_SHARE, REWOUND_SHARE, FRAME_SHARE = 0.3, 0.03, 0.15
"""The shares of video batches with a first frame and of reversed ones, and of edit batches that
take a frame out of a video."""
COPIED_WEIGHT = 0.3
"""The loss weight of positions that an edit or a video leaves unchanged; they are the majority."""
WHOLE_SHARE = 0.15
"""The share of video batches with all frames."""
CHOICE = 3
"""The oversampling of audio examples, from which a batch of similar lengths is taken."""
PROMPT_DROPOUT = 0.1


def _alike(drawn: Sequence[Example], rng: np.random.Generator) -> Sequence[Example]:
    """Return `SOUNDS` neighbours in length."""
    ordered = sorted(drawn, key=lambda e: e.length)
    start = int(rng.integers(len(ordered) - SOUNDS + 1))
    return ordered[start : start + SOUNDS]


class FlowBatches:
    """Draws a batch of each task. speech, videos: None where a model has no such tasks."""

    def __init__(
        self,
        model: OmniModel,
        examples: Examples,
        speech: SpeechExamples | None,
        videos: VideoExamples | None,
    ) -> None:
        self.model, self.examples = model, examples
        self.speech, self.videos = speech, videos

    def batch(self, task: str, rng: np.random.Generator) -> Batch:
        """Return a batch of the task, one of `training.data.task_mixture.SHARES` but "match"."""
        draw = {
            "image": self._image_batch,
            "text": self._text_batch,
            "hear": self._hear_batch,
            "speak": self._speech_batch,
            "recite": self._recite_batch,
            "film": self._video_batch,
            "watch": self._watch_batch,
            "edit": self._edit_batch,
        }
        return draw[task](rng)

    def _image_batch(self, rng: np.random.Generator) -> Batch:
        draw = self.examples.next_picture if rng.random() < 0.06 else self.examples.picture
        return self._dropped(collate([draw(rng) for _ in range(PICTURES)], self.model.device), rng)

    def _dropped(self, batch: Batch, rng: np.random.Generator) -> Batch:
        """Drop the prompt of some rows, for guidance."""
        rows = torch.from_numpy(rng.random(batch.sequence.batch) < PROMPT_DROPOUT)
        dropped = drop_prompt(batch.sequence, rows.to(self.model.device))
        return replace(batch, sequence=dropped)

    def _text_batch(self, rng: np.random.Generator) -> Batch:
        about = rng.random() < 0.7
        drawn = [self._text(rng, about=about) for _ in range(TEXTS)]
        batch = collate(drawn, self.model.device)
        if not about or not self.model.config.named_codes:
            return batch
        return replace(batch, kept=some_patches(batch, rng))

    def _hear_batch(self, rng: np.random.Generator) -> Batch:
        assert self.speech is not None
        draw = self.speech.hear
        if rng.random() < AUDIO_VISUAL_SHARE and self.speech.drawable:
            draw = partial(audio_visual, self.examples, self.speech)
        drawn = [draw(rng) for _ in range(CHOICE * SOUNDS)]
        return collate(_alike(drawn, rng), self.model.device)

    def _speech_batch(self, rng: np.random.Generator) -> Batch:
        assert self.speech is not None
        first = rng.random() < FIRST_BLOCKS
        drawn = [self.speech.speak(rng, first=first) for _ in range(CHOICE * SOUNDS)]
        return self._dropped(collate(_alike(drawn, rng), self.model.device), rng)

    def _recite_batch(self, rng: np.random.Generator) -> Batch:
        assert self.speech is not None
        drawn = [self.speech.recite(rng) for _ in range(CHOICE * SOUNDS)]
        return collate(_alike(drawn, rng), self.model.device)

    def _video_batch(self, rng: np.random.Generator) -> Batch:
        assert self.videos is not None
        draw, whole = partial(self.videos.video, from_image=rng.random() < FROM_IMAGE_SHARE), False
        if rng.random() < REWOUND_SHARE:
            draw, whole = self.videos.rewound, True
        whole |= rng.random() < WHOLE_SHARE
        drawn = [draw(rng) for _ in range(VIDEOS if whole else VIDEOS_IN_PART)]
        batch = collate(drawn, self.model.device)
        frames = batch.sequence.segments[-1].tokens.unflatten(1, (FRAMES, -1))
        stays = (frames == frames[:, :1]).all(-1).all(1).repeat(1, FRAMES)
        batch = replace(batch, weight=torch.where(stays, COPIED_WEIGHT, batch.weight))
        if not whole:
            shown = two_of_all(rng, VIDEOS_IN_PART)
            batch = replace(batch, kept=positions_of_frames(batch.sequence, shown))
        return self._dropped(batch, rng)

    def _watch_batch(self, rng: np.random.Generator) -> Batch:
        assert self.videos is not None
        whole = rng.random() < WHOLE_SHARE
        num = VIDEOS if whole else WATCHED_IN_PART
        batch = collate([self.videos.watch(rng) for _ in range(num)], self.model.device)
        if whole:
            return batch
        shown = beginning_middle_end(rng, num)
        return replace(batch, kept=positions_of_frames(batch.sequence, shown))

    def _edit_batch(self, rng: np.random.Generator) -> Batch:
        assert self.videos is not None
        if rng.random() < FRAME_SHARE:
            frames = [self.videos.frame(rng) for _ in range(VIDEOS)]
            return self._dropped(collate(frames, self.model.device), rng)
        batch = collate([self.videos.edit(rng) for _ in range(PICTURES)], self.model.device)
        before, *_, after = (
            s.tokens for s in batch.sequence.segments if s.modality is Modality.IMAGE
        )
        stays = (before == after).all(-1)
        weight = torch.where(stays, COPIED_WEIGHT, batch.weight)
        return self._dropped(replace(batch, weight=weight, stays=stays), rng)

    def _text(self, rng: np.random.Generator, *, about: bool) -> Example:
        if about:
            if self.videos is not None and rng.random() < CHANGED_SHARE:
                return self.videos.changed(rng)
            if self.model.config.thinks and rng.random() < THOUGHT_SHARE:
                return think(self.examples, rng)
            return self.examples.answer_about_picture(rng)
        if self.speech is not None and rng.random() < OPENED_SHARE:
            return self.speech.opened(rng)
        if self.videos is not None and rng.random() < VIDEO_WISH_SHARE:
            return self.videos.opened(rng)
        tasks = (Kind.DRAW, Kind.SMALL_TALK, Kind.KNOWLEDGE, Kind.OUT_OF_DOMAIN)
        return self.examples.answer(rng, tasks[int(rng.choice(4, p=(0.35, 0.2, 0.15, 0.3)))])
