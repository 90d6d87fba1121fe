"""The audio tokenizer: samples -> codes -> samples, 25 positions a second.

Encoder: Whisper's, read after its stem, half-way and at its end, with two frames joined to one
position. Multi-codebook quantization. Decoder as in Vocos: ConvNeXt layers and an inverse
short-time Fourier transform, with a fixed receptive field, so that a stream decodes to the same
samples as a whole clip. Source: Luo et al. 2025 (arXiv:2510.13721), Section 2.1; Siuzdak 2023
(arXiv:2306.00814). Samples are float32 "B N" at 16 kHz in [-1, 1], N = 640 L.
"""

import math
from dataclasses import dataclass, field

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from model.tokenizer_config import AudioConfig
from model.tokenizers.quantizer import MultiCodebookQuantizer, Quantized
from model.tokenizers.whisper_encoder import HOP, SAMPLE_RATE, LogMel, WhisperEncoder

POSITION = 640
"""Samples of a position: 40 ms."""
POSITIONS_A_SECOND = SAMPLE_RATE // POSITION
FRAMES = POSITION // HOP
"""Decoder frames of a position."""
KERNEL = 7
LOUDEST_BAND = math.log(100.0)


class ConvNeXt(nn.Module):
    """A depthwise convolution over time and a pointwise GELU layer, with a residual; "B L D"."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.depthwise = nn.Conv1d(width, width, KERNEL, padding=KERNEL // 2, groups=width)
        self.norm = nn.LayerNorm(width)
        self.widen = nn.Linear(width, 3 * width)
        self.narrow = nn.Linear(3 * width, width)
        self.scale = nn.Parameter(torch.full((width,), 0.1))

    def forward(self, x: Tensor) -> Tensor:
        near = self.depthwise(x.transpose(1, 2)).transpose(1, 2)
        return x + self.scale * self.narrow(F.gelu(self.widen(self.norm(near))))


class SpectralHead(nn.Module):
    """The inverse STFT head: features "B T D" at 100 frames a second -> samples "B 160 T". It
    predicts magnitude and phase of each band, and overlaps and adds the windowed frames."""

    window: Tensor

    def __init__(self, width: int) -> None:
        super().__init__()
        self.size = 4 * HOP
        self.out = nn.Linear(width, self.size + 2)
        self.register_buffer("window", torch.hann_window(self.size), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        log_size, phase = self.out(x).transpose(1, 2).float().chunk(2, 1)
        size = log_size.clamp(max=LOUDEST_BAND).exp()
        spectrum = torch.polar(size, phase)
        frames = torch.fft.irfft(spectrum, self.size, dim=1) * self.window[:, None]
        envelope = self.window.square()[None, :, None].expand(1, -1, x.shape[1])
        return overlapped(frames)[:, 0] / overlapped(envelope)[:, 0]


def overlapped(frames: Tensor) -> Tensor:
    """Overlap and add frames "B S T" -> "B 1 160 T"; samples past the ends are cut off."""
    _, size, count = frames.shape
    length = (count - 1) * HOP + size
    summed = F.fold(frames, (1, length), (1, size), stride=(1, HOP))[:, 0]
    edge = (size - HOP) // 2
    return summed[..., edge:-edge]


class AudioTokenizer(nn.Module):
    """The audio tokenizer. encode: samples -> codes "B L Q"; decode: codes -> samples."""

    def __init__(self, config: AudioConfig) -> None:
        super().__init__()
        self.config = config
        width, heard = config.width, config.encoder_width
        self.mel = LogMel(config.mel_bins)
        self.encoder = WhisperEncoder(
            config.mel_bins, heard, config.encoder_heads, config.encoder_layers, 4 * heard
        )
        self.read = (0, config.encoder_layers // 2, config.encoder_layers)
        self.mix = nn.Linear(len(self.read) * heard, width)
        self.join = nn.Linear(2 * width, width)
        self.refine = nn.ModuleList(ConvNeXt(width) for _ in range(2))
        latent = config.num_codebooks * config.code_dim
        self.to_codes = nn.Sequential(nn.RMSNorm(width), nn.Linear(width, latent))
        self.quantizer = MultiCodebookQuantizer(
            config.num_codebooks, config.cardinality, config.code_dim
        )
        self.from_codes = nn.Linear(latent, width)
        self.slow = nn.ModuleList(ConvNeXt(width) for _ in range(config.slow_layers))
        self.spread = nn.Linear(width, FRAMES * width)
        self.fast = nn.ModuleList(ConvNeXt(width) for _ in range(config.fast_layers))
        self.head_norm = nn.LayerNorm(width)
        self.head = SpectralHead(width)

    @property
    def reach(self) -> int:
        """Receptive field: positions on either side that affect the samples of a position."""
        half = KERNEL // 2
        fast = half * self.config.fast_layers + self.head.size // HOP // 2
        return half * self.config.slow_layers + -(-fast // FRAMES)

    def hear(self, samples: Tensor) -> Tensor:
        """Return encoder features "B 2L 3*encoder_width" of samples "B N"."""
        features = self.encoder(self.mel(whole_positions(samples)))
        normal = [F.layer_norm(features[i], features[i].shape[-1:]) for i in self.read]
        return torch.cat(normal, -1)

    def features(self, heard: Tensor) -> Tensor:
        """Return continuous features "B L Q*code_dim" before quantization."""
        x = self.join(F.silu(self.mix(heard)).unflatten(1, (-1, 2)).flatten(2))
        for layer in self.refine:
            x = layer(x)
        return self.to_codes(x)

    def encode(self, samples: Tensor) -> Tensor:
        """Return codes int64 "B L Q" of samples "B N"; the last position is padded with silence."""
        return self.quantizer.encode(self.features(self.hear(samples)))

    def decode(self, codes: Tensor) -> Tensor:
        """Return samples float32 "B 640 L" in [-1, 1] of codes "B L Q"."""
        return self.decode_vectors(self.quantizer.decode(codes)).clamp(-1, 1)

    def decode_vectors(self, vectors: Tensor, voice: Tensor | None = None) -> Tensor:
        """Return samples of code vectors "B L Q*code_dim". voice: "B D", added to the features in
        training, for another voice than the output voice."""
        x = self.from_codes(vectors)
        if voice is not None:
            x = x + voice[:, None]
        for layer in self.slow:
            x = layer(x)
        x = self.spread(x).unflatten(-1, (FRAMES, -1)).flatten(1, 2)
        for layer in self.fast:
            x = layer(x)
        return self.head(self.head_norm(x))

    def forward(self, samples: Tensor) -> Quantized:
        """Return the quantized features of samples, for training."""
        return self.quantizer(self.features(self.hear(samples)))


def whole_positions(samples: Tensor) -> Tensor:
    """Pad samples "B N" with silence to a multiple of 640."""
    return F.pad(samples, (0, -samples.shape[-1] % POSITION))


@dataclass
class AudioStream:
    """Streaming decoder: the samples of all `take` calls and `finish`, joined, equal those of
    `decode` to rounding, for any split of the codes.

    A position is final once `AudioTokenizer.reach` positions after it are known.
    """

    tokenizer: AudioTokenizer
    _codes: Tensor | None = field(default=None, init=False)
    _done: int = field(default=0, init=False)

    def take(self, codes: Tensor) -> Tensor:
        """Add codes int64 "L Q"; return the samples "N" that are final now, often fewer or none."""
        self._codes = codes if self._codes is None else torch.cat([self._codes, codes])
        return self._decoded(len(self._codes) - self.tokenizer.reach)

    def finish(self) -> Tensor:
        """Return the remaining samples."""
        return self._decoded(0 if self._codes is None else len(self._codes))

    def _decoded(self, end: int) -> Tensor:
        if self._codes is None or end <= self._done:
            return torch.zeros(0, device=self.tokenizer.from_codes.weight.device)
        first = max(self._done - self.tokenizer.reach, 0)
        last = end + self.tokenizer.reach
        samples = self.tokenizer.decode(self._codes[None, first:last])[0]
        start, self._done = self._done, end
        return samples[(start - first) * POSITION : (end - first) * POSITION]
