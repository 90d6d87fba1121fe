"""The picture tokenizer: shapes, locality of the codes, and the quantiser's gradient."""

import torch

from model.presets import PRESETS
from model.tokenizers.image import VisionTokenizer, pixels_from_uint8, uint8_from_pixels
from model.tokenizers.quantizer import MultiCodebookQuantizer

CONFIG = PRESETS["tiny"].vision


def _tokenizer() -> VisionTokenizer:
    torch.manual_seed(0)
    return VisionTokenizer(CONFIG).eval()


def test_shapes() -> None:
    tokenizer = _tokenizer()
    codes = tokenizer.encode(torch.rand(3, 3, 32, 32) * 2 - 1)
    assert codes.shape == (3, CONFIG.positions, CONFIG.num_codebooks)
    assert int(codes.max()) < CONFIG.cardinality
    assert tokenizer.decode(codes).shape == (3, 3, 32, 32)


def test_codes_depend_on_their_own_patch_only() -> None:
    """The same drawing gets the same codes wherever it stands and whatever surrounds it."""
    tokenizer = _tokenizer()
    patch = torch.rand(3, 16, 16) * 2 - 1
    first, second = torch.rand(2, 1, 3, 32, 32).unbind(0)
    first[0, :, :16, 16:] = patch
    second[0, :, 16:, :16] = patch
    assert torch.equal(tokenizer.encode(first)[0, 1], tokenizer.encode(second)[0, 2])


def test_pixels_survive_the_round_trip() -> None:
    images = torch.randint(0, 256, (2, 8, 8, 3), dtype=torch.uint8)
    assert torch.equal(uint8_from_pixels(pixels_from_uint8(images)), images)


def test_quantiser_inverts_itself_and_passes_gradients() -> None:
    torch.manual_seed(0)
    quantizer = MultiCodebookQuantizer(4, 16, 8)
    features = torch.randn(2, 5, 32, requires_grad=True)
    found = quantizer(features)
    assert torch.equal(quantizer.encode(quantizer.decode(found.codes)), found.codes)
    torch.testing.assert_close(found.vectors, quantizer.decode(found.codes))
    (found.loss + found.vectors.sum()).backward()
    assert features.grad is not None
    assert float(features.grad.abs().sum()) > 0
    assert quantizer.codebooks.grad is not None


def test_unused_codes_are_revived() -> None:
    torch.manual_seed(0)
    quantizer = MultiCodebookQuantizer(1, 16, 8).train()
    features = torch.randn(8, 16, 8) * 0.05 + torch.randn(8)
    before = len(quantizer.encode(features).unique())
    for _ in range(600):
        quantizer(features)
    assert len(quantizer.encode(features).unique()) > before
