"""Command line: python -m serving.marking check FILE. See docs/safety.md.

The key of the owner comes from the environment, NEXT_OMNI_MARK_KEY. Does not own: the search
(`engine.media.marking.check`).
"""

import argparse
import os
import sys
from pathlib import Path

from engine.media.marking.check import finding
from engine.media.marking.keyed_signs import DEFAULT_KEY


def main(argv: list[str] | None = None) -> int:
    """Print what each file says; return 2 where one cannot be read."""
    parser = argparse.ArgumentParser(prog="python -m serving.marking", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    check = commands.add_parser("check", help="say whether files were made here")
    check.add_argument("files", nargs="+", type=Path, metavar="FILE")
    arguments = parser.parse_args(argv)
    key = os.environ.get("NEXT_OMNI_MARK_KEY") or DEFAULT_KEY
    failed = False
    for file in arguments.files:
        try:
            print(f"{file.name}: {finding(file, key)}")
        except ValueError as error:
            print(f"error: {error}", file=sys.stderr)
            failed = True
    return 2 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
