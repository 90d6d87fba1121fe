"""The paths of the embedded checkpoint: what is to be seen forming forms over many steps."""

from pathlib import Path

import pytest

from engine.engine import Engine

NANO = Path(__file__).resolve().parents[2] / "assets" / "nano"
FORMS_OVER = 0.35
"""Of the time, at least."""


@pytest.mark.skipif(not NANO.exists(), reason="there is no embedded checkpoint")
def test_codes_of_every_kind_take_their_time() -> None:
    paths = Engine.load(NANO, "cpu").info()["path"]
    assert set(paths) >= {"text", "image"}
    for kind, points in paths.items():
        first = [p for p in points if p["codebook"] == 0]
        most = max(p["bits"] for p in first)
        between = [p for p in first if 0.1 < p["bits"] / most < 0.9]
        assert len(between) / len(first) >= FORMS_OVER, kind
