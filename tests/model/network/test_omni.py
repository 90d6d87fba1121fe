"""The model fits the Denoiser protocol, ignores padding and batch, and its fast head equals the
plain one."""

import torch

from flow.modality import Modality
from flow.sequence import OmniSequence, drop_prompt, prompt, response
from model.network.omni import OmniModel
from model.network.posterior import MultiCodebookPosterior
from samplers.denoiser import Denoiser, Posterior


def _ids(shape: tuple[int, ...], low: int, high: int, seed: int) -> torch.Tensor:
    return torch.randint(low, high, shape, generator=torch.Generator().manual_seed(seed))


def _sequence(batch: int = 2, pad: int = 0) -> OmniSequence:
    words = _ids((batch, 5, 1), 40, 290, 0)
    words = torch.cat([words, torch.zeros(batch, pad, 1, dtype=torch.long)], 1)
    valid = torch.ones(batch, 5 + pad, dtype=torch.bool)
    valid[:, 5:] = False
    return OmniSequence(
        (
            prompt(Modality.TEXT, words, valid),
            response(Modality.IMAGE, _ids((batch, 4, 4), 0, 16, 1)),
            response(Modality.TEXT, _ids((batch, 8, 1), 40, 290, 2)),
        )
    )


def test_fits_the_protocols(tiny_model: OmniModel) -> None:
    assert isinstance(tiny_model, Denoiser)
    posteriors = tiny_model(_sequence(), 0.5)
    assert set(posteriors) == {1, 2}
    for i, length, width in ((1, 4, 16), (2, 8, 320)):
        assert isinstance(posteriors[i], Posterior)
        logits = posteriors[i].logits(torch.empty(2, length, 0, dtype=torch.long))
        assert logits.shape == (2, length, width)


def test_forbidden_text_is_never_offered(tiny_model: OmniModel) -> None:
    logits = tiny_model(_sequence(), 0.5)[2].logits(torch.empty(2, 8, 0, dtype=torch.long))
    forbidden = list(tiny_model.spaces[Modality.TEXT].forbidden)
    assert bool(logits[..., forbidden].isneginf().all())
    allowed = [i for i in range(320) if i not in forbidden]
    assert bool(logits[..., allowed].isfinite().all())


def test_padding_and_batch_change_nothing(tiny_model: OmniModel) -> None:
    plain = tiny_model.features(_sequence())
    padded = tiny_model.features(_sequence(pad=3))
    alone = tiny_model.features(_sequence(batch=2))
    for i in (1, 2):
        torch.testing.assert_close(plain[i], padded[i], atol=1e-5, rtol=1e-5)
        torch.testing.assert_close(plain[i], alone[i], atol=1e-6, rtol=1e-6)


def test_incremental_head_equals_teacher_forcing(tiny_model: OmniModel) -> None:
    codes = _ids((2, 4, 4), 0, 16, 5)
    features = tiny_model.features(_sequence())[1]
    plain = tiny_model.image_head(features.flatten(0, 1), codes.flatten(0, 1))
    posterior = MultiCodebookPosterior(tiny_model.image_head, features)
    for q in range(4):
        fast = posterior.logits(codes[..., :q]).flatten(0, 1)
        torch.testing.assert_close(fast, plain[q], atol=1e-5, rtol=1e-5)


def test_masked_state_is_a_state_of_its_own(tiny_model: OmniModel) -> None:
    sequence = _sequence()
    masked = sequence.with_tokens({1: torch.full((2, 4, 4), 16)})
    assert not torch.allclose(tiny_model.features(sequence)[1], tiny_model.features(masked)[1])


def test_causal_mode_predicts_from_the_past_only(tiny_model: OmniModel) -> None:
    """Feature i of a response depends on its codes before i and not on code i."""
    sequence = _sequence()
    changed = sequence.segments[1].tokens.clone()
    changed[:, 2] = (changed[:, 2] + 1) % 16
    before = tiny_model.features(sequence, causal=True)[1]
    after = tiny_model.features(sequence.with_tokens({1: changed}), causal=True)[1]
    torch.testing.assert_close(before[:, :3], after[:, :3], atol=1e-6, rtol=1e-6)
    assert not torch.allclose(before[:, 3], after[:, 3])


def test_dropped_prompt_is_forgotten_but_for_its_last_marker(tiny_model: OmniModel) -> None:
    sequence = OmniSequence(_sequence().segments[:2])
    other_words = sequence.segments[0].tokens.clone()
    other_words[:, :-1] = 50
    other = sequence.with_tokens({0: other_words})
    rows = torch.tensor([True, True])
    dropped = tiny_model.features(drop_prompt(sequence, rows))[1]
    torch.testing.assert_close(dropped, tiny_model.features(drop_prompt(other, rows))[1])
    assert not torch.allclose(dropped, tiny_model.features(sequence)[1])
