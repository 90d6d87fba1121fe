"""Every implementation of attention says what softmax(q k^T) v says."""

import pytest
import torch

from model.layers.attention import AttentionBackend, attend, best_backend


@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("kv_heads", [1, 2, 4])
def test_they_agree(masked: bool, kv_heads: int) -> None:
    rng = torch.Generator().manual_seed(0)
    q = torch.randn(2, 4, 5, 8, generator=rng)
    k, v = (torch.randn(2, kv_heads, 7, 8, generator=rng) for _ in range(2))
    mask = torch.rand(2, 1, 5, 7, generator=rng) < 0.6 if masked else None
    if mask is not None:
        mask[..., 0] = True
    eager = attend(q, k, v, mask, AttentionBackend.EAGER)
    torch.testing.assert_close(attend(q, k, v, mask, AttentionBackend.SDPA), eager)
    head, shared = 3, 3 * kv_heads // 4
    scores = q[0, head] @ k[0, shared].T / 8**0.5
    if mask is not None:
        scores = scores.masked_fill(~mask[0, 0], -torch.inf)
    torch.testing.assert_close(eager[0, head], scores.softmax(-1) @ v[0, shared])


def test_a_cpu_uses_what_torch_has() -> None:
    for dtype in (torch.float32, torch.bfloat16):
        assert best_backend(torch.device("cpu"), dtype) is AttentionBackend.SDPA
