"""Half of a picture's patches enter, those with a thing first, and all of the words."""

import numpy as np
import torch

from flow.modality import Modality
from flow.sequence import OmniSequence, prompt, response
from training.data.examples import Batch
from training.objectives.patch_subset import SHARE, some_patches

WORDS, PATCHES, ANSWER, ROWS = 3, 16, 4, 5


def _batch(shown: np.ndarray) -> Batch:
    words = prompt(Modality.TEXT, torch.zeros(ROWS, WORDS, 1, dtype=torch.int64))
    picture = prompt(Modality.IMAGE, torch.zeros(ROWS, PATCHES, 4, dtype=torch.int64))
    answer = response(Modality.TEXT, torch.zeros(ROWS, ANSWER, 1, dtype=torch.int64))
    given = torch.from_numpy(np.repeat(shown[..., None], 4, -1))
    return Batch(OmniSequence((words, picture, answer)), torch.ones(ROWS, ANSWER), given=given)


def test_things_stay_and_the_rest_is_random() -> None:
    rng = np.random.default_rng(0)
    shown = np.zeros((ROWS, PATCHES), np.int64)
    shown[:, [1, 6, 15]] = 7
    kept = some_patches(_batch(shown), rng)
    half = round(SHARE * PATCHES)
    assert kept.shape == (ROWS, WORDS + half + ANSWER)
    assert bool((kept.diff(dim=1) > 0).all())
    patches = kept[:, WORDS : WORDS + half] - WORDS
    assert all({1, 6, 15} <= set(row.tolist()) for row in patches)
    assert len({tuple(row.tolist()) for row in patches}) > 1
    outside = torch.cat([kept[:, :WORDS], kept[:, WORDS + half :] - WORDS - PATCHES], 1)
    assert torch.equal(outside, torch.tensor([[0, 1, 2, 0, 1, 2, 3]]).expand(ROWS, -1))


def test_of_a_full_picture_any_half_enters() -> None:
    shown = np.ones((ROWS, PATCHES), np.int64)
    kept = some_patches(_batch(shown), np.random.default_rng(1))
    assert len({tuple(row.tolist()) for row in kept}) == ROWS
