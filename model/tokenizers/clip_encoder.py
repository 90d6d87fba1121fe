"""The vision encoder of CLIP: pixels -> features of patches, each with attention to all others.

Equal to transformers' CLIPVisionModel up to its last layer, with the same weights (see tests). The
class position is computed, since patches attend to it, and left out of the result. Source: Radford
et al. 2021 (arXiv:2103.00020), Section 2.4. Axes: B batch, L patches, D width.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from model.tokenizer_config import ClipConfig

MEAN = (0.48145466, 0.4578275, 0.40821073)
STD = (0.26862954, 0.26130258, 0.27577711)
"""Mean and standard deviation of red, green and blue in [0, 1] over CLIP's training images."""
ACTIVATIONS = ("quick_gelu", "gelu")


class ClipLayer(nn.Module):
    """Pre-norm attention and MLP with residuals; all projections have a bias."""

    def __init__(self, config: ClipConfig, width: int) -> None:
        super().__init__()
        assert config.activation in ACTIVATIONS
        self.heads, self.quick = config.heads, config.activation == "quick_gelu"
        self.layer_norm1 = nn.LayerNorm(width, config.norm_eps)
        self.self_attn = nn.ModuleDict(
            {name: nn.Linear(width, width) for name in ("q_proj", "k_proj", "v_proj", "out_proj")}
        )
        self.layer_norm2 = nn.LayerNorm(width, config.norm_eps)
        self.mlp = nn.ModuleDict(
            {
                "fc1": nn.Linear(width, config.mlp_width),
                "fc2": nn.Linear(config.mlp_width, width),
            }
        )

    def forward(self, x: Tensor) -> Tensor:
        """Compute x "B L D" -> "B L D"."""
        entering = self.layer_norm1(x)
        q, k, v = (
            self.self_attn[name](entering).unflatten(-1, (self.heads, -1)).transpose(1, 2)
            for name in ("q_proj", "k_proj", "v_proj")
        )
        seen = F.scaled_dot_product_attention(q, k, v)
        x = x + self.self_attn["out_proj"](seen.transpose(1, 2).flatten(2))
        wide = self.mlp["fc1"](self.layer_norm2(x))
        wide = wide * torch.sigmoid(1.702 * wide) if self.quick else F.gelu(wide)
        return x + self.mlp["fc2"](wide)


class ClipEncoder(nn.Module):
    """CLIP's encoder: pixels float32 "B 3 H W" in [-1, 1] -> features "B grid^2 D", row by row.
    Images of another size than grid * patch_px are resized."""

    mean: Tensor
    std: Tensor

    def __init__(self, config: ClipConfig, grid: int, width: int) -> None:
        super().__init__()
        self.side = grid * config.patch_px
        self.class_embedding = nn.Parameter(torch.randn(width) * 0.02)
        self.patch_embedding = nn.Conv2d(
            3, width, config.patch_px, stride=config.patch_px, bias=False
        )
        self.position_embedding = nn.Embedding(grid**2 + 1, width)
        self.pre_layrnorm = nn.LayerNorm(width, config.norm_eps)
        self.layers = nn.ModuleList(ClipLayer(config, width) for _ in range(config.layers))
        self.register_buffer("mean", torch.tensor(MEAN)[:, None, None], persistent=False)
        self.register_buffer("std", torch.tensor(STD)[:, None, None], persistent=False)

    def forward(self, pixels: Tensor) -> Tensor:
        x = self.patch_embedding(self.entering(pixels)).flatten(2).transpose(1, 2)
        x = torch.cat([self.class_embedding.expand(len(x), 1, -1), x], 1)
        x = self.pre_layrnorm(x + self.position_embedding.weight)
        for layer in self.layers:
            x = layer(x)
        return x[:, 1:]

    def entering(self, pixels: Tensor) -> Tensor:
        """Resize and normalise pixels for CLIP."""
        if pixels.shape[-2:] != (self.side, self.side):
            size = (self.side, self.side)
            pixels = F.interpolate(pixels, size, mode="bicubic", antialias=True)
        return ((pixels + 1) / 2 - self.mean) / self.std
