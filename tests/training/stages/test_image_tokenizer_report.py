"""The figures of each drawing through the tokenizer of a run."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from tests.drawn_sheet import disc_sheet
from tests.training.stages.test_image_tokenizer import SMALL
from training.loop.budgeted_loop import Budget, train
from training.stages import image_tokenizer, image_tokenizer_report
from training.stages.image_tokenizer import ImageTokenizerStage
from world.image.drawings import DRAWINGS, HELD_OUT, Drawings


def test_every_nth_drawing_of_a_run_is_measured(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, num in (("BATCH", 6), ("CAPTIONED", 3), ("MEASURED", 2)):
        monkeypatch.setattr(image_tokenizer, name, num)
    monkeypatch.setattr(image_tokenizer_report, "CONFIG", SMALL)
    sheet, run = disc_sheet(tmp_path), tmp_path / "run"
    torch.manual_seed(0)
    train(
        ImageTokenizerStage(SMALL, sheet, torch.device("cpu")),
        run,
        Budget(1, steps=1),
        resume=False,
    )
    image_tokenizer_report.main(
        [str(run), str(sheet), "--out", str(tmp_path / "out"), "--every", "40"]
    )
    said = json.loads((tmp_path / "out" / "drawings.json").read_text())
    assert [row["name"] for row in said["each"]] == [d.name for d in DRAWINGS[::40]]
    held = [DRAWINGS[i].name for i in HELD_OUT if i % 40 == 0]
    assert [row["name"] for row in said["each"] if row["held_out"]] == held
    assert json.loads(capsys.readouterr().out.splitlines()[-1]) == said["summary"]
    assert (tmp_path / "out" / "drawings.webp").exists()


def test_fewer_codes_are_not_the_same_picture(tmp_path: Path) -> None:
    torch.manual_seed(0)
    stage = ImageTokenizerStage(SMALL, disc_sheet(tmp_path), torch.device("cpu"))
    tokenizer, drawings = stage.model.tokenizer.eval(), Drawings(tmp_path / "sheet.png")
    whole, shown = image_tokenizer_report.each_drawing(tokenizer, drawings, [3, 4], 6)
    again, _ = image_tokenizer_report.each_drawing(tokenizer, drawings, [3, 4], 6)
    coarse, _ = image_tokenizer_report.each_drawing(tokenizer, drawings, [3, 4], 4)
    assert whole.shape == (2,) and shown.shape == (2, 256, 512, 3)
    assert np.array_equal(whole, again)
    assert not np.array_equal(whole, coarse)
