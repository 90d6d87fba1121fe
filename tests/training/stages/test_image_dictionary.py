"""The dictionary's stages: exact codes, losses that fall, and the command line that goes on."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from model.tokenizer_config import DictionaryConfig
from model.tokenizers.dictionary.codes import NAME, NOTHING, read
from model.tokenizers.dictionary.tokenizer import ImageDictionary
from tests.drawn_sheet import disc_sheet
from training import image_dictionary
from training.stages import image_dictionary as stages
from training.stages.image_dictionary import (
    AtlasStage,
    EncoderStage,
    GroundStage,
    Pictures,
    dictionary_of,
    exact_codes,
)
from world.image.drawings import DRAWINGS

SMALL = DictionaryConfig(
    num_drawings=len(DRAWINGS),
    atlas_channels=4,
    atlas_width=8,
    ground_dim=8,
    encoder_widths=(8, 8, 16),
    encoder_depths=(0, 0, 1),
)


@pytest.fixture(scope="module")
def sheet(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return disc_sheet(tmp_path_factory.mktemp("sheet"))


@pytest.fixture(scope="module")
def pictures(sheet: Path) -> Pictures:
    return Pictures(sheet)


@pytest.fixture(autouse=True)
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("training.stages.image_dictionary_report.SCENES", 4)
    for name, num in (
        ("PICTURES", 4),
        ("TEXTURES", 4),
        ("MEASURED", 4),
        ("GROUNDS", 24),
        ("MOODS", 1),
        ("ROUNDS", 2),
    ):
        monkeypatch.setattr(stages, name, num)
    return


@pytest.fixture
def dictionary(pictures: Pictures) -> ImageDictionary:
    torch.manual_seed(0)
    return dictionary_of(SMALL, pictures)


def test_exact_codes_say_what_the_labels_say(
    dictionary: ImageDictionary, pictures: Pictures
) -> None:
    views = pictures.scenes.sample(np.random.default_rng(1), 3)
    codes = exact_codes(dictionary, views)
    named, shown = read(codes), torch.from_numpy(views.names) != NOTHING
    assert torch.equal(codes[..., NAME], torch.from_numpy(views.names))
    assert torch.equal(named.colours[shown], torch.from_numpy(views.colours)[shown])
    assert torch.equal(named.turns[shown], torch.from_numpy(views.turns)[shown])


@pytest.mark.parametrize("part", ["atlas", "ground", "encoder"])
def test_a_part_learns(dictionary: ImageDictionary, pictures: Pictures, part: str) -> None:
    stage = {
        "atlas": lambda: AtlasStage(dictionary, pictures),
        "ground": lambda: GroundStage(dictionary, pictures, fresh=True),
        "encoder": lambda: EncoderStage(dictionary, pictures),
    }[part]()
    optimiser = torch.optim.Adam(stage.model.parameters(), 3e-3)
    losses: list[float] = []
    for _ in range(12):
        loss, _, seen = stage.loss(0)
        assert seen == 4
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(float(loss.detach()))
    assert losses[-1] < 0.9 * losses[0]
    assert all(np.isfinite(x) for x in stage.report(Path()).values())


def test_the_command_line_goes_on(
    sheet: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(image_dictionary, "CONFIG", SMALL)
    given = ["ground", str(sheet), "--runs", str(tmp_path), "--minutes", "0.02"]
    assert image_dictionary.main(given) == 0
    books = torch.load(tmp_path / "ground_codes.pt")["books"]
    assert image_dictionary.main([*given, "--resume"]) == 0
    assert torch.equal(torch.load(tmp_path / "ground_codes.pt")["books"], books)
    logged = (tmp_path / "ground/log.jsonl").read_text().splitlines()
    assert sum("report" in json.loads(line) for line in logged) >= 2
    capsys.readouterr()
    assert image_dictionary.main(["report", *given[1:4]]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found.pop("untrained") == ["atlas", "encoder"]
    assert set(found) >= {"exact_things", "encoded_whole"}
    assert image_dictionary.main(["encoder", *given[1:], "--resume"]) == 2
    assert "nothing to resume" in capsys.readouterr().err
