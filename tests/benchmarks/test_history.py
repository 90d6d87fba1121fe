"""What training bought is read from the history, and where a bar lies from a line through it."""

import json
import subprocess
from math import inf
from pathlib import Path

import pytest

from benchmarks.history import FACTS, FOREVER, RESULTS, Point, history, line, main, summary


def _commit(repository: Path, digest: str, minutes: float, overall: float) -> None:
    results = {"digest": digest, "suites": {"scenes": {"metrics": {"overall": overall}}}}
    for name, content in ((RESULTS, results), (FACTS, {"flow_minutes": minutes})):
        file = repository / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(content))
    author = ("-c", "user.name=a", "-c", "user.email=a@b")
    for command in (("add", "."), (*author, "commit", "-qm", digest)):
        subprocess.run(("git", "-C", str(repository), *command), check=True)


def test_checkpoints_come_by_their_minutes_each_with_its_latest_results(tmp_path: Path) -> None:
    subprocess.run(("git", "init", "-q", str(tmp_path)), check=True)
    for digest, minutes, overall in (("a", 100, 0.2), ("a", 100, 0.25), ("b", 200, 0.5)):
        _commit(tmp_path, digest, minutes, overall)
    found = history(tmp_path)
    assert [(p.digest, p.minutes, p.figures) for p in found] == [
        ("a", 100.0, {"scenes.overall": 0.25}),
        ("b", 200.0, {"scenes.overall": 0.5}),
    ]
    figures = summary(found)
    assert figures["scenes.overall_doubling"] == pytest.approx(0.25)
    assert figures["scenes.overall_minutes_to_bar"] == pytest.approx(400)


@pytest.mark.parametrize(
    ("values", "bar", "reached"),
    [([0.1, 0.2, 0.3], 0.5, 1600), ([0.3, 0.3, 0.3], 0.9, inf), ([0.3, 0.2, 0.1], 0.4, 50)],
)
def test_a_line_crosses_the_bar_where_it_does(
    values: list[float], bar: float, reached: float
) -> None:
    doubling, found = line([100, 200, 400], values, bar)
    assert doubling == pytest.approx((values[-1] - values[0]) / 2, abs=1e-9)
    assert found == pytest.approx(reached) if reached < inf else found > FOREVER


def test_a_bar_that_is_reached_or_lies_behind_has_no_estimate() -> None:
    def estimate(first: float, second: float) -> bool:
        points = [Point("a", 100, {"asr.wer": first}), Point("b", 200, {"asr.wer": second})]
        return "asr.wer_minutes_to_bar" in summary(points)

    assert estimate(0.4, 0.2)
    assert not estimate(0.2, 0.05), "it is there"
    assert not estimate(0.2, 0.4), "it goes away from it"


def test_without_a_history_it_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--repository", str(tmp_path)]) == 2
    assert "history" in capsys.readouterr().err
