"""Some frames of a film enter the backbone as if the others were hidden, each at its own place."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor

from flow.modality import Modality
from flow.sequence import OmniSequence, prompt, response
from model.network.omni import OmniModel
from model.presets import PRESETS
from model.tokenizers.text import TextTokenizer
from training.objectives.frame_subset import (
    ENDS,
    beginning_middle_end,
    positions_of_frames,
    some_features,
    two_of_all,
)
from world.video.motion import FRAMES

CONFIG = PRESETS["tiny"]
PLACES = CONFIG.required_vision.positions
BATCH, WORDS = 3, 5


@pytest.fixture(scope="module")
def model() -> OmniModel:
    torch.manual_seed(0)
    space = TextTokenizer.train(["a b c"], CONFIG.text_vocabulary).space()
    return OmniModel(CONFIG, space).eval()


def _film_after_words() -> OmniSequence:
    rng = torch.Generator().manual_seed(1)
    words = torch.randint(4, 40, (BATCH, WORDS, 1), generator=rng)
    shape = (BATCH, FRAMES * PLACES, CONFIG.required_vision.num_codebooks)
    film = torch.randint(CONFIG.required_vision.cardinality, shape, generator=rng)
    there = torch.arange(WORDS)[None] < torch.tensor([5, 3, 4])[:, None]
    return OmniSequence((prompt(Modality.TEXT, words, there), response(Modality.VIDEO, film)))


@pytest.mark.parametrize("causal", [False, True])
@torch.no_grad()
def test_all_frames_are_the_whole_film(model: OmniModel, causal: bool) -> None:
    sequence = _film_after_words()
    every = np.tile(np.arange(FRAMES), (BATCH, 1))
    kept = positions_of_frames(sequence, every)
    found = some_features(model, sequence, kept, causal=causal)
    torch.testing.assert_close(
        found[:, WORDS:], model.features(sequence, causal=causal)[-1], atol=1e-5, rtol=1e-4
    )


@torch.no_grad()
def test_words_about_a_film_are_read_one_position_before_where_they_are_shifted() -> None:
    torch.manual_seed(0)
    config = replace(CONFIG, backbone=replace(CONFIG.backbone, shift_text=True))
    model = OmniModel(config, TextTokenizer.train(["a b c"], config.text_vocabulary).space())
    words, film = _film_after_words().segments
    asked = prompt(Modality.VIDEO, film.tokens)
    sequence = OmniSequence((asked, words, response(Modality.TEXT, words.tokens)))
    every = np.tile(np.arange(FRAMES), (BATCH, 1))
    found = some_features(model, sequence, positions_of_frames(sequence, every), causal=False)
    wanted = torch.cat(model.features(sequence), 1)
    torch.testing.assert_close(found, wanted, atol=1e-5, rtol=1e-4)


@torch.no_grad()
def test_the_backbone_sees_the_chosen_frames_only_and_knows_which_they_are(
    model: OmniModel,
) -> None:
    sequence = _film_after_words()
    film = sequence.segments[-1].tokens.unflatten(1, (FRAMES, PLACES))
    frames = np.tile([1, 5], (BATCH, 1))
    far = film.clone()
    far[:, 3] = (far[:, 3] + 1) % CONFIG.required_vision.cardinality

    def features(codes: Tensor, chosen: np.ndarray) -> Tensor:
        changed = sequence.with_tokens({1: codes.flatten(1, 2)})
        kept = positions_of_frames(changed, chosen)
        return some_features(model, changed, kept, causal=False)[:, WORDS:]

    torch.testing.assert_close(features(far, frames), features(film, frames))
    same = film[:, :1].expand_as(film)
    later = features(same, np.tile([1, 6], (BATCH, 1)))
    assert not torch.allclose(later, features(same, frames), atol=1e-3)


def test_positions_are_the_words_and_the_frames_of_each_row() -> None:
    sequence = _film_after_words()
    frames = np.array([[0, 7], [2, 3], [1, 6]])
    kept = positions_of_frames(sequence, frames)
    assert torch.equal(kept[:, :WORDS], torch.arange(WORDS).expand(BATCH, -1))
    of_film = (kept[:, WORDS:] - WORDS).unflatten(1, (2, PLACES))
    assert torch.equal(of_film // PLACES, torch.from_numpy(frames)[..., None].expand_as(of_film))
    assert torch.equal(of_film % PLACES, torch.arange(PLACES).expand_as(of_film))


def test_frames_are_drawn_in_order_and_all_of_them_at_times() -> None:
    rng = np.random.default_rng(0)
    two, three = two_of_all(rng, 200), beginning_middle_end(rng, 200)
    assert (two[:, 0] < two[:, 1]).all()
    assert len({*map(tuple, two.tolist())}) == FRAMES * (FRAMES - 1) // 2
    assert (three[:, 0] < ENDS[0]).all()
    assert (three[:, 2] >= ENDS[1]).all()
    assert {*three.ravel().tolist()} == {*range(FRAMES)}
