"""The decoder of speech codes: symbols, durations, F0 and energy -> samples at 24 kHz.

The decoder of hibari-tts 0.2.1 (Apache-2.0, distilled from Kokoro-82M's voice af_heart) as plain
torch: symbols in their context, each repeated for its duration, ConvNeXt layers over frames of 12.5
ms, and a spectrum a frame that is the sum of three parts: a train of pulses at F0 through a filter,
shaped noise, and a part with a free phase. Source: hibari/dsp.py of that package. The weights come
from its ONNX file by `python -m model.convert.speech_decoder`. Owns: the network and the synthesis.
Does not own: codes (`model.tokenizers.speech_codes`).
"""

import math
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from safetensors.torch import load_file
from torch import Tensor, nn

from model.tokenizers.speech_codes import FRAMES, NUM_SYMBOLS, VOICED_HZ, Prosody, unpack

SAMPLE_RATE = 24_000
HOP, WINDOW = 300, 1200
"""Samples of a frame and of its window."""
BANDS = WINDOW // 2 + 1
TEXT_WIDTH, WIDTH = 128, 256
TEXT_KERNEL, KERNEL = 5, 7
TEXT_ROUNDS, LAYERS = 4, 8
HIGHEST_HARMONIC_HZ = 11_000.0
LOUDEST = 7.0
"""The largest logarithm of a band's magnitude."""
F0_SCALE, ENERGY_SCALE = 5.0, 5.0
NEAR_POLE = 2e-3


