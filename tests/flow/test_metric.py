import pytest
import torch
import torch.nn.functional as F

import flow.metric
from flow.metric import CodebookMetric, Metric, distances

ANGLE = torch.tensor([0.0, torch.pi / 3, torch.pi / 2, torch.pi])
CIRCLE = torch.stack([ANGLE.cos(), ANGLE.sin()], dim=-1)  # cosines with the first: 1, 1/2, 0, -1
FROM_FIRST = {
    Metric.COSINE: [0.0, 0.5, 1.0, 2.0],
    Metric.L2_SQUARED: [0.0, 1.0, 2.0, 4.0],
    Metric.L2_POWER4: [0.0, 1.0, 4.0, 16.0],
}


def _random_codes(*shape: int) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(0))


def _table(codes: torch.Tensor, kind: Metric) -> torch.Tensor:
    return distances(F.normalize(codes, dim=-1), torch.arange(len(codes)), kind)


@pytest.mark.parametrize("kind", Metric)
def test_distances_by_hand(kind: Metric) -> None:
    table = _table(CIRCLE, kind)
    torch.testing.assert_close(table[0], torch.tensor(FROM_FIRST[kind]), atol=1e-5, rtol=0)


@pytest.mark.parametrize("kind", Metric)
def test_the_diagonal_is_exactly_zero_and_nothing_is_negative(kind: Metric) -> None:
    codes = _random_codes(300, 8)
    codes[7] = codes[5] * (1 + 1e-7)  # a rounding error away
    table = _table(codes, kind)
    assert table.dtype == torch.float32
    assert bool((table.diagonal() == 0).all())
    assert bool((table >= 0).all())


@pytest.mark.parametrize("kind", Metric)
def test_rows_on_demand_equal_the_table(kind: Metric, monkeypatch: pytest.MonkeyPatch) -> None:
    codes = _random_codes(2, 50, 8)
    codes[1, 9] = codes[1, 4]
    tabled = CodebookMetric.of(codes, kind, forbidden=(0, 3))
    monkeypatch.setattr(flow.metric, "TABLE_ELEMENTS", 0)
    computed = CodebookMetric.of(codes, kind, forbidden=(0, 3))
    assert tabled.table is not None
    assert computed.table is None
    targets = torch.tensor([1, 4, 9, 9, 49])
    for q in range(2):
        torch.testing.assert_close(
            tabled.distances(q, targets), computed.distances(q, targets), atol=1e-5, rtol=0
        )


def test_forbidden_and_duplicate_ids_are_infinitely_far() -> None:
    codes = _random_codes(1, 6, 4)
    codes[0, 4] = 2 * codes[0, 1]
    metric = CodebookMetric.of(codes, forbidden=(0,))
    assert metric.states.tolist() == [[False, True, True, True, False, True]]
    far = metric.distances(0, torch.arange(6)).isinf()
    assert far.tolist() == [[True, False, False, False, True, False]] * 6
    tokens = torch.arange(6).view(1, 6, 1)
    assert metric.canonical(tokens).flatten().tolist() == [0, 1, 2, 3, 1, 5]
    assert metric.is_allowed(tokens).flatten().tolist() == [False, True, True, True, True, True]
    assert not metric.is_allowed(torch.tensor([[[6], [-1]]])).any()


def test_an_equal_row_that_is_forbidden_represents_nobody() -> None:
    codes = _random_codes(1, 4, 4)
    codes[0, 2] = codes[0, 0]
    metric = CodebookMetric.of(codes, forbidden=(0,))
    assert metric.representative.tolist() == [[0, 1, 2, 3]]


def test_dedupe_can_be_turned_off() -> None:
    codes = _random_codes(1, 4, 4)
    codes[0, 2] = codes[0, 0]
    metric = CodebookMetric.of(codes, dedupe=False)
    assert bool(metric.states.all())
    assert float(metric.distances(0, torch.tensor([0]))[0, 2]) == pytest.approx(0, abs=1e-6)


def test_a_row_without_a_direction_is_refused_unless_forbidden() -> None:
    codes = _random_codes(1, 4, 4)
    codes[0, 1] = 0
    codes[0, 3] = torch.nan
    with pytest.raises(ValueError, match="without a direction"):
        CodebookMetric.of(codes, forbidden=(1,))
    with pytest.raises(ValueError, match="without a direction"):
        CodebookMetric.of(codes, forbidden=(3,))
    metric = CodebookMetric.of(codes, forbidden=(1, 3))
    assert metric.distances(0, torch.tensor([0])).isinf().tolist() == [[False, True, False, True]]
    with pytest.raises(ValueError, match="at least 2"):
        CodebookMetric.of(codes, forbidden=(0, 1, 3))


def test_distances_are_fresh_tensors() -> None:
    metric = CodebookMetric.of(_random_codes(1, 5, 4))
    metric.distances(0, torch.tensor([2])).fill_(-1)
    assert bool((metric.distances(0, torch.tensor([2])) >= 0).all())
