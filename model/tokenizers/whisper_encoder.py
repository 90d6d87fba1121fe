"""The audio encoder of Whisper: log-mel frames -> features, 50 a second.

Equal to transformers' WhisperEncoder with the same weights (see tests), with the same tensor names,
but for windows of any length: nothing is padded to 30 seconds. Source: Radford et al. 2022
(arXiv:2212.04356), Section 2.2. Axes: B batch, M mel bands, T mel frames, L = T / 2, D width.
"""

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from transformers.audio_utils import mel_filter_bank

SAMPLE_RATE = 16_000
WINDOW, HOP = 400, 160
"""Window and hop of a mel frame in samples: 100 frames a second."""
DYNAMIC_RANGE = 8.0
"""Dynamic range in decades below a clip's loudest band; lower values are clipped."""


class LogMel(nn.Module):
    """Log-mel spectrogram: samples "B N" at 16 kHz in [-1, 1] -> "B M N/160", about -1 to 1."""

    filters: Tensor
    window: Tensor

    def __init__(self, mel_bins: int) -> None:
        super().__init__()
        banks = mel_filter_bank(
            num_frequency_bins=WINDOW // 2 + 1,
            num_mel_filters=mel_bins,
            min_frequency=0.0,
            max_frequency=SAMPLE_RATE / 2,
            sampling_rate=SAMPLE_RATE,
            norm="slaney",
            mel_scale="slaney",
        )
        self.register_buffer("filters", torch.from_numpy(banks).float().T, persistent=False)
        self.register_buffer("window", torch.hann_window(WINDOW), persistent=False)

    def forward(self, samples: Tensor) -> Tensor:
        spectrum = torch.stft(samples.float(), WINDOW, HOP, window=self.window, return_complex=True)
        power = spectrum[..., :-1].abs().square()
        decades = (self.filters @ power).clamp(min=1e-10).log10()
        loudest = decades.amax((1, 2), keepdim=True)
        return (torch.maximum(decades, loudest - DYNAMIC_RANGE) + 4) / 4


class WhisperLayer(nn.Module):
    """Pre-norm attention and GELU MLP with residuals; keys have no bias."""

    def __init__(self, width: int, heads: int, mlp_width: int) -> None:
        super().__init__()
        self.heads = heads
        self.self_attn = nn.ModuleDict(
            {
                name: nn.Linear(width, width, bias=name != "k_proj")
                for name in ("k_proj", "v_proj", "q_proj", "out_proj")
            }
        )
        self.self_attn_layer_norm = nn.LayerNorm(width)
        self.fc1 = nn.Linear(width, mlp_width)
        self.fc2 = nn.Linear(mlp_width, width)
        self.final_layer_norm = nn.LayerNorm(width)

    def forward(self, x: Tensor) -> Tensor:
        """Compute x "B L D" -> "B L D"."""
        attention = self.self_attn
        entering = self.self_attn_layer_norm(x)
        q, k, v = (
            attention[name](entering).unflatten(-1, (self.heads, -1)).transpose(1, 2)
            for name in ("q_proj", "k_proj", "v_proj")
        )
        seen = F.scaled_dot_product_attention(q, k, v)
        x = x + attention["out_proj"](seen.transpose(1, 2).flatten(2))
        return x + self.fc2(F.gelu(self.fc1(self.final_layer_norm(x))))


class WhisperEncoder(nn.Module):
    """The encoder: log-mel "B M T", T even -> `layers` + 1 features "B L D": after the stem and
    after each layer, the last one normalised."""

    def __init__(self, mel_bins: int, width: int, heads: int, layers: int, mlp_width: int) -> None:
        super().__init__()
        self.width = width
        self.conv1 = nn.Conv1d(mel_bins, width, 3, padding=1)
        self.conv2 = nn.Conv1d(width, width, 3, stride=2, padding=1)
        self.layers = nn.ModuleList(WhisperLayer(width, heads, mlp_width) for _ in range(layers))
        self.layer_norm = nn.LayerNorm(width)

    def forward(self, mel: Tensor) -> list[Tensor]:
        x = F.gelu(self.conv2(F.gelu(self.conv1(mel)))).transpose(1, 2)
        x = x + sinusoids(x.shape[1], self.width).to(x)
        found = [x]
        for layer in self.layers:
            x = layer(x)
            found.append(x)
        found[-1] = self.layer_norm(x)
        return found


def sinusoids(length: int, width: int) -> Tensor:
    """Return positions "L D": sines, then cosines, of wavelengths from 2 pi to 20,000 pi."""
    rates = torch.exp(-math.log(10_000) * torch.arange(width // 2) / (width // 2 - 1))
    angles = torch.arange(length)[:, None] * rates[None]
    return torch.cat([angles.sin(), angles.cos()], 1)
