"""The convolutional decoder: order of pixels, and what a place depends on."""

import torch

from model.tokenizer_config import DecoderConfig
from model.tokenizers.image_decoder import ImageDecoder, planes, spread

SMALL = DecoderConfig(widths=(16, 8, 8, 4), depths=(2, 1, 0, 0))


def test_channels_become_pixels_in_order() -> None:
    """Both layouts say the same; a block of channels fills its own square."""
    x = torch.arange(2 * 2 * 2 * 12).reshape(2, 2, 2, 12).float()
    assert torch.equal(planes(x, 2), spread(x, 2).permute(0, 3, 1, 2))
    assert torch.equal(spread(x, 2)[0, :2, :2].flatten(0, 1).flatten(), x[0, 0, 0])


def test_far_codes_do_not_reach_a_place() -> None:
    """Two 3 x 3 convolutions at the codes' grid, one at the next: the other end stays as it was."""
    decoder = ImageDecoder(SMALL, 8, 8).eval()
    vectors = torch.randn(1, 64, 8)
    other = vectors.clone()
    other[:, 7::8] += 1
    assert decoder(vectors).shape == (1, 3, 256, 256)
    same = decoder(vectors)[..., :96] == decoder(other)[..., :96]
    assert bool(same.all())
    assert not torch.equal(decoder(vectors), decoder(other))
