"""The sound tokenizer: shapes, how far a code reaches, streams, and the way of the gradient."""

from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F

from model.presets import PRESETS
from model.tokenizer_config import AudioConfig
from model.tokenizers.audio import POSITION, AudioStream, AudioTokenizer, SpectralHead, overlapped
from model.tokenizers.whisper_encoder import HOP

TINY = PRESETS["tiny"].audio
assert TINY is not None
CONFIG: AudioConfig = TINY
DEEPER = replace(CONFIG, slow_layers=2, fast_layers=3)


def _tokenizer(config: AudioConfig = CONFIG) -> AudioTokenizer:
    torch.manual_seed(0)
    return AudioTokenizer(config).eval().requires_grad_(False)


def _codes(length: int, seed: int = 0) -> torch.Tensor:
    """ "L Q"."""
    generator = torch.Generator().manual_seed(seed)
    shape = (length, CONFIG.num_codebooks)
    return torch.randint(CONFIG.cardinality, shape, generator=generator)


@pytest.mark.parametrize(("samples", "positions"), [(1, 1), (640, 1), (641, 2), (3200, 5)])
def test_a_position_is_640_samples_and_the_last_is_filled_with_silence(
    samples: int, positions: int
) -> None:
    tokenizer = _tokenizer()
    sound = torch.randn(2, samples) * 0.1
    codes = tokenizer.encode(sound)
    assert codes.shape == (2, positions, CONFIG.num_codebooks)
    assert 0 <= int(codes.min()) <= int(codes.max()) < CONFIG.cardinality
    filled = F.pad(sound, (0, positions * 640 - samples))
    assert torch.equal(tokenizer.encode(filled), codes)
    assert tokenizer.decode(codes).shape == (2, 640 * positions)


@pytest.mark.parametrize("config", [CONFIG, DEEPER], ids=["tiny", "deeper"])
@pytest.mark.parametrize("seed", range(4))
def test_a_stream_is_the_whole_whatever_the_pieces(seed: int, config: AudioConfig) -> None:
    """Also where a piece is empty, and where all of them are shorter than the reach."""
    tokenizer = _tokenizer(config)
    codes = _codes(40, seed)
    torch.manual_seed(seed)
    stream, left, heard = AudioStream(tokenizer), codes, list[torch.Tensor]()
    while len(left):
        count = int(torch.randint(3**seed + 1, ()))
        heard.append(stream.take(left[:count]))
        left = left[count:]
    heard.append(stream.finish())
    torch.testing.assert_close(torch.cat(heard), tokenizer.decode(codes[None])[0])
    assert len(stream.finish()) == 0


def test_a_position_is_final_once_its_reach_is_known_and_no_sooner() -> None:
    tokenizer = _tokenizer()
    stream, final = AudioStream(tokenizer), 0
    for known, code in enumerate(_codes(16), 1):
        final += len(stream.take(code[None]))
        assert final == max(known - tokenizer.reach, 0) * POSITION
    assert len(stream.finish()) == tokenizer.reach * POSITION


@pytest.mark.parametrize("config", [CONFIG, DEEPER], ids=["tiny", "deeper"])
def test_a_code_changes_nothing_beyond_its_reach(config: AudioConfig) -> None:
    tokenizer = _tokenizer(config)
    beyond = _changes(tokenizer)[tokenizer.reach + 1 : -tokenizer.reach]
    assert len(beyond)
    assert not bool(beyond.any())


def test_a_code_changes_what_is_within_its_reach() -> None:
    """Else a stream would hold back more than it has to."""
    tokenizer = _tokenizer()
    change = _changes(tokenizer)
    assert bool(change[: tokenizer.reach + 1].all())
    assert bool(change[-tokenizer.reach :].all())


def _changes(tokenizer: AudioTokenizer) -> torch.Tensor:
    """Whether another code changes a sample of the position so far behind it: bool, at distances
    0 .. 20, -20 .. -1."""
    found = torch.zeros(41, dtype=torch.bool)
    for seed in range(8):
        codes = _codes(41, seed)
        other = codes.clone()
        other[20] = (other[20] + 1 + seed) % CONFIG.cardinality
        one, two = tokenizer.decode(torch.stack([codes, other]))
        found |= (one != two).view(41, POSITION).any(1)
    return found.roll(-20)


def test_an_empty_stream_is_empty() -> None:
    assert len(AudioStream(_tokenizer()).finish()) == 0
    stream = AudioStream(_tokenizer())
    assert len(stream.take(_codes(0))) == len(stream.finish()) == 0


def test_overlapping_frames_join_to_the_signal_up_to_its_ends() -> None:
    size, count = 4 * HOP, 9
    signal = torch.randn(1, count * HOP)
    edge = (size - HOP) // 2
    frames = F.pad(signal, (edge, edge)).unfold(1, size, HOP).transpose(1, 2)
    weight = torch.hann_window(size).square()[:, None]
    envelope = overlapped(weight.expand(1, -1, count))
    torch.testing.assert_close(overlapped(frames * weight) / envelope, signal[:, None])
    torch.testing.assert_close(envelope[..., 3 * HOP : -3 * HOP], torch.full((1, 1, 3 * HOP), 1.5))


def test_no_feature_is_too_loud_for_the_head() -> None:
    torch.manual_seed(0)
    found = SpectralHead(8)(torch.randn(2, 12, 8) * 1e4)
    assert found.shape == (2, 12 * HOP)
    assert bool(found.isfinite().all())


def test_gradients_go_through_the_quantiser_to_the_adapter_and_the_ear() -> None:
    tokenizer = _tokenizer().requires_grad_(True)
    quantized = tokenizer(torch.randn(2, 3200) * 0.1)
    tokenizer.decode_vectors(quantized.vectors).square().mean().backward()
    for module in (tokenizer.mix, tokenizer.join, tokenizer.to_codes[1], tokenizer.encoder.conv1):
        gradient = module.weight.grad
        assert isinstance(gradient, torch.Tensor)
        assert bool(gradient.isfinite().all())
        assert float(gradient.abs().sum()) > 0


def test_another_voice_is_heard_and_none_is_the_output_voice() -> None:
    tokenizer = _tokenizer()
    vectors = tokenizer.quantizer.decode(_codes(4)[None])
    voices = torch.stack([torch.zeros(CONFIG.width), torch.ones(CONFIG.width)])
    same, other = tokenizer.decode_vectors(vectors.expand(2, -1, -1), voices)
    torch.testing.assert_close(same, tokenizer.decode_vectors(vectors)[0])
    assert not torch.allclose(other, same)
