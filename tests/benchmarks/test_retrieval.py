"""The benchmark of the index runs anywhere, small."""

import json
from pathlib import Path

import pytest

from benchmarks import retrieval


def test_retrieval(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    file = tmp_path / "deep" / "index.json"
    small = ["--sizes", "120", "--width", "8", "--num", "5"]
    monkeypatch.setattr("sys.argv", ["x", *small, "--json", str(file)])
    assert retrieval.main() == 0
    found = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert json.loads(file.read_text()) == found
    assert found["metrics"]["recall_10_120"] == 1
    assert found["metrics"]["inserts_per_s_120"] > 0
