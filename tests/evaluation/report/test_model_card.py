"""The table of the model card: what it takes from a result, and that it is the table kept there."""

import re
from pathlib import Path

import pytest

from evaluation.__main__ import main
from evaluation.report.model_card import ROWS, card
from evaluation.result import Result
from evaluation.run_all import AllResults, read
from evaluation.suites.catalogue import SUITES

ROOT = Path(__file__).resolve().parents[3]
RESULTS = ROOT / "docs/results/nano.json"


def _result(name: str, metrics: dict[str, float], **left_out: str) -> Result:
    return Result(name, "2026-01-01", "x", "cpu", 0, 6, 1.0, metrics, {"wer_floor": 0.5}, left_out)


def _all(*results: Result) -> AllResults:
    found = AllResults("2026-01-01", "x", "abc", "cpu", 0)
    for result in results:
        found = found.with_result(result)
    return found


def test_figures_have_two_digits_their_intervals_and_a_dash_where_there_is_none() -> None:
    metrics = {"wer": 0.123, "wer_low": 0.1, "wer_high": 0.156}
    said = card(_all(_result("asr", metrics))).splitlines()
    assert said[2].startswith("| asr (6) | ")
    assert said[2].endswith(" | 0.12 (0.10 to 0.16); -; - |")
    assert said[3].endswith(" | 0.50 |")


def test_the_matrix_is_a_sentence_and_what_was_not_trained_another() -> None:
    cells = {"text_to_image": 0.5, "text_to_image_low": 0.1, "audio_to_text": 1.0, "trained": 2.0}
    said = card(_all(_result("matrix", cells, image_to_audio="not trained: ..")))
    assert said.endswith(
        "The matrix (6 cases a cell): audio to text 1.00, text to image 0.50.\n"
        "Not trained: image to audio."
    )


def test_every_suite_is_in_the_card_or_needs_no_line() -> None:
    assert set(SUITES) - set(ROWS) == {"matrix", "thinking"}


def test_the_model_card_shows_the_results_that_are_kept() -> None:
    found = read(RESULTS)
    assert isinstance(found, AllResults)
    values = [line.split("|")[3] for line in card(found).splitlines() if line.startswith("| ")]
    assert not [value for value in values if "-" in re.split("[ ,;]+", value)]
    assert card(found) in (ROOT / "docs/model_card.md").read_text()


def test_a_result_of_one_suite_and_a_missing_one_are_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    one = tmp_path / "one.json"
    one.write_text(_result("asr", {"wer": 0.1}).to_json())
    for file in (one, tmp_path / "nowhere.json"):
        assert main(["card", str(file)]) == 2
        assert str(file) in capsys.readouterr().err
    assert main(["card", str(RESULTS)]) == 0
    assert capsys.readouterr().out.startswith("| suite | what | value |")
