"""Each arm is trained by the command line as it says, once, and measured."""

import argparse
import json
from pathlib import Path

import pytest

from benchmarks import ablations
from engine.engine import Engine
from tests.training.few import FEW


@pytest.fixture
def command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tiny_checkpoint: Path) -> list[str]:
    """Of arms that are trained for a moment."""
    for name, value in FEW.items():
        monkeypatch.setattr(name, value)
    return [
        "--preset", "tiny", "--device", "cpu", "--minutes", "0.01", "--scenes", "40",
        "--tokenizers", str(tiny_checkpoint), "--runs", str(tmp_path / "arms"),
        "--json", str(tmp_path / "found.json"),
    ]  # fmt: skip


def test_an_arm_is_trained_as_it_says_and_kept(
    command: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[Engine] = []

    def figures(engine: Engine, arguments: argparse.Namespace) -> dict[str, float]:
        del arguments
        seen.append(engine)
        return {"steps": float(engine.facts["flow_steps"])}

    monkeypatch.setattr(ablations, "_figures", figures)
    assert ablations.main([*command, "--arms", "autoregressive"]) == 0
    assert ablations.main([*command, "--arms", "fixed_length,autoregressive"]) == 0
    configs = [engine.model.config for engine in seen]
    assert [c.samplers for c in configs] == [
        ("autoregressive",),
        ("flow", "masked", "autoregressive"),
    ], "what is done is not trained again"
    assert configs[0].text_blocks > configs[1].text_blocks == 1
    assert configs[0].text_length == configs[1].text_length
    found = json.loads((tmp_path / "found.json").read_text())["metrics"]
    assert set(found) == {"autoregressive_steps", "fixed_length_steps"}
    assert min(found.values()) > 0


def test_an_arm_that_is_none_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert ablations.main(["--arms", "left", "--json", str(tmp_path / "x.json")]) == 2
    assert "no arm 'left'" in capsys.readouterr().err


def test_a_number_that_cannot_be_asked_is_said_before_anything_is_trained(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    runs = tmp_path / "arms"
    said = ["--num", "101", "--runs", str(runs), "--json", str(tmp_path / "x.json")]
    assert ablations.main(said) == 2
    assert "multiple of 2" in capsys.readouterr().err
    assert not runs.exists()
