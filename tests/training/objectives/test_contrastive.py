"""Pairs belong together, and the loss falls when they find each other."""

import numpy as np
import pytest
import torch

from flow.modality import Modality
from flow.sequence import OmniSequence
from model.network.omni import OmniModel
from model.presets import PRESETS
from model.prompt_template import Span, collate_prompts, embedded
from model.tokenizers.text import EOS, TextTokenizer
from training.checkpoints.text_metric import training_texts
from training.data.examples import Examples
from training.data.scene_pool import ScenePool
from training.data.video_examples import VideoExamples
from training.objectives.contrastive import Contrast, info_nce
from world.edits.sampling import sample_edit
from world.image.scenes import sample_scene
from world.text.captions import full_caption
from world.video.motion import FRAMES, sample_video

CONFIG = PRESETS["tiny"]


@pytest.fixture(scope="module")
def model() -> OmniModel:
    torch.manual_seed(0)
    tokenizer = TextTokenizer.train(training_texts(50), CONFIG.text_vocabulary)
    return OmniModel(CONFIG, tokenizer.space())


@pytest.fixture(scope="module")
def contrast() -> Contrast:
    """Pairs whose codes are drawn by chance, so that no two pictures are alike."""
    tokenizer = TextTokenizer.train(training_texts(50), CONFIG.text_vocabulary)
    rng = np.random.default_rng(0)
    scenes = [sample_scene(rng, test=False) for _ in range(12)]
    videos = [sample_video(rng, test=False) for _ in range(5)]
    edits = [sample_edit(rng, test=False) for _ in range(9)]

    def codes(*num: int) -> np.ndarray:
        shape = (*num, CONFIG.vision.positions, CONFIG.vision.num_codebooks)
        return rng.integers(CONFIG.vision.cardinality, size=shape).astype(np.uint16)

    pool = ScenePool(scenes, codes(12))
    words = Examples(pool, tokenizer, CONFIG.text_block, CONFIG.text_blocks)
    made = VideoExamples(
        words, (videos, codes(5, FRAMES)), (edits, codes(9, 2)), (edits, codes(9, 2))
    )
    return Contrast(words, None, made)


def test_what_finds_its_own_costs_nothing_and_chance_costs_its_logarithm() -> None:
    keys = ["a", "b", "c", "d"]
    assert float(info_nce(50.0 * torch.eye(4), keys)) == pytest.approx(0, abs=1e-6)
    assert float(info_nce(torch.zeros(4, 4), keys)) == pytest.approx(np.log(4))
    assert float(info_nce(50.0 * torch.eye(4).roll(1, 0), keys)) > 40


def test_the_same_thing_twice_is_right_twice() -> None:
    mixed = 50.0 * torch.eye(4).roll(2, 0)
    assert float(info_nce(mixed, ["a", "b", "a", "b"])) == pytest.approx(0, abs=1e-6)


def test_items_behind_the_queries_are_wrong_answers() -> None:
    near = torch.full((2, 4), 0.0)
    assert float(info_nce(near, ["a", "b", "c", "d"])) == pytest.approx((np.log(4) + np.log(2)) / 2)


def test_pairs_belong_together(contrast: Contrast) -> None:
    """A key is all that can be said of its picture; the picture before is never the one after."""
    assert contrast.videos is not None
    drawings = {
        _name(picture): full_caption(scene)
        for i in range(len(contrast.videos.edits))
        for picture, scene in zip(
            contrast.videos.pictures_of(i), contrast.videos.scenes_of(i), strict=True
        )
    }
    rng = np.random.default_rng(0)
    for _ in range(5):
        found, changed = contrast._told_apart(rng), contrast._changed(rng)
        for (picture,), key in zip(found.items, found.keys, strict=True):
            assert drawings[_name(picture)] == key
        for i, ((before, _), key) in enumerate(zip(changed.queries, changed.keys, strict=False)):
            (after,), (behind,) = changed.items[i], changed.items[len(changed.queries) + i]
            assert drawings[_name(after)] == key
            assert _name(before) == _name(behind) != _name(after)


def test_words_about_no_picture_are_never_right(contrast: Contrast) -> None:
    found = contrast._described(np.random.default_rng(0))
    assert len(found.keys) == len(found.items) == len(found.queries)
    said = {text for (text,) in found.others if isinstance(text, str)}
    assert len(said) > 1
    assert all(said)
    assert not said & set(found.keys)


def test_training_on_pairs_brings_them_together(model: OmniModel, contrast: Contrast) -> None:
    """The same batch again and again is learned by heart."""
    optimiser = torch.optim.Adam(model.parameters(), 1e-3)
    losses: list[float] = []
    for _ in range(80):
        optimiser.zero_grad()
        loss = contrast.loss(model, np.random.default_rng(0), np.random.default_rng(0))
        loss.backward()
        optimiser.step()
        losses.append(float(loss.detach()))
    assert losses[-1] < 0.3 * losses[0]


def _name(picture: str | Span) -> bytes:
    assert isinstance(picture, Span)
    assert picture.modality is Modality.IMAGE
    return picture.tokens.numpy().tobytes()


def test_an_embedding_is_the_feature_of_the_end_whatever_is_padded(
    model: OmniModel, contrast: Contrast
) -> None:
    tokenizer = contrast.words.tokenizer
    short, long = (embedded(tokenizer, (text,)) for text in ("a dog", "a dog in the sky"))
    assert int(short[-1].tokens[-1]) == EOS
    with torch.inference_mode():
        together = model.embedding(
            OmniSequence(tuple(collate_prompts([short, long], model.device)))
        )
        alone = model.embedding(OmniSequence(tuple(collate_prompts([short], model.device))))
    assert torch.allclose(together[:1], alone, atol=1e-5)
    assert torch.allclose(together.norm(dim=-1), torch.ones(2))
