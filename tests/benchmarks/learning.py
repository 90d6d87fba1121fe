"""Stands in for a training that goes on: counts how often it was run for how many minutes."""

import sys
from pathlib import Path


def main() -> int:
    minutes, runs = float(sys.argv[1]), Path(sys.argv[2])
    assert 0 < minutes < 10
    runs.mkdir(parents=True, exist_ok=True)
    state = runs / "state"
    state.write_text(str(1 + (int(state.read_text()) if state.exists() else 0)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
