"""Packed rows attend as masked ones do, and the way is chosen by the shape of a call."""

from collections.abc import Iterator

import pytest
import torch

from engine.denoisers.guidance import GuidedDenoiser
from flow.modality import Modality
from flow.sequence import OmniSequence, prompt, response
from model.layers.attention import VARLEN, AttentionBackend, AttentionWay, attention_way
from model.layers.packing import Packing
from model.network.omni import OmniModel
from tests.model.layers.fake_flash import flash, use


@pytest.fixture(params=["flash_3", "flash_2", "torch_flash", "torch_flash of 2.10"])
def packed(request: pytest.FixtureRequest, tiny_model: OmniModel) -> Iterator[OmniModel]:
    """The tiny model with a flash backend, whose function is a stand-in."""
    with flash(tiny_model, request.param):
        yield tiny_model


def _sequence(model: OmniModel) -> OmniSequence:
    """Two rows: a prompt that is padded in different places, and a picture."""
    rng = torch.Generator().manual_seed(0)
    words = torch.randint(40, 290, (2, 9, 1), generator=rng)
    valid = torch.ones(2, 9, dtype=torch.bool)
    valid[0, 5:] = False
    valid[1, 8:] = False
    space = model.spaces[Modality.IMAGE]
    codes = torch.randint(space.cardinality, (2, 4, space.num_codebooks), generator=rng)
    return OmniSequence((prompt(Modality.TEXT, words, valid), response(Modality.IMAGE, codes)))


@pytest.mark.parametrize("causal", [False, True])
def test_packed_rows_are_masked_rows(packed: OmniModel, causal: bool) -> None:
    x_t = _sequence(packed)
    found = packed.features(x_t, causal=causal)
    use(packed, AttentionBackend.SDPA)
    for ours, masked, segment in zip(
        found, packed.features(x_t, causal=causal), x_t.segments, strict=True
    ):
        torch.testing.assert_close(ours[segment.valid], masked[segment.valid], atol=1e-5, rtol=1e-4)
        assert bool(ours.isfinite().all())


def test_a_guided_step_is_packed(packed: OmniModel) -> None:
    """The unconditional half has no prompt: rows of very different lengths."""
    x_t = _sequence(packed)
    chosen = torch.empty(2, 4, 0, dtype=torch.int64)
    ours = GuidedDenoiser(packed, 2.0)(x_t, 0.5)[1].logits(chosen)
    use(packed, AttentionBackend.EAGER)
    torch.testing.assert_close(
        ours, GuidedDenoiser(packed, 2.0)(x_t, 0.5)[1].logits(chosen), atol=1e-4, rtol=1e-4
    )


def test_the_way_of_a_call_by_its_shape() -> None:
    """Whole prompts of one length need no mask; padded ones and guided halves are packed where
    there is a FlashAttention."""
    for backend in AttentionBackend:
        flash = backend in VARLEN
        assert attention_way(backend, causal=False, padded=False) is AttentionWay.FULL
        for causal, padded in ((False, True), (True, False), (True, True)):
            found = attention_way(backend, causal=causal, padded=padded)
            assert found is (AttentionWay.PACKED if flash else AttentionWay.MASK)


def test_a_packing_keeps_rows_in_order_and_can_be_undone() -> None:
    valid = torch.tensor([[1, 0, 1, 1], [0, 0, 1, 0], [0, 0, 0, 0]]).bool()
    packing = Packing.of(valid, causal=False)
    assert packing.starts.tolist() == [0, 3, 4, 4]
    x = torch.arange(12.0).view(3, 4, 1)
    assert packing.pack(x)[0, :4, 0].tolist() == [0, 2, 3, 6]
    assert torch.equal(packing.unpack(packing.pack(x)), x * valid[..., None])
