"""What was measured stands on the page, of the weights that are loaded and of no others."""

import json
from pathlib import Path

import pytest

from app.benchmark_card import FIGURES, benchmarks_html, percentages, read_benchmarks
from app.tabs.about import about_html
from evaluation.result import Result
from evaluation.run_all import AllResults
from evaluation.suites.catalogue import SUITES


def _measured(metrics: dict[str, float]) -> str:
    result = Result("asr", "2026-11-22", "assets/nano", "cpu", 0, 9, 1.0, metrics, {})
    both = {"asr": result, "scenes": Result(**{**vars(result), "name": "scenes"})}
    return AllResults("2026-11-22T10:00", "assets/nano", "abc", "cpu", 0, both).to_json()


def test_errors_become_what_is_right_with_their_interval() -> None:
    found = benchmarks_html(
        "abc", json.loads(_measured({"wer": 0.3, "wer_low": 0.2, "wer_high": 1.4}))
    )
    assert "<td>70</td><td>0 to 80</td>" in found
    assert "--share: 70%" in found
    assert "2026-11-22" in found


def test_only_what_was_measured_has_a_row() -> None:
    found = benchmarks_html("abc", json.loads(_measured({"single_object": 1.0})))
    assert found.count("<tr>") == 1
    assert "draws one thing" in found
    assert "omni-matrix" not in found


def test_other_weights_have_no_figures(tmp_path: Path) -> None:
    file = tmp_path / "nano.json"
    assert read_benchmarks(file) is None
    file.write_text(_measured({"wer": 0.3}))
    measured = read_benchmarks(file)
    assert "How good it is" in about_html({"digest": "abc"}, measured)
    assert "How good it is" not in about_html({"digest": "abd"}, measured)
    assert "How good it is" not in about_html({"digest": "abc"}, None)


def test_each_figure_is_of_a_suite_and_said_once() -> None:
    assert all(figure.suite in SUITES for figure in FIGURES)
    assert len({figure.what for figure in FIGURES}) == len(FIGURES)


def test_a_part_is_said_of_these_weights_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "nano.json"
    monkeypatch.setattr("app.benchmark_card.FILE", file)
    assert percentages("abc", "asr", ("wer",)) is None
    file.write_text(_measured({"wer": 0.304}))
    assert percentages("abc", "asr", ("wer",)) == (30,)
    assert percentages("abc", "asr", ("wer", "other")) is None
    assert percentages("abc", "video", ("object",)) is None
    assert percentages("abd", "asr", ("wer",)) is None
