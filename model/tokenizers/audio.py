"""The sound tokenizer: samples -> codes -> samples, 25 positions a second.

Encoder: Whisper's, read after its stem, half-way and at its end, two frames joined to one position.
Multi-codebook quantisation. Decoder as in Vocos: ConvNeXt layers and an inverse short-time Fourier
transform; it looks a fixed way back and ahead, so that a stream is decoded to the same samples as a
whole clip. Source: Luo et al. 2025 (arXiv:2510.13721), Section 2.1; Siuzdak 2023
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
"""Samples of one position: 40 ms."""
POSITIONS_A_SECOND = SAMPLE_RATE // POSITION
FRAMES = POSITION // HOP
"""Frames of the decoder in one position."""
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
    """Features "B T D" at 100 frames a second -> samples "B 160 T": the magnitude and the phase of
    each band, transformed back and overlapped."""

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
    """Frames "B S T" added where they lie, "B 1 160 T": what reaches past the ends is cut off."""
    _, size, count = frames.shape
    length = (count - 1) * HOP + size
    summed = F.fold(frames, (1, length), (1, size), stride=(1, HOP))[:, 0]
    edge = (size - HOP) // 2
    return summed[..., edge:-edge]


class AudioTokenizer(nn.Module):
    """encode: samples -> codes "B L Q"; decode: codes -> samples."""

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
        """Positions to either side that the samples of a position depend on."""
        half = KERNEL // 2
        fast = half * self.config.fast_layers + self.head.size // HOP // 2
        return half * self.config.slow_layers + -(-fast // FRAMES)

    def hear(self, samples: Tensor) -> Tensor:
        """What the encoder makes of samples "B N": "B 2L 3*encoder_width"."""
        features = self.encoder(self.mel(whole_positions(samples)))
        normal = [F.layer_norm(features[i], features[i].shape[-1:]) for i in self.read]
        return torch.cat(normal, -1)

    def features(self, heard: Tensor) -> Tensor:
        """Continuous features "B L Q*code_dim" before quantisation."""
        x = self.join(F.silu(self.mix(heard)).unflatten(1, (-1, 2)).flatten(2))
        for layer in self.refine:
            x = layer(x)
        return self.to_codes(x)

    def encode(self, samples: Tensor) -> Tensor:
        """Codes int64 "B L Q" of samples "B N"; the last position is filled up with silence."""
        return self.quantizer.encode(self.features(self.hear(samples)))

    def decode(self, codes: Tensor) -> Tensor:
        """Samples float32 "B 640 L" of codes "B L Q"."""
        return self.decode_vectors(self.quantizer.decode(codes)).clamp(-1, 1)

    def decode_vectors(self, vectors: Tensor, voice: Tensor | None = None) -> Tensor:
        """Samples of code vectors "B L Q*code_dim". voice "B D": another one than the output voice,
        in training."""
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
        """The quantised features."""
        return self.quantizer(self.features(self.hear(samples)))


def whole_positions(samples: Tensor) -> Tensor:
    """Samples "B N" with silence up to a multiple of 640."""
    return F.pad(samples, (0, -samples.shape[-1] % POSITION))


@dataclass
class AudioStream:
    """Decodes a growing run of codes: the samples of `take` and `finish`, joined, are those of
    `decode`, whatever the pieces (to rounding).

    A position is final once as many as `AudioTokenizer.reach` are known behind it.
    """

    tokenizer: AudioTokenizer
    _codes: Tensor | None = field(default=None, init=False)
    _done: int = field(default=0, init=False)

    def take(self, codes: Tensor) -> Tensor:
        """Codes int64 "L Q" that follow -> samples "N" that are final now, often fewer or none."""
        self._codes = codes if self._codes is None else torch.cat([self._codes, codes])
        return self._decoded(len(self._codes) - self.tokenizer.reach)

    def finish(self) -> Tensor:
        """The samples that were held back."""
        return self._decoded(0 if self._codes is None else len(self._codes))

    def _decoded(self, end: int) -> Tensor:
        if self._codes is None or end <= self._done:
            return torch.zeros(0, device=self.tokenizer.from_codes.weight.device)
        first = max(self._done - self.tokenizer.reach, 0)
        last = end + self.tokenizer.reach
        samples = self.tokenizer.decode(self._codes[None, first:last])[0]
        start, self._done = self._done, end
        return samples[(start - first) * POSITION : (end - first) * POSITION]
