"""The convolutional picture decoder: shapes, what a place depends on, and its config."""

from dataclasses import asdict, replace

import pytest
import torch

from model.loading.config_file import config_from_json
from model.presets import PRESETS
from model.tokenizer_config import DecoderConfig, VisionConfig
from model.tokenizers.image import VisionTokenizer
from model.tokenizers.image_decoder import ImageDecoder, planes, spread

SMALL = DecoderConfig(widths=(16, 8, 8, 4), depths=(1, 1, 0, 0))
CONFIG = VisionConfig(image_px=128, patch_px=32, width=16, conv_width=4, decoder=SMALL)


def _tokenizer() -> VisionTokenizer:
    torch.manual_seed(0)
    return VisionTokenizer(CONFIG).eval()


def test_a_position_becomes_32_pixels_a_side() -> None:
    tokenizer = _tokenizer()
    codes = tokenizer.encode(torch.rand(2, 3, 128, 128) * 2 - 1)
    assert codes.shape == (2, 16, CONFIG.num_codebooks)
    assert tokenizer.decode(codes).shape == (2, 3, 128, 128)


def test_channels_become_pixels_in_order() -> None:
    """Both layouts say the same; a block of channels fills its own square."""
    x = torch.arange(2 * 2 * 2 * 12).reshape(2, 2, 2, 12).float()
    assert torch.equal(planes(x, 2), spread(x, 2).permute(0, 3, 1, 2))
    assert torch.equal(spread(x, 2)[0, :2, :2].flatten(0, 1).flatten(), x[0, 0, 0])


def test_far_codes_do_not_reach_a_place() -> None:
    """Two 3 x 3 convolutions at the codes' grid, one at the next: the other end stays as it was."""
    decoder = ImageDecoder(replace(SMALL, depths=(2, 1, 0, 0)), 8, 8).eval()
    vectors = torch.randn(1, 64, 8)
    other = vectors.clone()
    other[:, 7::8] += 1
    same = decoder(vectors)[..., :96] == decoder(other)[..., :96]
    assert bool(same.all())
    assert not torch.equal(decoder(vectors), decoder(other))


def test_codes_of_a_patch_depend_on_it_alone() -> None:
    tokenizer = _tokenizer()
    first = torch.rand(1, 3, 128, 128) * 2 - 1
    second = first.clone()
    second[..., 32:] = -second[..., 32:]
    kept = tokenizer.encode(first).view(4, 4, -1)[:, 0]
    assert torch.equal(kept, tokenizer.encode(second).view(4, 4, -1)[:, 0])


@pytest.mark.parametrize("decoder", [None, SMALL])
def test_config_survives_json(decoder: DecoderConfig | None) -> None:
    config = replace(PRESETS["tiny"], vision=replace(CONFIG, decoder=decoder))
    assert config_from_json(config.to_json()) == config


def test_older_configs_have_no_such_decoder() -> None:
    written = PRESETS["tiny"].to_json()
    for added in ("patch_px", "decoder"):
        del written["vision"][added]
    assert config_from_json(written) == PRESETS["tiny"]
    assert asdict(PRESETS["tiny"].required_vision)["patch_px"] == 16
