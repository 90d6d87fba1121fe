"""Speech codes: packing loses what it says it loses and nothing else, and near codes are near."""

import numpy as np
import pytest
import torch

from model.tokenizers.speech_codes import (
    CARDINALITY,
    DURATIONS,
    FRAMES,
    HIGHEST_HZ,
    LOWEST_HZ,
    NUM_ENERGY,
    NUM_F0,
    NUM_SYMBOLS,
    SYMBOLS,
    Prosody,
    described,
    pack,
    structure,
    symbol_numbers,
    unpack,
)


def _every_code() -> np.ndarray:
    rng = np.random.default_rng(0)
    return np.stack([rng.permutation(CARDINALITY), rng.permutation(CARDINALITY)], 1)


def _flat(symbols: list[int], durations: list[int], hz: float, energy: float) -> Prosody:
    frames = FRAMES * sum(durations)
    return Prosody(
        np.array(symbols),
        np.array(durations),
        np.full(frames, hz, np.float32),
        np.full(frames, energy, np.float32),
    )


def test_codes_are_pairs_of_classes() -> None:
    assert len(SYMBOLS) == len(set(SYMBOLS)) == NUM_SYMBOLS
    assert len(DURATIONS) * NUM_SYMBOLS == NUM_F0 * NUM_ENERGY == CARDINALITY


def test_symbols_and_durations_survive_every_code() -> None:
    codes = _every_code()
    assert (pack(unpack(codes))[:, 0] == codes[:, 0]).all()


def test_a_level_voice_survives() -> None:
    for code in range(CARDINALITY):
        codes = np.array([[9 * 8 + 2, code]] * 3)
        assert (pack(unpack(codes))[:, 1] == code).all()


def test_frames_follow_the_durations() -> None:
    spoken = unpack(_every_code())
    frames = FRAMES * spoken.durations.sum()
    assert spoken.f0.shape == spoken.energy.shape == (frames,)
    assert spoken.f0[spoken.f0 > 0].min() >= LOWEST_HZ - 1e-3
    assert spoken.f0.max() <= HIGHEST_HZ + 1e-3


def test_durations_between_classes_take_the_nearest() -> None:
    codes = pack(_flat([5, 5, 5, 5], [7, 8, 12, 40], 200.0, 0.0))
    assert [DURATIONS[c] for c in codes[:, 0] % 8] == [6, 10, 14, 14]


def test_a_symbol_of_no_length_is_packed() -> None:
    codes = pack(_flat([5, 6, 7], [2, 0, 2], 200.0, 0.0))
    assert (codes[:, 0] // 8).tolist() == [5, 6, 7]


def test_nothing_is_unpacked_from_nothing() -> None:
    assert len(unpack(np.zeros((0, 2), np.int64)).f0) == 0


def test_a_code_is_readable() -> None:
    code = [SYMBOLS.index("d") * 8 + 2, 0]
    assert described(np.array([code])) == ["d, 75 ms, no voice"]


def test_symbols_have_silence_around_them_and_unknown_ones_are_named() -> None:
    assert symbol_numbers("d") == [0, SYMBOLS.index("d"), 0]
    with pytest.raises(ValueError, match="ø"):
        symbol_numbers("dø")


def test_structure_is_unit_and_all_codes_differ() -> None:
    books = structure()
    assert torch.allclose(books.norm(dim=-1), torch.ones(2, CARDINALITY), atol=1e-5)
    for book in books:
        assert len(torch.unique(book, dim=0)) == CARDINALITY


def test_alike_sounds_are_nearer_than_others() -> None:
    first, second = structure()

    def sound(symbol: str, duration: int) -> torch.Tensor:
        return first[SYMBOLS.index(symbol) * 8 + duration]

    assert sound("d", 2) @ sound("t", 2) > sound("d", 2) @ sound("ɑ", 2)
    assert sound("d", 2) @ sound("d", 3) > sound("d", 2) @ sound("d", 6)
    level = second.unflatten(0, (NUM_F0, NUM_ENERGY))
    assert level[5, 3] @ level[6, 3] > level[5, 3] @ level[12, 3] > level[5, 3] @ level[0, 3] - 1e-6
    assert level[5, 3] @ level[5, 4] > level[5, 3] @ level[5, 9]
