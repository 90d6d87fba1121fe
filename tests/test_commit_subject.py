"""The hook of commit messages takes the house's form and refuses others."""

import subprocess
import sys
from pathlib import Path

import pytest

HOOK = Path(__file__).resolve().parent.parent / ".ci/commit_subject.py"


@pytest.mark.parametrize(
    ("subject", "taken"),
    [
        ("engine: keep the seed of a draft", True),
        ("model, flow: open docstrings with a verb", True),
        ("Keep the seed of a draft", False),
        ("engine: Keep the seed", False),
        ("engine: keep the seed of a draft.", False),
        ("engine: keep", False),
        ("engine: keep " + "x" * 60, False),
    ],
)
def test_a_subject_is_taken_or_refused(tmp_path: Path, subject: str, taken: bool) -> None:
    message = tmp_path / "message"
    message.write_text(f"{subject}\n\nThe body says why.\n")
    ended = subprocess.run([sys.executable, str(HOOK), str(message)], capture_output=True)
    assert (ended.returncode == 0) == taken
