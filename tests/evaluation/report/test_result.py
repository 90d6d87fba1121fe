import json
from dataclasses import replace

import numpy as np
import pytest

from evaluation.answers import plain
from evaluation.result import Result, ratio_metrics, share, wilson


def test_share_counts() -> None:
    assert share([True, False, True, True]) == 0.75
    with pytest.raises(ValueError, match="nothing"):
        share([])


def test_wilson_by_hand() -> None:
    # z = 2 makes the arithmetic short: p = 0.5, n = 12 gives 0.5 +- 2 sqrt(1/48 + 1/144) / (4/3)
    low, high = wilson(0.5, 12, z=2)
    assert low == pytest.approx(0.25)
    assert high == pytest.approx(0.75)
    low, high = wilson(0.0, 240)
    assert low == 0
    assert high == pytest.approx(1.96**2 / (240 + 1.96**2))
    assert wilson(1.0, 240)[1] == 1


@pytest.mark.parametrize(("proportion", "num"), [(0.5, 0), (1.1, 3), (-0.1, 3)])
def test_wilson_refuses_what_is_no_proportion(proportion: float, num: int) -> None:
    with pytest.raises(ValueError, match="interval"):
        wilson(proportion, num)


def _result(value: float) -> Result:
    return Result("scenes", "2026-01-01", "assets/nano", "cpu", 0, 6, 1.26, {"overall": value})


def test_a_result_is_one_line_of_json_with_the_agreed_keys() -> None:
    line = _result(1 / 3).to_json()
    assert "\n" not in line
    values = json.loads(line)
    names = ("name", "date", "checkpoint", "device", "seed", "num", "seconds", "metrics", "judge")
    assert tuple(values) == names
    assert values["metrics"] == {"overall": 0.3333}
    assert values["seconds"] == 1.3
    assert values["judge"] == {}


def test_what_is_left_out_is_said_where_there_is_something() -> None:
    reasons = {"text_to_video": "not trained: no films"}
    values = json.loads(replace(_result(1.0), left_out=reasons).to_json())
    assert values["left_out"] == reasons


def test_a_ratio_lies_in_its_interval() -> None:
    found = ratio_metrics("kept", np.array([(3, 4), (0, 2)] * 10))
    assert found["kept"] == 0.5
    assert 0 < found["kept_low"] < 0.5 < found["kept_high"] < 1
    assert set(ratio_metrics("kept", np.array([(0, 0)])).values()) == {0.0}
    assert set(ratio_metrics("kept", np.array([(2, 2)] * 3)).values()) == {1.0}


def test_a_number_that_is_none_is_refused() -> None:
    with pytest.raises(ValueError, match="JSON"):
        _result(float("nan")).to_json()


def test_plain_keeps_the_words_only() -> None:
    assert plain("  A Red\n heart. ") == "a red heart"
    assert plain("moo!") == plain("moo")
    assert plain("...") == ""
