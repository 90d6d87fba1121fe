"""The contrastive lesson of the flow stage: what shows or says the same thing has the same feature.

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
from training.data.examples import TALK, Examples
from training.data.speech_examples import SpeechExamples
from training.data.video_examples import VideoExamples
from world.sampling import pick
from world.text.captions import caption, full_caption
from world.text.dialogue import image_request, sample_dialogue
from world.text.sentences import sound_answer, transcript
from world.video.captions import full_video_caption, video_caption, video_request

Drawn = Callable[[np.random.Generator], "Pairs"]
TEMPERATURE = 0.05
SCENES, FILMS, SOUNDS, OTHERS = 32, 8, 24, 16
"""Pairs of a batch, and words that belong to none."""
TOLD = 3
"""Batches of speech and pictures, which find each other last, beside one of every other kind."""
FULL_SHARE, WISHED_SHARE, SAID_SHARE = 0.5, 0.3, 0.75
"""Of words about pictures and films: those that leave nothing out, and those that ask for them. Of
sounds: speech."""


@dataclass(frozen=True)
class Pairs:
    """The parts of messages: query i belongs to all items whose key is that of item i. There may
    be items behind those, which belong to none, and others of another kind, which belong to no
    query either."""

    queries: list[tuple[str | Span, ...]]
    items: list[tuple[str | Span, ...]]
    keys: list[str]
    others: list[tuple[str | Span, ...]] = field(default_factory=list)


class Contrast:
    """Draws pairs of what the examples hold and measures how well they find each other."""

    def __init__(
        self, words: Examples, speech: SpeechExamples | None, films: VideoExamples | None
    ) -> None:
        self.words, self.speech, self.films = words, speech, films
        self.draws: list[Drawn] = [self._described]
        if films is not None:
            self.draws += [self._told_apart, self._changed, self._filmed]
        if speech is not None:
            self.draws.append(self._heard)
            if speech.told:
                self.draws += [self._told] * TOLD

    def loss(
        self, model: OmniModel, rng: np.random.Generator, kinds_rng: np.random.Generator
    ) -> Tensor:
        """A scalar over one batch of pairs of one kind, which kinds_rng draws."""
        pairs = pick(kinds_rng, self.draws)(rng)
        kinds = [pairs.queries, pairs.items, *([pairs.others] if pairs.others else [])]
        queries, *items = (self._features(model, parts) for parts in kinds)
        keys = [*pairs.keys, *(f"other {i}" for i in range(len(pairs.others)))]
        return info_nce(queries @ torch.cat(items).T / TEMPERATURE, keys)

    def _features(self, model: OmniModel, items: Sequence[tuple[str | Span, ...]]) -> Tensor:
        spans = [embedded(self.words.tokenizer, parts) for parts in items]
        return model.embedding(OmniSequence(tuple(collate_prompts(spans, model.device))))

    def _described(self, rng: np.random.Generator) -> Pairs:
        """Words that may leave things out, and pictures."""
        scenes = [self.words.pool.draw(rng) for _ in range(SCENES)]
        said = [_asked(rng, image_request, caption(s, rng)) for s in scenes]
        pictures = [(self.words.pool.picture_of(s),) for s in scenes]
        keys = [full_caption(s) for s in scenes]
        return Pairs([(text,) for text in said], [*pictures], keys, _unrelated(rng))

    def _told_apart(self, rng: np.random.Generator) -> Pairs:
        """All that can be said, and pictures of scenes that differ in one thing."""
        assert self.films is not None
        places = [self.films.any_edit(rng) for _ in range(SCENES // 2)]
        scenes = [s for i in places for s in self.films.scenes_of(i)]
        pictures = [(p,) for i in places for p in self.films.pictures_of(i)]
        keys = [full_caption(s) for s in scenes]
        return Pairs([(_asked(rng, image_request, key),) for key in keys], [*pictures], keys)

    def _changed(self, rng: np.random.Generator) -> Pairs:
        """A picture and a change in words, and pictures; the one before is not the one after."""
        assert self.films is not None
        places = [self.films.any_edit(rng) for _ in range(SCENES // 2)]
        before, after = zip(*(self.films.pictures_of(i) for i in places), strict=True)
        words = [self.films.edits[i].words for i in places]
        keys = [full_caption(self.films.scenes_of(i)[k]) for k in (1, 0) for i in places]
        queries = list(zip(before, words, strict=True))
        return Pairs([*queries], [(p,) for p in (*after, *before)], keys)

    def _filmed(self, rng: np.random.Generator) -> Pairs:
        assert self.films is not None
        places = [self.films.any_film(rng) for _ in range(FILMS)]
        films = [self.films.films[i] for i in places]
        full = [rng.random() < FULL_SHARE for _ in films]
        keys = [full_video_caption(f) for f in films]
        said = [
            k if f else video_caption(x, rng) for k, f, x in zip(keys, full, films, strict=True)
        ]
        queries = [(_asked(rng, video_request, text),) for text in said]
        return Pairs([*queries], [(self.films.frames(i),) for i in places], keys)

    def _heard(self, rng: np.random.Generator) -> Pairs:
        """Sound, and what is said or what makes it."""
        assert self.speech is not None
        said = rng.random() < SAID_SHARE
        clips = [
            pick(rng, self.speech.spoken if said else self.speech.sounds) for _ in range(SOUNDS)
        ]
        texts = [transcript(c.sentence) if said else sound_answer(c.sentence) for c in clips]
        return Pairs([(c.span(),) for c in clips], [(text,) for text in texts], texts)

    def _told(self, rng: np.random.Generator) -> Pairs:
        """Speech, and the picture that it describes or wishes for."""
        assert self.speech is not None
        told = [pick(rng, self.speech.told) for _ in range(SOUNDS)]
        queries = [(t.heard.span(),) for t in told]
        return Pairs([*queries], [(t.picture,) for t in told], [t.key for t in told])


def info_nce(similarities: Tensor, keys: Sequence[str]) -> Tensor:
    """The mean cross-entropy of finding an item for each query and a query for each item that has
    one, from scaled similarities "Q N", N >= Q; items of one key are equally right."""
    num = len(similarities)
    same = torch.tensor([[a == b for b in keys] for a in keys[:num]]).to(similarities.device)
    return (_missed(similarities, same) + _missed(similarities[:, :num].T, same[:, :num].T)) / 2


def _missed(similarities: Tensor, right: Tensor) -> Tensor:
    """-log of the probability of what is right, the mean over rows."""
    hit = similarities.masked_fill(~right, -torch.inf).logsumexp(1)
    return (similarities.logsumexp(1) - hit).mean()


def _unrelated(rng: np.random.Generator) -> list[tuple[str | Span, ...]]:
    """Words about no picture: they must not come before pictures only because they are words."""
    talks = [sample_dialogue(rng, pick(rng, TALK), test=False) for _ in range(OTHERS)]
    return [(pick(rng, talk.utterances).text,) for talk in talks]


def _asked(
    rng: np.random.Generator, wished: Callable[[np.random.Generator, str], str], words: str
) -> str:
    return wished(rng, words) if rng.random() < WISHED_SHARE else words
