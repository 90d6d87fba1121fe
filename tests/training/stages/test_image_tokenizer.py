"""The stage of the sharper picture tokenizer: its loss, what it begins with, and that it learns."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from model.tokenizer_config import DecoderConfig, VisionConfig
from model.tokenizers.image import VisionTokenizer
from tests.drawn_sheet import disc_sheet
from training.loop.budgeted_loop import Budget, train
from training.stages import image_tokenizer
from training.stages.image_tokenizer import ImageTokenizerStage, begin_as, rebuilding_loss

SHIPPED = Path(__file__).resolve().parents[3] / "assets" / "nano"
SMALL = VisionConfig(
    image_px=256,
    patch_px=32,
    num_codebooks=6,
    cardinality=16,
    width=32,
    encoder_layers=1,
    conv_width=8,
    decoder=DecoderConfig(widths=(32, 16, 8, 8), depths=(1, 0, 0, 0)),
)


@pytest.fixture
def stage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ImageTokenizerStage:
    for name, num in (("BATCH", 6), ("CAPTIONED", 3), ("MEASURED", 2)):
        monkeypatch.setattr(image_tokenizer, name, num)
    torch.manual_seed(0)
    return ImageTokenizerStage(SMALL, disc_sheet(tmp_path), torch.device("cpu"))


def test_loss_and_its_gradient_are_those_of_the_formula() -> None:
    torch.manual_seed(0)
    made = torch.randn(3, 3, 12, 12, requires_grad=True)
    pixels, weight = torch.randn(3, 3, 12, 12), torch.rand(3, 1, 12, 12) + 0.5
    error = made - pixels
    across = (weight[..., 1:] * (error[..., 1:] - error[..., :-1]).abs()).mean()
    down = (weight[..., 1:, :] * (error[..., 1:, :] - error[..., :-1, :]).abs()).mean()
    plain = (weight * (error.abs() + 4 * error.square())).mean() + 0.5 * (across + down)
    loss, square = rebuilding_loss(made, pixels, weight)
    torch.testing.assert_close(loss, plain)
    torch.testing.assert_close(square, error.square().mean().detach())
    (expected,) = torch.autograd.grad(plain, made)
    (found,) = torch.autograd.grad(2 * loss, made)
    torch.testing.assert_close(found, 2 * expected)


def test_coarse_pictures_keep_the_first_sub_codes_alone(stage: ImageTokenizerStage) -> None:
    vectors = torch.randn(2, 64, 48)
    kept = stage._first(vectors, torch.tensor([True, False]))
    assert torch.equal(kept[1], vectors[1])
    assert torch.equal(kept[0, :, :32], vectors[0, :, :32])
    assert int(kept[0, :, 32:].count_nonzero()) == 0


def test_a_run_learns_saves_reports_and_goes_on(stage: ImageTokenizerStage, tmp_path: Path) -> None:
    budget = Budget(5, learning_rate=3e-3, warmup_steps=5, cooldown=0, steps=12)
    before = float(stage.loss(0)[0].detach())
    train(stage, tmp_path / "run", budget, resume=False)
    assert float(stage.loss(0)[0].detach()) < before
    train(stage, tmp_path / "run", replace(budget, steps=1), resume=True)
    rows = [json.loads(row) for row in (tmp_path / "run" / "log.jsonl").read_text().splitlines()]
    reports = [row for row in rows if "report" in row]
    assert [row["step"] for row in reports] == [12, 13]
    assert {"objects", "objects_held_out", "whole", "whole_first_4"} <= set(reports[0]["report"])
    assert (tmp_path / "run" / "rebuilt.webp").exists()


def test_it_begins_with_the_encoder_that_ships() -> None:
    torch.manual_seed(0)
    tokenizer = VisionTokenizer(replace(image_tokenizer.CONFIG, num_codebooks=6)).eval()
    begin_as(tokenizer, SHIPPED)
    shipped = image_tokenizer.load_checkpoint(SHIPPED).model.vision
    pixels = torch.rand(1, 3, 256, 256) * 2 - 1
    halved = torch.nn.functional.avg_pool2d(pixels, 2)
    with torch.inference_mode():
        assert torch.equal(tokenizer.encode(pixels)[..., :4], shipped.encode(halved))