class Mixing(nn.Module):
    """A depthwise convolution over time and a pointwise GELU layer, with a residual; "B L D"."""

    def __init__(self, width: int, hidden: int, kernel: int) -> None:
        super().__init__()
        self.depthwise = nn.Conv1d(width, width, kernel, padding=kernel // 2, groups=width)
        self.norm = nn.LayerNorm(width)
        self.widen = nn.Linear(width, hidden)
        self.narrow = nn.Linear(hidden, width)
        self.scale = nn.Parameter(torch.ones(width))

    def forward(self, x: Tensor) -> Tensor:
        near = self.depthwise(x.transpose(1, 2)).transpose(1, 2)
        return x + self.scale * self.narrow(F.gelu(self.widen(self.norm(near))))


class SymbolEncoder(nn.Module):
    """Symbols int64 "B L" in their context, "B L 128": one attention layer, gone through four
    times."""

    def __init__(self) -> None:
        super().__init__()
        width = TEXT_WIDTH
        self.symbols = nn.Embedding(NUM_SYMBOLS, width)
        self.near = nn.ModuleList(Mixing(width, 2 * width, TEXT_KERNEL) for _ in range(2))
        self.attention_norm = nn.LayerNorm(width)
        self.enter = nn.Linear(width, 3 * width)
        self.leave = nn.Linear(width, width)
        self.mlp_norm = nn.LayerNorm(width)
        self.widen = nn.Linear(width, 2 * width)
        self.narrow = nn.Linear(2 * width, width)
        self.norm = nn.LayerNorm(width)

    def forward(self, symbols: Tensor) -> Tensor:
        x = self.symbols(symbols)
        for layer in self.near:
            x = layer(x)
        for _ in range(TEXT_ROUNDS):
            heads = self.enter(self.attention_norm(x)).unflatten(-1, (3, 2, -1)).transpose(1, 3)
            q, k, v = heads.unbind(2)
            seen = F.scaled_dot_product_attention(q, k, v)
            x = x + self.leave(seen.transpose(1, 2).flatten(2))
            x = x + self.narrow(F.gelu(self.widen(self.mlp_norm(x))))
        return self.norm(x)


class SpeechDecoder(nn.Module):
    """Codes -> samples; see the module's docstring."""

    window: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.encoder = SymbolEncoder()
        self.enter = nn.Conv1d(TEXT_WIDTH + 2, WIDTH, KERNEL, padding=KERNEL // 2)
        self.layers = nn.ModuleList(Mixing(WIDTH, 3 * WIDTH, KERNEL) for _ in range(LAYERS))
        self.norm = nn.LayerNorm(WIDTH)
        self.head = nn.Linear(WIDTH, 5 * BANDS)
        self.register_buffer("window", torch.hann_window(WINDOW), persistent=False)

    @classmethod
    def load(cls, file: Path) -> "SpeechDecoder":
        """The decoder with the weights of a safetensors file, float32, for inference.

        Raises: ValueError where the file is not of this decoder.
        """
        decoder = cls()
        weights = {name: value.float() for name, value in load_file(file).items()}
        try:
            decoder.load_state_dict(weights)
        except RuntimeError as error:
            raise ValueError(f"{file} holds no decoder of speech: {error}") from error
        return decoder.eval().requires_grad_(False)

    def spectra(
        self, symbols: Tensor, durations: Tensor, f0: Tensor, energy: Tensor
    ) -> tuple[Tensor, ...]:
        """The parts of each frame's spectrum, five of "601 T": logarithm of the harmonic part's
        magnitude, its phase before tanh, logarithms of the noise's and of the free part's
        magnitude, and the latter's phase. symbols, durations: int64 "L"; f0, energy: float32
        "T"."""
        said = self.encoder(symbols[None])[0].repeat_interleave(FRAMES * durations, 0)
        pitch = (1 + f0.clamp(min=0)).log() / F0_SCALE
        x = torch.cat([said.T, pitch[None], (energy / ENERGY_SCALE)[None]])[None]
        x = self.enter(x).transpose(1, 2)
        for layer in self.layers:
            x = layer(x)
        return self.head(self.norm(x))[0].T.split(BANDS)

    @torch.inference_mode()
    def speak(self, spoken: Prosody, seed: int = 0) -> np.ndarray:
        """Samples float32 "N" at `SAMPLE_RATE`, N = 300 T; the noise is drawn by the seed, frame
        after frame, so that a longer sound begins with the noise of a shorter one."""
        if not len(spoken.f0):
            return np.zeros(0, np.float32)
        f0 = torch.from_numpy(spoken.f0)
        parts = self.spectra(
            torch.from_numpy(spoken.symbols),
            torch.from_numpy(spoken.durations),
            f0,
            torch.from_numpy(spoken.energy),
        )
        noise = torch.view_as_complex(
            torch.randn(len(f0), BANDS, 2, generator=torch.Generator().manual_seed(seed))
        )
        return self.synthesis(parts, f0, noise.T).numpy()

    def decode(self, codes: np.ndarray, seed: int = 0) -> np.ndarray:
        """Samples of codes "L 2", see `speak`."""
        return self.speak(unpack(codes), seed)

    def synthesis(self, parts: tuple[Tensor, ...], f0: Tensor, noise: Tensor) -> Tensor:
        """Samples "N" of what `spectra` gave, with complex noise "601 T"."""
        harmonic, turn, soft, free, phase = parts
        heard = self._analysed(pulses(f0))
        spectrum = heard * torch.polar(magnitude(harmonic), math.pi * turn.tanh())
        spectrum = spectrum + noise * magnitude(soft) + torch.polar(magnitude(free), phase)
        frames = torch.fft.irfft(spectrum, WINDOW, dim=0) * self.window[:, None]
        envelope = self.window.square()[:, None].expand_as(frames)
        return _overlapped(frames) / _overlapped(envelope).clamp(min=1e-11)

    def _analysed(self, samples: Tensor) -> Tensor:
        """Spectra complex "601 T" in which a cosine of amplitude 1 peaks at 1."""
        padded = F.pad(samples[None], (WINDOW // 2, WINDOW // 2), mode="reflect")[0]
        frames = padded.unfold(0, WINDOW, HOP)[: len(samples) // HOP]
        return torch.fft.rfft(frames * (self.window * (4 / WINDOW))).T


def magnitude(logarithm: Tensor) -> Tensor:
    """exp, up to `LOUDEST`."""
    return logarithm.clamp(max=LOUDEST).exp()


def pulses(f0: Tensor) -> Tensor:
    """Samples "300 T" of a train of pulses: all harmonics of F0 "T" below 11 kHz, equally loud;
    nothing where there is no voice."""
    around = F.pad(f0[None, None], (1, 1), mode="replicate")
    place = (torch.arange(HOP) + 0.5) / HOP + 0.5
    left, right = around[0, 0].unfold(0, 3, 1)[..., :2], around[0, 0].unfold(0, 3, 1)[..., 1:]
    early = place < 1
    part = place.frac()
    low = torch.where(early, left[:, :1], right[:, :1])
    high = torch.where(early, left[:, 1:], right[:, 1:])
    hz = (low * (1 - part) + high * part).flatten()
    voiced = hz > VOICED_HZ
    hz = hz.clamp(min=VOICED_HZ)
    phase = ((hz.double().cumsum(0) / SAMPLE_RATE).frac() * 2 * math.pi).float()
    num = (HIGHEST_HARMONIC_HZ / hz).floor() + 0.5
    below = 2 * (phase / 2).sin()
    pole = below.abs() <= NEAR_POLE
    train = torch.where(pole, num, (num * phase).sin() / torch.where(pole, 1.0, below)) - 0.5
    return torch.where(voiced, train, 0.0)


def _overlapped(frames: Tensor) -> Tensor:
    """Frames "1200 T" added where they lie, "300 T": what reaches past the ends is cut off."""
    length = (frames.shape[1] - 1) * HOP + WINDOW
    summed = F.fold(frames[None], (1, length), (1, WINDOW), stride=(1, HOP)).flatten()
    return summed[WINDOW // 2 :][: HOP * frames.shape[1]]
