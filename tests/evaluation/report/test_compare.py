"""Two results side by side: verdicts by hand, lower figures, other seeds and sizes, refusals."""

from dataclasses import replace
from pathlib import Path

import pytest

import evaluation.__main__ as command
from evaluation.report.compare import (
    BETTER,
    UNCLEAR,
    UNKNOWN,
    WORSE,
    Difference,
    compare,
    differences,
)
from evaluation.report.figures import Figure, ceiling, figures
from evaluation.result import Result
from evaluation.run_all import AllResults

FIGURES = {"overall": 0.5, "overall_low": 0.4, "overall_high": 0.6, "counting": 0.2}
OLD = Result("scenes", "2026-01-01", "old", "cpu", 0, 240, 9.0, FIGURES)
NEW = replace(
    OLD,
    checkpoint="new",
    metrics={"overall": 0.7, "overall_low": 0.61, "overall_high": 0.8, "counting": 0.3, "x": 1.0},
)


def verdict(name: str, a: tuple[float, float], b: tuple[float, float]) -> str:
    first, second = (Figure(name, sum(pair) / 2, *pair) for pair in (a, b))
    return Difference(name, first, second).verdict


def test_intervals_say_what_is_better() -> None:
    assert verdict("overall", (0.4, 0.6), (0.61, 0.8)) == BETTER
    assert verdict("overall", (0.61, 0.8), (0.4, 0.6)) == WORSE
    assert verdict("overall", (0.4, 0.6), (0.6, 0.8)) == UNCLEAR
    assert verdict("overall", (0.6, 0.8), (0.4, 0.6)) == UNCLEAR
    assert verdict("overall", (0.1, 0.9), (0.4, 0.6)) == UNCLEAR


@pytest.mark.parametrize("name", ["wer", "wer_heldout_voices", "false_refusals", "unchanged"])
def test_lower_is_better_for_errors(name: str) -> None:
    assert verdict(name, (0.6, 0.7), (0.1, 0.2)) == BETTER
    assert verdict(name, (0.1, 0.2), (0.6, 0.7)) == WORSE


def test_without_intervals_nothing_is_claimed() -> None:
    found = {d.name: d.verdict for d in differences(OLD, NEW)}
    assert found == {"overall": BETTER, "counting": UNKNOWN, "x": ""}


def test_an_interval_belongs_to_its_figure() -> None:
    found = figures({"a": 1.0, "a_low": 0.5, "a_high": 2.0, "b_low": 3.0})
    assert found == [Figure("a", 1.0, 0.5, 2.0), Figure("b_low", 3.0)]
    assert found[0].written(1) == "1.0 (0.5 to 2.0)"


def test_the_ceiling_is_the_judges_figure_of_the_same_thing() -> None:
    judge = {"judge_direction": 0.9, "judge_direction_spin": 0.4, "true_renders": 1.0, "x": 0.7}
    assert ceiling("video", "direction_spin", judge) == 0.4
    assert ceiling("video", "animated_direction", judge) == 0.9
    assert ceiling("video", "described", judge) is None
    assert ceiling("scenes", "overall", judge) == 1
    assert ceiling("scenes", "counting", judge) is None
    assert ceiling("matrix", "x", judge) == 0.7


def test_the_table_names_both_and_says_what_is_not_alike() -> None:
    told = compare(OLD, replace(NEW, seed=1, num=60))
    assert "A: old, seed 0" in told
    assert "B: new, seed 1" in told
    assert "A has seed 0 and B seed 1" in told
    assert "A has 240 items and B 60" in told
    row = next(r for r in told.splitlines() if r.startswith("overall"))
    assert row.split() == ["overall", *"0.500 (0.400 to 0.600)".split(),
                           *"0.700 (0.610 to 0.800)".split(), "+0.200", BETTER]  # fmt: skip
    assert "note:" not in compare(OLD, NEW)


def test_all_beside_all_and_beside_one_suite() -> None:
    chat = replace(OLD, name="chat")
    both = AllResults("", "old", "d1", "cpu", 0, {"scenes": OLD, "chat": chat})
    one = AllResults("", "new", "d2", "cpu", 0, {"scenes": NEW})
    told = compare(both, one)
    assert "old (d1)" in told
    assert "only A has chat" in told
    assert "only B" not in told
    assert BETTER in compare(both, NEW)
    with pytest.raises(ValueError, match="one has scenes, the other chat"):
        compare(one, chat)


def test_from_the_command_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    a, b, c = (tmp_path / name for name in ("a.json", "b.json", "c.json"))
    a.write_text(OLD.to_json())
    b.write_text(AllResults("", "new", "d2", "cpu", 0, {"scenes": NEW}).to_json())
    c.write_text(replace(OLD, name="chat").to_json())
    assert command.main(["compare", str(a), str(b)]) == 0
    assert BETTER in capsys.readouterr().out
    for other in (c, tmp_path / "none.json"):
        assert command.main(["compare", str(a), str(other)]) == 2
        printed = capsys.readouterr()
        assert printed.out == ""
        assert printed.err.startswith("error: ")
    c.write_text("[]")
    assert command.main(["compare", str(a), str(c)]) == 2
