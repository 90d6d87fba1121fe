"""The contrastive task: items with the same content have the same feature.

Each batch has one kind of pair: words and a picture, a picture with a change in words and the
picture after, words and a film, words and a sound or speech, speech and a picture. Scenes come with
a neighbour in which one thing is changed, the hardest to tell apart. Source: InfoNCE (van den Oord
et al. 2018, arXiv:1807.03748) on the feature of `OmniModel.embedding`, as in Luo et al. 2025
(arXiv:2510.13721, Section 3.5). Owns: the pairs and their loss.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor

from flow.sequence import OmniSequence
from model.network.omni import OmniModel
from model.prompt_template import Span, collate_prompts, embedded
from training.data.examples import TALK_KINDS, Examples
from training.data.speech.examples import SpeechExamples
from training.data.video_examples import VideoExamples
from world.sampling import pick
from world.text.captions import caption, full_caption
from world.text.dialogue import image_request, sample_dialogue
from world.text.sentences import sound_answer, transcript
from world.video.captions import full_video_caption, video_caption, video_request

Drawn = Callable[[np.random.Generator], "Pairs"]
TEMPERATURE = 0.05
SCENES, VIDEOS, SOUNDS, OTHERS = 32, 8, 24, 16
"""Pairs of a batch, and unrelated texts."""
TOLD = 3
"""The weight of speech and images, the slowest pair to learn, against every other kind."""
FULL_SHARE, WISHED_SHARE, SAID_SHARE = 0.5, 0.3, 0.75
"""The shares of complete captions, of requests, and of speech among sounds."""


@dataclass(frozen=True)
class Pairs:
    """Queries and items as parts of messages: query i matches every item with the key of item i.
    Further items and `others` match no query."""

    queries: list[tuple[str | Span, ...]]
    items: list[tuple[str | Span, ...]]
    keys: list[str]
    others: list[tuple[str | Span, ...]] = field(default_factory=list)


class Contrast:
    """Draws pairs from the examples and computes their InfoNCE loss."""

    def __init__(
        self, words: Examples, speech: SpeechExamples | None, videos: VideoExamples | None
    ) -> None:
        self.words, self.speech, self.videos = words, speech, videos
        self.draws: list[Drawn] = [self._described]
        if videos is not None:
            self.draws += [self._told_apart, self._changed, self._video_batch]
        if speech is not None:
            self.draws.append(self._heard)
            if speech.spoken_scenes:
                self.draws += [self._told] * TOLD

    def loss(
        self, model: OmniModel, rng: np.random.Generator, kinds_rng: np.random.Generator
    ) -> Tensor:
        """Return the scalar loss of one batch of pairs; kinds_rng draws the kind."""
        pairs = pick(kinds_rng, self.draws)(rng)
        kinds = [pairs.queries, pairs.items, *([pairs.others] if pairs.others else [])]
        queries, *items = (self._features(model, parts) for parts in kinds)
        keys = [*pairs.keys, *(f"other {i}" for i in range(len(pairs.others)))]
        return info_nce(queries @ torch.cat(items).T / TEMPERATURE, keys)

    def _features(self, model: OmniModel, items: Sequence[tuple[str | Span, ...]]) -> Tensor:
        spans = [embedded(self.words.tokenizer, parts) for parts in items]
        return model.embedding(OmniSequence(tuple(collate_prompts(spans, model.device))))

    def _described(self, rng: np.random.Generator) -> Pairs:
        """Draw captions, possibly incomplete, and images."""
        scenes = [self.words.pool.draw(rng) for _ in range(SCENES)]
        said = [_asked(rng, image_request, caption(s, rng)) for s in scenes]
        pictures = [(self.words.pool.picture_of(s),) for s in scenes]
        keys = [full_caption(s) for s in scenes]
        return Pairs([(text,) for text in said], [*pictures], keys, _unrelated(rng))

    def _told_apart(self, rng: np.random.Generator) -> Pairs:
        """Draw full captions and images of scenes that differ in one thing."""
        assert self.videos is not None
        places = [self.videos.any_edit(rng) for _ in range(SCENES // 2)]
        scenes = [s for i in places for s in self.videos.scenes_of(i)]
        pictures = [(p,) for i in places for p in self.videos.pictures_of(i)]
        keys = [full_caption(s) for s in scenes]
        return Pairs([(_asked(rng, image_request, key),) for key in keys], [*pictures], keys)

    def _changed(self, rng: np.random.Generator) -> Pairs:
        """Draw an image with an instruction, and images; the unedited image is a wrong item."""
        assert self.videos is not None
        places = [self.videos.any_edit(rng) for _ in range(SCENES // 2)]
        before, after = zip(*(self.videos.pictures_of(i) for i in places), strict=True)
        words = [self.videos.edits[i].words for i in places]
        keys = [full_caption(self.videos.scenes_of(i)[k]) for k in (1, 0) for i in places]
        queries = list(zip(before, words, strict=True))
        return Pairs([*queries], [(p,) for p in (*after, *before)], keys)

    def _video_batch(self, rng: np.random.Generator) -> Pairs:
        assert self.videos is not None
        places = [self.videos.any_video(rng) for _ in range(VIDEOS)]
        videos = [self.videos.videos[i] for i in places]
        full = [rng.random() < FULL_SHARE for _ in videos]
        keys = [full_video_caption(f) for f in videos]
        said = [
            k if f else video_caption(x, rng) for k, f, x in zip(keys, full, videos, strict=True)
        ]
        queries = [(_asked(rng, video_request, text),) for text in said]
        return Pairs([*queries], [(self.videos.frames(i),) for i in places], keys)

    def _heard(self, rng: np.random.Generator) -> Pairs:
        """Draw sounds and their transcript or name."""
        assert self.speech is not None
        said = rng.random() < SAID_SHARE
        clips = [
            pick(rng, self.speech.spoken if said else self.speech.sounds) for _ in range(SOUNDS)
        ]
        texts = [transcript(c.sentence) if said else sound_answer(c.sentence) for c in clips]
        return Pairs([(c.span(),) for c in clips], [(text,) for text in texts], texts)

    def _told(self, rng: np.random.Generator) -> Pairs:
        """Draw speech and the image that it describes or requests."""
        assert self.speech is not None
        spoken_scenes = [pick(rng, self.speech.spoken_scenes) for _ in range(SOUNDS)]
        queries = [(t.heard.span(),) for t in spoken_scenes]
        return Pairs(
            [*queries], [(t.picture,) for t in spoken_scenes], [t.key for t in spoken_scenes]
        )


def info_nce(similarities: Tensor, keys: Sequence[str]) -> Tensor:
    """Return the mean cross-entropy of both directions, from scaled similarities "Q N", N >= Q;
    items with one key are equally right.

    Source: van den Oord et al. 2018 (arXiv:1807.03748).
    """
    num = len(similarities)
    same = torch.tensor([[a == b for b in keys] for a in keys[:num]]).to(similarities.device)
    return (_missed(similarities, same) + _missed(similarities[:, :num].T, same[:, :num].T)) / 2


def _missed(similarities: Tensor, right: Tensor) -> Tensor:
    """Return the mean over rows of -log p(right)."""
    hit = similarities.masked_fill(~right, -torch.inf).logsumexp(1)
    return (similarities.logsumexp(1) - hit).mean()


def _unrelated(rng: np.random.Generator) -> list[tuple[str | Span, ...]]:
    """Draw texts about no image, so that text as such is not near images."""
    talks = [sample_dialogue(rng, pick(rng, TALK_KINDS), test=False) for _ in range(OTHERS)]
    return [(pick(rng, talk.utterances).text,) for talk in talks]


def _asked(
    rng: np.random.Generator, wished: Callable[[np.random.Generator, str], str], words: str
) -> str:
    return wished(rng, words) if rng.random() < WISHED_SHARE else words
