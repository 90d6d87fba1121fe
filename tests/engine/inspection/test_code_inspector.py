"""The Lab's eyes see what the model's own parts say."""

import numpy as np
import pytest
import torch

from engine.engine import Engine
from engine.inspection.code_inspector import NOWHERE
from engine.media.preview import decoded
from flow.modality import Modality


def _codes(engine: Engine, num: int) -> np.ndarray:
    config = engine.model.vision.config
    shape = (num, config.positions, config.num_codebooks)
    return np.random.default_rng(0).integers(0, config.cardinality, shape)


def test_pictures_are_what_the_decoder_makes_of_the_codes(tiny_engine: Engine) -> None:
    codes = _codes(tiny_engine, 3)
    expected = decoded(tiny_engine.model.vision, torch.from_numpy(codes)).numpy()
    assert np.array_equal(tiny_engine.code_inspector.pictures(codes), expected)


def test_codes_of_another_tokenizer_are_refused(tiny_engine: Engine) -> None:
    codes = _codes(tiny_engine, 1)
    with pytest.raises(ValueError, match="positions"):
        tiny_engine.code_inspector.pictures(codes[:, 1:])
    with pytest.raises(ValueError, match="codes in a codebook"):
        tiny_engine.code_inspector.pictures(codes + tiny_engine.model.vision.config.cardinality)
    with pytest.raises(ValueError, match="does not make audio"):
        tiny_engine.code_inspector.distances(Modality.AUDIO, codes, codes)
    with pytest.raises(ValueError, match="does not make text of 4 codes"):
        tiny_engine.code_inspector.distances(Modality.TEXT, codes, codes)


def test_distances_are_the_metrics(tiny_engine: Engine) -> None:
    codes = _codes(tiny_engine, 2)
    found = tiny_engine.code_inspector.distances(Modality.IMAGE, codes[:1], codes[1:])
    metric = tiny_engine.planner.metrics[Modality.IMAGE]
    for q in range(metric.num_codebooks):
        rows = metric.distances(q, torch.from_numpy(codes[1, :, q]))
        expected = rows.gather(1, torch.from_numpy(codes[0, :, q])[:, None])[:, 0]
        assert found[0, :, q] == pytest.approx(expected.numpy(), abs=1e-6)


def test_what_is_no_state_is_nowhere(tiny_engine: Engine) -> None:
    mask_id = tiny_engine.model.spaces[Modality.TEXT].mask_id
    ids = np.array([[[mask_id], [5]]])
    found = tiny_engine.code_inspector.distances(Modality.TEXT, ids, np.full_like(ids, 5))
    assert found[0, 0, 0] == NOWHERE
    assert found[0, 1, 0] == pytest.approx(0, abs=1e-6)
    near, _ = tiny_engine.code_inspector.neighbours(Modality.TEXT, 0, mask_id, 4)
    assert len(near) == 0


@pytest.mark.parametrize("modality", [Modality.IMAGE, Modality.TEXT])
def test_neighbours_are_the_nearest_codes(tiny_engine: Engine, modality: Modality) -> None:
    metric = tiny_engine.planner.metrics[modality]
    code = int(metric.states[0].nonzero()[3])
    near, gaps = tiny_engine.code_inspector.neighbours(modality, 0, code, 5)
    every = metric.distances(0, torch.tensor([code]))[0]
    assert near[0] == code
    assert gaps == pytest.approx(every.sort().values[:5].numpy())
    assert (np.diff(gaps) >= 0).all()
