"""Sizes of the image and audio tokenizers, as frozen dataclasses."""

from dataclasses import dataclass

from model.strict_fields import StrictFields

PATCH_PX = 16
"""Side of the square of pixels that one image position encodes."""
NUM_MARKERS = 32
"""The rows of a text vocabulary before its first token: markers, and reserved rows."""


@dataclass(frozen=True)
class ClipConfig(StrictFields):
    """Size of a CLIP vision encoder (Radford et al. 2021, arXiv:2103.00020), by default ViT-L/14.

    Its width is `VisionConfig.width`. patch_px: side of a patch in pixels. activation: "quick_gelu"
    or "gelu".
    """

    patch_px: int = 14
    layers: int = 24
    heads: int = 16
    mlp_width: int = 4096
    activation: str = "quick_gelu"
    norm_eps: float = 1e-5


@dataclass(frozen=True)
class MagvitConfig(StrictFields):
    """Size of a MAGVIT-v2 tokenizer (Yu et al. 2024, arXiv:2310.05737), by default that of Show-o.

    Channels and residual blocks of each level, starting at the pixels. Each level halves the side
    of the one before it, except the last.
    """

    encoder_widths: tuple[int, ...] = (128, 256, 256, 512, 512)
    encoder_blocks: tuple[int, ...] = (4, 3, 4, 3, 4)
    decoder_widths: tuple[int, ...] = (128, 128, 256, 256, 512)
    decoder_blocks: tuple[int, ...] = (4, 4, 3, 4, 3)


@dataclass(frozen=True)
class DecoderConfig(StrictFields):
    """Size of the convolutional decoder (`model.tokenizers.image_decoder`).

    Channels and blocks at the grid of the codes, at twice as many positions a side, and so on. The
    last grid has a quarter of the image's pixels a side.
    """

    widths: tuple[int, ...] = (320, 128, 64, 32)
    depths: tuple[int, ...] = (3, 1, 1, 0)


@dataclass(frozen=True)
class DictionaryConfig(StrictFields):
    """Size of the picture dictionary (`model.tokenizers.dictionary.tokenizer`).

    num_drawings: those that it can name. atlas_*: latent channels and positions along a side of a
    drawing, and channels of the layers that draw it. ground_dim: principal components of a patch of
    ground. encoder_*: channels and blocks at 1/8, 1/16 and 1/32 of the pixels a side.
    """

    num_drawings: int = 626
    atlas_channels: int = 16
    atlas_grid: int = 16
    atlas_width: int = 64
    ground_dim: int = 32
    encoder_widths: tuple[int, ...] = (64, 128, 256)
    encoder_depths: tuple[int, ...] = (1, 2, 3)


@dataclass(frozen=True)
class VisionConfig(StrictFields):
    """Size of the image tokenizer: `image_px` squared pixels -> (image_px / patch_px)^2 positions
    of `num_codebooks` codes.

    clip: None for the patch encoder, which sees each patch separately; otherwise the CLIP encoder
    that replaces it (encoder_layers and conv_width of the encoder are then unused). magvit: None,
    or the MAGVIT-v2 tokenizer that replaces encoder and decoder (a code has code_dim bits).
    dictionary: None, or the picture dictionary that replaces both (4 x 1,024 codes of 32 px). With
    either of them the fields from width to semantic_dim are unused.
    """

    image_px: int = 128
    num_codebooks: int = 4
    cardinality: int = 512
    code_dim: int = 8
    width: int = 192
    heads: int = 4
    encoder_layers: int = 3
    decoder_layers: int = 4
    conv_width: int = 48
    semantic_dim: int = 128
    clip: ClipConfig | None = None
    magvit: MagvitConfig | None = None
    patch_px: int = PATCH_PX
    dictionary: DictionaryConfig | None = None

    @property
    def grid(self) -> int:
        """Number of positions along a side."""
        return self.image_px // self.patch_px

    @property
    def positions(self) -> int:
        """Number of positions of an image."""
        return self.grid**2


@dataclass(frozen=True)
class AudioConfig(StrictFields):
    """Size of the audio tokenizer: 25 positions a second of `num_codebooks` codes.

    encoder_*: the Whisper encoder (Radford et al. 2022, arXiv:2212.04356), by default that of
    Whisper tiny. The decoder runs slow_layers at 25 and fast_layers at 100 frames a second. In a
    checkpoint with a shared vocabulary (`CodeRows`) an external program is the codec, and only the
    first two fields are used.
    """

    num_codebooks: int = 2
    cardinality: int = 512
    code_dim: int = 8
    mel_bins: int = 80
    encoder_width: int = 384
    encoder_heads: int = 6
    encoder_layers: int = 4
    width: int = 256
    slow_layers: int = 3
    fast_layers: int = 5
