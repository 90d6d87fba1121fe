"""MAGVIT-v2's picture tokenizer against its formulas, written down plainly here."""

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from model.convert.__main__ import main
from model.loading.checkpoint import load_checkpoint
from model.tokenizer_config import MagvitConfig
from model.tokenizers.image import VisionTokenizer
from model.tokenizers.magvit import LookupFree, Magvit
from tests.model import coded_models as published

STATE = published.magvit()


@pytest.fixture(scope="module")
def vision(tmp_path_factory: pytest.TempPathFactory) -> VisionTokenizer:
    folder = tmp_path_factory.mktemp("magvit")
    source = published.save("mmada", folder / "mmada")
    assert main(["mmada", str(source), str(folder / "out")]) == 0
    eyes = published.save_magvit(folder / "magvit")
    assert main(["magvit", str(eyes), str(folder / "out")]) == 0
    return load_checkpoint(folder / "out").model.vision


def _conv(name: str, x: Tensor, stride: int = 1) -> Tensor:
    weight = STATE[f"{name}.weight"]
    side = weight.shape[-1] // 2 if stride == 1 else 0
    return F.conv2d(x, weight, STATE[f"{name}.bias"], stride=stride, padding=side)


def _norm(name: str, x: Tensor) -> Tensor:
    return F.group_norm(x, 32, STATE[f"{name}.weight"], STATE[f"{name}.bias"], eps=1e-6)


def _active(name: str, x: Tensor) -> Tensor:
    normed = _norm(name, x)
    return normed * torch.sigmoid(normed)


def _residual(name: str, x: Tensor) -> Tensor:
    found = _conv(f"{name}.conv1", _active(f"{name}.norm1", x))
    found = _conv(f"{name}.conv2", _active(f"{name}.norm2", found))
    skipped = f"{name}.nin_shortcut.weight" in STATE
    return found + (_conv(f"{name}.nin_shortcut", x) if skipped else x)


def _middle(side: str, x: Tensor) -> Tensor:
    x = _residual(f"{side}.mid.block_1", x)
    at = f"{side}.mid.attn_1"
    q, k, v = (_conv(f"{at}.{name}", _norm(f"{at}.norm", x)).flatten(2) for name in "qkv")
    weights = (torch.einsum("bci,bcj->bij", q, k) / q.shape[1] ** 0.5).softmax(-1)
    seen = torch.einsum("bij,bcj->bci", weights, v).view_as(x)
    return _residual(f"{side}.mid.block_2", x + _conv(f"{at}.proj_out", seen))


def _features(pixels: Tensor) -> Tensor:
    x = _conv("encoder.conv_in", pixels)
    for i, blocks in enumerate(published.ENCODER[1]):
        for j in range(blocks):
            x = _residual(f"encoder.down.{i}.block.{j}", x)
        if i < 4:
            x = _conv(f"encoder.down.{i}.downsample.conv", F.pad(x, (0, 1, 0, 1)), stride=2)
    x = _active("encoder.norm_out", _middle("encoder", x))
    return _conv("encoder.quant_conv", _conv("encoder.conv_out", x))


def _pixels(signs: Tensor) -> Tensor:
    x = _middle("decoder", _conv("decoder.conv_in", _conv("decoder.post_quant_conv", signs)))
    for i in (4, 3, 2, 1, 0):
        for j in range(published.DECODER[1][i]):
            x = _residual(f"decoder.up.{i}.block.{j}", x)
        if i > 0:
            doubled = x.repeat_interleave(2, 2).repeat_interleave(2, 3)
            x = _conv(f"decoder.up.{i}.upsample.conv", doubled)
    return _conv("decoder.conv_out", _active("decoder.norm_out", x))


def _picture() -> Tensor:
    return torch.rand(2, 3, 64, 64, generator=torch.Generator().manual_seed(1)) * 2 - 1


def test_pixels_become_the_published_codes(vision: VisionTokenizer) -> None:
    with torch.inference_mode():
        wanted = _features(_picture())
        features = vision.features(_picture())
        codes = vision.encode(_picture())
    torch.testing.assert_close(features, wanted.flatten(2).mT, atol=1e-4, rtol=1e-4)
    bits = (wanted > 0).long().flatten(2)
    by_hand = sum(bits[:, i] * 2 ** (published.BITS - 1 - i) for i in range(published.BITS))
    assert torch.equal(codes[..., 0], by_hand)
    assert len(codes.unique()) > 4


def test_codes_become_the_published_pixels(vision: VisionTokenizer) -> None:
    codes = torch.arange(32).view(2, 16, 1)
    bits = [[(k >> i & 1) * 2.0 - 1 for k in range(32)] for i in (4, 3, 2, 1, 0)]
    signs = torch.tensor(bits).view(5, 2, 4, 4).transpose(0, 1)
    with torch.inference_mode():
        torch.testing.assert_close(vision.decode(codes), _pixels(signs), atol=1e-4, rtol=1e-4)


def test_a_code_is_its_bits() -> None:
    """Of the published size: there and back without loss; unit vectors, every two apart."""
    quantizer = LookupFree(13)
    codes = torch.arange(8192)[None, :, None]
    vectors = quantizer.decode(codes)
    assert set(vectors.unique().tolist()) == {-1.0, 1.0}
    assert torch.equal(quantizer.encode(vectors), codes)
    assert vectors[0, 1].tolist() == [-1.0] * 12 + [1.0]
    assert quantizer.encode(torch.zeros(1, 1, 13)).item() == 0
    books = quantizer.unit_codebooks()
    assert books.shape == (1, 8192, 13)
    torch.testing.assert_close(books.norm(dim=-1), torch.ones(1, 8192))


def test_the_published_sizes() -> None:
    """What is not said otherwise has Show-o's widths and blocks."""
    with torch.device("meta"):
        whole = Magvit(MagvitConfig(), 13)
    state = {name: tuple(t.shape) for name, t in whole.state_dict().items()}
    assert state["encoder.conv_in.weight"] == (128, 3, 3, 3)
    assert state["encoder.down.1.block.0.nin_shortcut.weight"] == (256, 128, 1, 1)
    assert state["encoder.down.3.downsample.conv.weight"] == (512, 512, 3, 3)
    assert "encoder.down.4.downsample.conv.weight" not in state
    assert state["encoder.down.4.block.3.conv2.weight"] == (512, 512, 3, 3)
    assert state["encoder.quant_conv.weight"] == (13, 13, 1, 1)
    assert state["decoder.conv_in.weight"] == (512, 13, 3, 3)
    assert state["decoder.up.3.block.0.nin_shortcut.weight"] == (256, 512, 1, 1)
    assert state["decoder.up.1.block.0.nin_shortcut.weight"] == (128, 256, 1, 1)
    assert "decoder.up.0.upsample.conv.weight" not in state
    assert state["decoder.conv_out.weight"] == (3, 128, 3, 3)
