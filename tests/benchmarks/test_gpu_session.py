"""The session on a GPU, rehearsed on a CPU with a tiny model: all of it, in one command."""

import json
from pathlib import Path

import pytest

from benchmarks import gpu_session
from benchmarks.gpu import PARTS

GPU_TESTS = """
import pytest

def test_right():
    pass

def test_wrong():
    assert False

@pytest.mark.skip
def test_elsewhere():
    pass
"""


def test_a_session_is_correctness_then_benchmarks_then_training(
    tmp_path: Path,
    tiny_checkpoint: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr("benchmarks.gpu_parts.serving.USERS", (1, 2))
    monkeypatch.setattr("benchmarks.gpu_parts.serving.WATCHERS", (0, 1))
    monkeypatch.setattr("benchmarks.gpu_parts.generation.FRAMES", 2)
    monkeypatch.setattr("benchmarks.gpu_parts.generation.STEPS", (8, 16))
    pack, out = tmp_path / "pack", tmp_path / "out"
    pack.mkdir()
    (pack / "command").write_text("tests.benchmarks.learning {minutes} {runs}\n")
    tests = tmp_path / "test_gpu.py"
    tests.write_text(GPU_TESTS)
    given = [
        "--preset", "tiny", "--device", "cpu", "--block", "8", "--repeats", "1", "--seeds", "1",
        "--checkpoint", str(tiny_checkpoint), "--out", str(out), "--pack", str(pack),
        "--tests", str(tests),
    ]  # fmt: skip
    assert gpu_session.main(given) == 0
    said = capsys.readouterr().out
    found = json.loads((out / "gpu.json").read_text())
    assert set(found["parts"]) == {"tests", "agreement", *PARTS}
    assert not [name for name in found if name.startswith("error")]
    metrics = found["metrics"]
    assert [metrics[f"tests.{how}"] for how in ("passed", "failed", "skipped")] == [1, 1, 1]
    assert "FAILED" in said and "test_wrong" in said
    assert {v for k, v in metrics.items() if k.startswith("agreement.")} == {1.0}
    assert metrics["text_over_autoregressive_8"] > 0
    assert 0 < metrics["autoregressive_share_of_bandwidth"] < 1
    assert found["training"]["code"] == 0
    assert "text_256.tokens_s_16" in said

    assert gpu_session.main(given) == 0
    assert "limits" not in capsys.readouterr().out, "what is done is not done again"
    assert (out / "runs/state").read_text() == "2", "the training goes on"


def test_a_part_that_fails_ends_no_session(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fails(*given: object) -> dict[str, float]:
        raise RuntimeError("CUDA error: out of memory")

    names = dict.fromkeys(PARTS, fails) | {"limits": PARTS["limits"]}
    monkeypatch.setattr(gpu_session, "PARTS", names)
    monkeypatch.setattr(gpu_session, "gpu_tests", lambda paths: {"failed": 1.0})
    monkeypatch.setattr(gpu_session, "agreement", fails)
    given = ["--preset", "tiny", "--device", "cpu", "--block", "8", "--repeats", "1"]
    assert gpu_session.main([*given, "--out", str(tmp_path)]) == 0
    found = json.loads((tmp_path / "gpu.json").read_text())
    assert set(found["parts"]) == {"tests", "limits"}
    assert "out of memory" in found["error of text"]
    said = capsys.readouterr()
    assert "missed" in said.out.splitlines()[-len(gpu_session.GOALS)], "a failed test is a miss"
    assert "text failed" in said.err
