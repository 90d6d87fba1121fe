"""The benchmarks run from the command line on a small checkpoint and say what they are for."""

import json
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from benchmarks import cost, settings, steps

NANO = Path(__file__).resolve().parents[2] / "assets" / "nano"
Call = Callable[..., Any]


@pytest.fixture
def run(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tiny_checkpoint: Path
) -> Call:
    def call(module: ModuleType, *arguments: str, checkpoint: Path = tiny_checkpoint) -> Any:
        monkeypatch.setattr("sys.argv", ["x", "--checkpoint", str(checkpoint), *arguments])
        assert module.main() == 0
        return json.loads(capsys.readouterr().out.splitlines()[-1])

    return call


def test_cost(run: Call, tmp_path: Path) -> None:
    file = tmp_path / "deep" / "cost.json"
    found = run(cost, "--num", "1", "--json", str(file))
    metrics = found["metrics"]
    assert 0 < metrics["sampler_share_image"] < 1
    assert 0 < metrics["sampler_share_text"] < 1
    assert metrics["active_tokens_cached"] < metrics["active_tokens_plain"] == 4
    assert json.loads(file.read_text()) == found


def test_steps(run: Call) -> None:
    metrics = run(steps, "--quick", checkpoint=NANO)["metrics"]
    assert {"right_midpoint_4", "right_euler_4", "toy_midpoint_uniform_8"} <= set(metrics)


def test_settings(run: Call) -> None:
    metrics = run(settings, "--quick", "--num", "6", checkpoint=NANO)["metrics"]
    assert 0 <= metrics["n4_s2_T1to1_uniform"] <= 1


def test_a_missing_checkpoint_is_said(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for module in (cost, settings, steps):
        monkeypatch.setattr("sys.argv", ["x", "--checkpoint", "nowhere"])
        assert module.main() == 2
        assert "error:" in capsys.readouterr().err
