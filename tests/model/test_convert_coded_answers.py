"""MMaDA and Dynin-Omni: answers in words and pictures are those of the published sampling."""

import math
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
import torch

from engine.api.conversation import Conversation
from engine.api.events import Answer, Completed, Refined
from engine.api.request import Request
from engine.api.sampling import Sampling
from engine.engine import Engine
from flow.modality import Modality
from model.loading.checkpoint import load_checkpoint
from tests.model import coded_models as published
from tests.model.coded_pair import KINDS, PICTURE, WORDS, Pair
from tests.model.masked_models import logits


@pytest.fixture(params=KINDS)
def pair(request: pytest.FixtureRequest, seeing_pair: Callable[[str], Pair]) -> Pair:
    return seeing_pair(request.param)


def _answer(engine: Engine, request: Request) -> Answer:
    *_, last = engine.generate(request)
    assert isinstance(last, Completed)
    (answer,) = last.answers
    return answer


def _plainly(pair: Pair, prompts: tuple[list[int], list[int]], scale: float) -> list[int]:
    """MaskGIT over the reference model, greedy: in every step all masked positions are predicted,
    and the least sure of them masked again, fewer and fewer by a cosine. Codes."""
    model, steps = published.reference(pair.kind), 8
    codes: list[int | None] = [None] * published.PLACES
    for step in range(steps):
        masks = [pair.mask if k is None else k + WORDS for k in codes]
        both = [
            logits(model, torch.tensor([[*before, *pair.behind(masks)]]))[0] for before in prompts
        ]
        there = slice(WORDS, WORDS + published.NUM_IMAGE)
        cond, uncond = (seen[-1 - published.PLACES : -1, there] for seen in both)
        sure, best = ((1 + scale) * cond - scale * uncond).softmax(-1).max(-1)
        left = math.floor(published.PLACES * math.cos(math.pi / 2 * (step + 1) / steps))
        open_places = [i for i, k in enumerate(codes) if k is None]
        ranked = sorted(open_places, key=lambda i: -float(sure[i]))
        for i in ranked[: len(open_places) - (left if step < steps - 1 else 0)]:
            codes[i] = int(best[i])
    return [k for k in codes if k is not None]


def _greedy(pair: Pair) -> Engine:
    """The engine without noise on what is committed first."""
    checkpoint = load_checkpoint(pair.source.parent / "out")
    config = checkpoint.model.config
    flow = replace(config.image_flow, choice_temperature=0.0)
    checkpoint.model.config = replace(config, image_flow=flow)
    return Engine(checkpoint, pair.engine.placement)


@pytest.mark.parametrize("scale", [0.0, 3.5])
def test_a_picture_is_that_of_the_published_sampling(pair: Pair, scale: float) -> None:
    """Without its words the prompt keeps its frame, and nothing of them."""
    sampling = Sampling(steps=8, temperature=0.0, guidance_scale=scale)
    words = pair.encoded("A red heart")
    frame = [pair.special(name) for name in ("t2i", "<|startoftext|>")]
    request = Request(Conversation.ask("A red heart"), Modality.IMAGE, sampling)
    answer = _answer(_greedy(pair), request)
    wanted = _plainly(pair, ([*frame, *words], frame), scale)
    assert answer.tokens[:, 0].tolist() == wanted
    assert len(set(wanted)) > 2
    assert answer.image is not None
    assert answer.image.shape == (64, 64, 3)


def test_a_changed_picture_is_that_of_the_published_sampling(pair: Pair) -> None:
    """The picture that is changed belongs to the frame."""
    if pair.kind == "mmada":
        return
    sampling = Sampling(steps=8, temperature=0.0, guidance_scale=2.5)
    asked = Conversation.ask("A red heart", image=PICTURE)
    answer = _answer(_greedy(pair), Request(asked, Modality.IMAGE, sampling))
    i2i, soi, eoi, bos = (pair.special(n) for n in ("i2i", "soi", "eoi", "<|startoftext|>"))
    frame = [i2i, soi, *pair.seen(PICTURE), eoi, bos]
    wanted = _plainly(pair, ([*frame, *pair.encoded("A red heart")], frame), 2.5)
    assert answer.tokens[:, 0].tolist() == wanted


def test_it_answers_in_words_and_pictures(pair: Pair) -> None:
    """Codes of what is seen, too; the same again, and in a batch."""
    told = Request(Conversation.ask("A dog?"), None, Sampling(steps=16))
    seen = Request(Conversation.ask("What is it?", image=PICTURE), None, Sampling(steps=16))
    drawn = Request(Conversation.ask("A red dog"), Modality.IMAGE, Sampling(steps=4, seed=2))
    engine = pair.engine
    for request in (told, seen, drawn):
        one, again = (_answer(engine, request) for _ in range(2))
        assert one.modality is (request.to or Modality.TEXT)
        assert np.array_equal(one.tokens, again.tokens)
        ((batched,),) = engine.generate_batch([request])
        assert np.array_equal(one.tokens, batched.tokens)
    assert len(_answer(engine, told).tokens) == 128
    other = replace(drawn, sampling=Sampling(steps=4, seed=3))
    assert not np.array_equal(_answer(engine, drawn).tokens, _answer(engine, other).tokens)


def test_a_cache_and_a_preview_change_nothing(pair: Pair) -> None:
    request = Request(Conversation.ask("A dog"), Modality.IMAGE, Sampling(steps=4))
    cached = replace(request, sampling=Sampling(steps=4, cache_share=1.0, prompt_every=1))
    plain, kept = (_answer(pair.engine, r) for r in (request, cached))
    assert np.array_equal(plain.tokens, kept.tokens)
    *_, step, ended = pair.engine.generate(request, preview_hz=1e6)
    assert isinstance(step, Refined) and isinstance(ended, Completed)
    assert step.image_1 is not None
    assert np.array_equal(step.image_1, ended.answers[0].image)
    assert np.array_equal(ended.answers[0].tokens, plain.tokens)


def test_speech_is_refused_with_the_reason(pair: Pair) -> None:
    asked = Request(Conversation.ask("what is it", audio=np.zeros(99, np.float32)))
    why = {"dynin": "speech codec is a program of its own", "mmada": "does not hear"}[pair.kind]
    with pytest.raises(ValueError, match=why):
        list(pair.engine.generate(asked))
    with pytest.raises(ValueError, match="cannot answer with audio"):
        list(pair.engine.generate(Request(Conversation.ask("Say it"), Modality.AUDIO)))
