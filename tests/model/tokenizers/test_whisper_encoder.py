"""Whisper's ear gives the numbers of transformers', for windows of any length."""

import pytest
import torch
from transformers import WhisperConfig, WhisperFeatureExtractor
from transformers.models.whisper import modeling_whisper

from model.tokenizers.whisper_encoder import HOP, SAMPLE_RATE, LogMel, WhisperEncoder, sinusoids

MELS, WIDTH, HEADS, LAYERS, MLP_WIDTH = 20, 16, 2, 2, 64


def _noise(seconds: float, *, silent_from: float = 1.0) -> torch.Tensor:
    """Samples "1 N" of hiss that stops at that share of its length."""
    torch.manual_seed(0)
    samples = torch.randn(1, round(seconds * SAMPLE_RATE)) * 0.05
    samples[:, round(silent_from * samples.shape[1]) :] = 0
    return samples


@pytest.mark.parametrize("mel_bins", [MELS, 80, 128])
@pytest.mark.parametrize("silent_from", [0.4, 1.0])
def test_bands_are_those_of_transformers(mel_bins: int, silent_from: float) -> None:
    samples = _noise(30, silent_from=silent_from)
    extractor = WhisperFeatureExtractor(feature_size=mel_bins)
    wanted = extractor(samples[0].numpy(), sampling_rate=SAMPLE_RATE, return_tensors="pt")
    torch.testing.assert_close(LogMel(mel_bins)(samples), wanted["input_features"])


@pytest.mark.parametrize("positions", [1500, 50, 1])
def test_features_are_those_of_transformers(positions: int) -> None:
    """After every layer, whatever the window."""
    torch.manual_seed(0)
    config = WhisperConfig(
        num_mel_bins=MELS,
        d_model=WIDTH,
        encoder_layers=LAYERS,
        encoder_attention_heads=HEADS,
        encoder_ffn_dim=MLP_WIDTH,
        max_source_positions=positions,
    )
    theirs = modeling_whisper.WhisperEncoder(config).eval()
    ours = WhisperEncoder(MELS, WIDTH, HEADS, LAYERS, MLP_WIDTH)
    places = "embed_positions.weight"
    ours.load_state_dict({k: v for k, v in theirs.state_dict().items() if k != places})
    theirs.load_state_dict({places: sinusoids(positions, WIDTH)}, strict=False)
    mel = torch.randn(2, MELS, 2 * positions)
    with torch.inference_mode():
        wanted = theirs(mel, output_hidden_states=True)
        found = ours(mel)
    assert wanted.hidden_states is not None
    assert len(found) == LAYERS + 1
    for a, b in zip(found[:-1], wanted.hidden_states, strict=False):
        torch.testing.assert_close(a, b, atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(found[-1], wanted.last_hidden_state, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("frames", [2, 4, 100])
def test_a_window_gives_a_frame_a_hop_and_a_feature_for_two(frames: int) -> None:
    mel = LogMel(MELS)(_noise(frames * HOP / SAMPLE_RATE))
    assert mel.shape == (1, MELS, frames)
    found = WhisperEncoder(MELS, WIDTH, HEADS, LAYERS, MLP_WIDTH)(mel)
    assert [f.shape for f in found] == [(1, frames // 2, WIDTH)] * (LAYERS + 1)


def test_places_are_those_of_transformers_and_the_same_in_every_window() -> None:
    places = sinusoids(1500, 384)
    torch.testing.assert_close(places, modeling_whisper.sinusoids(1500, 384), atol=2e-4, rtol=0)
    assert torch.equal(sinusoids(7, 384), places[:7])
