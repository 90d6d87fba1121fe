"""The checkpoint that a command uses where none is named. Imports nothing large."""

from collections.abc import Mapping
from pathlib import Path

SHIPPED = Path(__file__).resolve().parents[2] / "assets/nano"
"""The checkpoint beside the program, wherever it runs."""


def default_checkpoint(environment: Mapping[str, str]) -> Path:
    """Return the checkpoint that NEXT_OMNI_CHECKPOINT names, or `SHIPPED`."""
    return Path(environment.get("NEXT_OMNI_CHECKPOINT") or SHIPPED)
