import numpy as np
import pytest

from evaluation.suites.tokenizer import code_metrics, evaluate, psnr, round_trip
from tests.evaluation.perfect import ScriptedAnswerer


def test_psnr_by_hand() -> None:
    assert psnr(255.0**2) == pytest.approx(0)
    assert psnr(255.0**2 / 1000) == pytest.approx(30)
    assert psnr(0.0) == pytest.approx(100)


def test_code_figures_by_hand() -> None:
    codes = np.array([[0, 3], [1, 3], [0, 3], [1, 3]])
    figures = code_metrics(codes, 4)
    assert figures["codebook_use_0"] == 0.5
    assert figures["codebook_use_1"] == 0.25
    assert figures["codebook_use"] == 0.375
    assert figures["codebook_perplexity"] == pytest.approx((2 + 1) / 2)


def test_a_lossless_tokenizer_has_the_highest_psnr() -> None:
    measured = evaluate(ScriptedAnswerer([]), num=4, seed=0)
    assert measured.metrics["psnr"] == pytest.approx(100)
    assert measured.metrics["psnr_pooled"] == pytest.approx(100)
    assert measured.metrics["psnr_objects"] == pytest.approx(100)
    assert 0 < measured.metrics["codebook_use"] <= 1


def test_round_trip_keeps_the_order() -> None:
    pictures = np.random.default_rng(0).integers(0, 256, (35, 128, 128, 3), np.uint8)
    assert np.array_equal(round_trip(ScriptedAnswerer([]), pictures), pictures)


def test_num_must_be_positive() -> None:
    with pytest.raises(ValueError, match="--num"):
        evaluate(ScriptedAnswerer([]), num=0, seed=0)
