"""The benchmarks run from the command line on a small checkpoint and say what they are for."""

import json
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from benchmarks import cost, gpu, query, steps, streaming, viewer_cost

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


def test_streaming(run: Call) -> None:
    metrics = run(streaming, "--num", "1")["metrics"]
    assert 0 < metrics["first_refinement_s"] < metrics["picture_worst_s"]
    assert 0 < metrics["first_film_refinement_s"] < metrics["film_s"]


def test_query(run: Call) -> None:
    metrics = run(query, "--num", "5", "--items", "20")["metrics"]
    assert metrics["items"] == 20
    assert 0 < metrics["query_p50_s"] <= metrics["query_p95_s"]


def test_steps(run: Call) -> None:
    metrics = run(steps, "--quick", checkpoint=NANO)["metrics"]
    assert {"right_midpoint_4", "right_euler_4", "toy_midpoint_uniform_8"} <= set(metrics)


def test_viewing(run: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, few in (("STEPS", 8), ("LONG", 12), ("WATCHERS", 3), ("NICE", 0)):
        monkeypatch.setattr(viewer_cost, name, few)
    metrics = run(viewer_cost, "--num", "1", "--latency", "20")["metrics"]
    assert metrics["viewers_with_the_final"] == 1
    assert metrics["frames_per_s"] > 0
    assert metrics["recording_ratio"] > 0


def test_a_missing_checkpoint_is_said(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for module in (cost, steps, viewer_cost):
        monkeypatch.setattr("sys.argv", ["x", "--checkpoint", "nowhere"])
        assert module.main() == 2
        assert "error:" in capsys.readouterr().err


def test_the_gpu_benchmark_keeps_its_parts(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """All parts run in `tests.benchmarks.test_gpu_session`."""
    file = tmp_path / "gpu.json"
    common = ["x", "--preset", "tiny", "--device", "cpu", "--block", "8", "--repeats", "1"]
    found: dict[str, Any] = {}
    for parts in ("limits", "limits,sampler"):
        monkeypatch.setattr("sys.argv", [*common, "--parts", parts, "--json", str(file)])
        assert gpu.main() == 0
        said = capsys.readouterr()
        found = json.loads(said.out.splitlines()[-1])
    assert "limits" not in said.err, "what is done is not done again"
    assert {name.split(".")[0] for name in found["metrics"]} == {"limits", "sampler"}


def test_the_published_size_does_not_fit_here(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.argv", ["x", "--device", "cpu"])
    monkeypatch.setattr("model.loading.placement.free_bytes", lambda _: 8_000_000_000)
    assert gpu.main() == 2
    assert "8.0 GB are free" in capsys.readouterr().err
