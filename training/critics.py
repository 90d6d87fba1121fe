"""Who tells a decoded sound from a recorded one, so that the decoder learns not to be told.

Some look at every p-th sample, and hear whether a voice's pulses stand where they should (Kong et
al. 2020, arXiv:2010.05646, Section 2.3); some at a complex spectrum (Defossez et al. 2022,
arXiv:2210.13438, Section 3.4). Losses are least squares (Mao et al. 2017, arXiv:1611.04076).
Owns: `Critics`. Does not own: what they judge (`training.voice`).
"""

from collections.abc import Sequence
from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.func import functional_call

PERIODS = (2, 3, 5, 7, 11)
SIZES = (256, 512, 1024)
WIDTH = 16
SLOPE = 0.1
GAIN = 10.0
"""Brings speech to about unit variance."""
Told = tuple[Tensor, list[Tensor]]
"""What a critic says at each place, 1 for recorded, and what its layers saw."""


class PeriodCritic(nn.Module):
    """Samples "B N" folded to "B 1 N/period period"."""

    def __init__(self, period: int, width: int) -> None:
        super().__init__()
        self.period = period
        widths = (1, width, 2 * width, 4 * width, 4 * width)
        self.layers = nn.ModuleList(
            nn.Conv2d(a, b, (5, 1), (3, 1), (2, 0)) for a, b in pairwise(widths)
        )
        self.out = nn.Conv2d(widths[-1], 1, (3, 1), padding=(1, 0))

    def forward(self, samples: Tensor) -> Told:
        whole = F.pad(samples, (0, -samples.shape[-1] % self.period), "reflect")
        return _told(whole.unflatten(-1, (-1, self.period))[:, None], self.layers, self.out)


class SpectrumCritic(nn.Module):
    """The complex spectrum of samples "B N" as "B 2 time band"."""

    window: Tensor

    def __init__(self, size: int, width: int) -> None:
        super().__init__()
        self.size = size
        self.register_buffer("window", torch.hann_window(size), persistent=False)
        shapes = (((3, 9), (1, 1)), ((3, 9), (1, 2)), ((3, 9), (1, 2)), ((3, 3), (1, 2)))
        self.layers = nn.ModuleList(
            nn.Conv2d(width if i else 2, width, kernel, stride, (kernel[0] // 2, kernel[1] // 2))
            for i, (kernel, stride) in enumerate(shapes)
        )
        self.out = nn.Conv2d(width, 1, 3, padding=1)

    def forward(self, samples: Tensor) -> Told:
        spectrum = torch.stft(
            samples, self.size, self.size // 4, window=self.window, return_complex=True
        )
        planes = torch.view_as_real(spectrum / self.size**0.5).permute(0, 3, 2, 1)
        return _told(planes, self.layers, self.out)


class Critics(nn.Module):
    """All of them. `own` is what they learn from, `fooled` what the decoder learns from."""

    def __init__(self, width: int = WIDTH) -> None:
        super().__init__()
        self.each = nn.ModuleList(
            [
                *(PeriodCritic(period, width) for period in PERIODS),
                *(SpectrumCritic(size, width) for size in SIZES),
            ]
        )

    def forward(self, samples: Tensor) -> list[Told]:
        return [critic(GAIN * samples) for critic in self.each]

    def own(self, decoded: Tensor, recorded: Tensor) -> Tensor:
        """How badly they tell samples "B N" apart, which changes nothing but them."""
        true, false = self(recorded), self(decoded.detach())
        wrong = [
            (1 - a).square().mean() + b.square().mean()
            for (a, _), (b, _) in zip(true, false, strict=True)
        ]
        return torch.stack(wrong).mean()

    def fooled(self, decoded: Tensor, recorded: Tensor) -> tuple[Tensor, Tensor]:
        """How well they tell what was decoded, and how far it lies from what was recorded in their
        layers; neither changes them."""
        fixed = {name: p.detach() for name, p in self.named_parameters()}
        with torch.no_grad():
            true = self(recorded)
        false: Sequence[Told] = functional_call(self, fixed, (decoded,))
        told = torch.stack([(1 - b).square().mean() for b, _ in false]).mean()
        apart = [
            (x - y).abs().mean() / x.abs().mean()
            for (_, a), (_, b) in zip(true, false, strict=True)
            for x, y in zip(a, b, strict=True)
        ]
        return told, torch.stack(apart).mean()


def _told(x: Tensor, layers: nn.ModuleList, out: nn.Conv2d) -> Told:
    seen: list[Tensor] = []
    for layer in layers:
        x = F.leaky_relu(layer(x), SLOPE)
        seen.append(x)
    return out(x), seen
