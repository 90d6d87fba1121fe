"""The image tokenizer: pixels -> codes -> pixels, with features that align with text.

Encoder: non-overlapping convolutions (4x unshuffle, twice 2x) and pointwise layers, so that the
codes of a 16 px patch depend on its own pixels only. The same sprite then has the same codes at
every patch position, which makes codes easy to predict. Alternatively CLIP's encoder, as in the
paper (`VisionConfig.clip`). Multi-codebook quantization. Decoder: transformer blocks over all
positions, and two convolutions that blend patch borders. A picture dictionary
(`VisionConfig.dictionary`) or, in converted checkpoints, MAGVIT-v2 (`VisionConfig.magvit`) can
replace all of this. Source: Luo et al. 2025 (arXiv:2510.13721), Section 2.1 and Eq. 1. Pixels are
float32 "B 3 H W" in [-1, 1].
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from model.layers.transformer import Block, SwiGLU, initialise
from model.tokenizer_config import VisionConfig
from model.tokenizers.clip_encoder import ClipEncoder
from model.tokenizers.dictionary.tokenizer import ImageDictionary
from model.tokenizers.magvit import LookupFree, Magvit
from model.tokenizers.quantizer import MultiCodebookQuantizer, Quantized


def pixels_from_uint8(images: Tensor) -> Tensor:
    """Convert uint8 "B H W 3" -> float32 "B 3 H W" in [-1, 1]."""
    return images.permute(0, 3, 1, 2).float() / 127.5 - 1


def uint8_from_pixels(pixels: Tensor) -> Tensor:
    """Convert float32 "B 3 H W" -> uint8 "B H W 3", clipped."""
    return ((pixels + 1) * 127.5).round().clamp(0, 255).to(torch.uint8).permute(0, 2, 3, 1)


def mlp_width(width: int) -> int:
    """Return the hidden width of the SwiGLU layers: 2.5 times, a multiple of 16."""
    return width * 5 // 2 // 16 * 16


class Pointwise(nn.Module):
    """A pre-norm SwiGLU layer with a residual, at each position independently."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm = nn.RMSNorm(width)
        self.mlp = SwiGLU(width, mlp_width(width))

    def forward(self, x: Tensor) -> Tensor:
        return x + self.mlp(self.norm(x))


class VisionTokenizer(nn.Module):
    """The image tokenizer. encode: pixels -> codes "B L Q"; decode: codes -> pixels; row by row."""

    def __init__(self, config: VisionConfig) -> None:
        super().__init__()
        self.config = config
        self.magvit = None if config.magvit is None else Magvit(config.magvit, config.code_dim)
        self.dictionary: ImageDictionary | None = None
        if self.magvit is not None:
            self.quantizer = LookupFree(config.code_dim)
            return
        if config.dictionary is not None:
            self.dictionary = ImageDictionary(config.dictionary, config.grid)
            self.quantizer = MultiCodebookQuantizer(
                config.num_codebooks, config.cardinality, config.code_dim
            )
            return
        width, conv = config.width, config.conv_width
        self.clip = None if config.clip is None else ClipEncoder(config.clip, config.grid, width)
        if self.clip is None:
            self.stem = nn.Sequential(
                nn.PixelUnshuffle(4),
                nn.Conv2d(48, 2 * conv, 2, stride=2),
                nn.SiLU(),
                nn.Conv2d(2 * conv, width, 2, stride=2),
            )
            self.encoder = nn.ModuleList(Pointwise(width) for _ in range(config.encoder_layers))
        latent = config.num_codebooks * config.code_dim
        self.to_codes = nn.Sequential(nn.RMSNorm(width), nn.Linear(width, latent))
        self.quantizer = MultiCodebookQuantizer(
            config.num_codebooks, config.cardinality, config.code_dim
        )
        self.from_codes = nn.Linear(latent, width)
        self.decoder_position = nn.Parameter(torch.randn(config.positions, width) * 0.02)
        self.decoder = nn.ModuleList(self._block() for _ in range(config.decoder_layers))
        self.to_patches = nn.Sequential(nn.RMSNorm(width), nn.Linear(width, 16 * conv))
        self.to_pixels = nn.Sequential(
            nn.PixelShuffle(4),
            nn.Conv2d(conv, conv, 3, padding=1),
            nn.SiLU(),
            nn.Conv2d(conv, 48, 3, padding=1),
            nn.PixelShuffle(4),
        )
        self.semantic = nn.Sequential(nn.RMSNorm(width), nn.Linear(width, config.semantic_dim))
        initialise(self)

    def _block(self) -> Block:
        return Block(self.config.width, self.config.heads, mlp_width(self.config.width))

    def features(self, pixels: Tensor) -> Tensor:
        """Return continuous features "B L Q*code_dim" before quantization."""
        if self.magvit is not None:
            return self.magvit.encoder(pixels).flatten(2).transpose(1, 2)
        if self.clip is not None:
            return self.to_codes(self.clip(pixels))
        x = self.stem(pixels).flatten(2).transpose(1, 2)
        for layer in self.encoder:
            x = layer(x)
        return self.to_codes(x)

    def encode(self, pixels: Tensor) -> Tensor:
        """Return codes int64 "B L Q" of pixels."""
        if self.dictionary is not None:
            return self.dictionary.encode(pixels)
        return self.quantizer.encode(self.features(pixels))

    def decode(self, codes: Tensor) -> Tensor:
        """Return pixels float32 "B 3 H W" of codes "B L Q"."""
        return self.pixels(self.quantizer.decode(codes))

    def pixels(self, vectors: Tensor) -> Tensor:
        """Return pixels float32 "B 3 H W" of code vectors "B L Q*code_dim"; zero vectors stand for
        unknown codes."""
        if self.dictionary is not None:
            codes = self.quantizer.encode(vectors)
            unknown = (vectors == 0).all(-1, keepdim=True)
            return self.dictionary.decode(codes.masked_fill(unknown, self.config.cardinality))
        if self.magvit is None:
            return self.decode_vectors(vectors)[0]
        grid = (self.config.grid, self.config.grid)
        return self.magvit.decoder(vectors.transpose(1, 2).unflatten(2, grid))

    def decode_vectors(self, vectors: Tensor) -> tuple[Tensor, Tensor]:
        """Return pixels and the pooled semantic feature "B semantic_dim" of code vectors "B L
        Q*code_dim". Not for MAGVIT-v2."""
        first, *others = self.decoder
        x, _ = first(self.from_codes(vectors) + self.decoder_position)
        semantic = self.semantic(x.mean(1))
        for block in others:
            x, _ = block(x)
        grid = self.config.grid
        patches = self.to_patches(x).transpose(1, 2).unflatten(2, (grid, grid))
        return self.to_pixels(patches), F.normalize(semantic, dim=-1)

    def forward(self, pixels: Tensor) -> tuple[Tensor, Quantized, Tensor]:
        """Return reconstruction, quantization and semantic feature of pixels, for training."""
        quantized = self.quantizer(self.features(pixels))
        reconstruction, semantic = self.decode_vectors(quantized.vectors)
        return reconstruction, quantized, semantic
