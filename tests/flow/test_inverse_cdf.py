import pytest
import torch
from scipy.stats import chisquare

import flow.inverse_cdf
from flow.inverse_cdf import inverse_cdf, row_chunks

EDGES = torch.tensor([0.0, 1e-45, 2.0**-24, 0.5, 1 - 2.0**-24, 1.0])


def test_frequencies_follow_the_weights() -> None:
    weights = torch.tensor([3.0, 0.0, 1.0, 0.5, 5.5])
    uniforms = torch.rand(20_000, generator=torch.Generator().manual_seed(1))
    drawn = inverse_cdf(weights.expand(20_000, 5), uniforms)
    counts = drawn.bincount(minlength=5)
    assert counts[1] == 0
    seen = weights > 0
    expected = (20_000 * weights / weights.sum())[seen]
    assert chisquare(counts[seen].numpy(), expected.double().numpy()).pvalue > 1e-3


def test_the_whole_interval_is_cut_in_proportion() -> None:
    uniforms = torch.tensor([0.1, 0.24, 0.26, 0.74, 0.76])
    drawn = inverse_cdf(torch.tensor([1.0, 2.0, 1.0]).expand(5, 3), uniforms)
    assert drawn.tolist() == [0, 0, 1, 1, 2]


@pytest.mark.parametrize("size", [5, 4096, 150_000])
def test_zero_weights_are_never_drawn_even_at_the_edges(size: int) -> None:
    weights = torch.rand(len(EDGES), size, generator=torch.Generator().manual_seed(2))
    weights[:, ::2] = 0
    weights[:, -1] = 0
    drawn = inverse_cdf(weights, EDGES)
    assert bool((weights.gather(1, drawn[:, None]) > 0).all())


def test_chunks_cover_every_row_once_and_keep_to_the_budget(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(flow.inverse_cdf, "CHUNK_ELEMENTS", 100)
    rows = list(range(47))
    pieces = [rows[piece] for piece in row_chunks(47, 30)]
    assert [i for piece in pieces for i in piece] == rows
    assert max(map(len, pieces)) == 3
    assert list(row_chunks(2, 1000)) == [slice(0, 1), slice(1, 2)]  # a row is never cut
    assert list(row_chunks(0, 30)) == []
