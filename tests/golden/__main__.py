"""Compare this program's answers with golden.json: python -m tests.golden [--write]

Prints every difference; exits with 1 where there is one, with 2 where this processor counts
otherwise than the one that the file was made on.
"""

import argparse
import json
import sys
from pathlib import Path

from engine.engine import Engine
from tests.golden.digests import Digests, arithmetic
from tests.golden.requests import CASES, CHECKPOINT

FILE = Path(__file__).with_name("golden.json")


def read() -> tuple[str, dict[str, Digests]]:
    """The arithmetic that the file was made with, and the digests by name."""
    found = json.loads(FILE.read_text())
    return found["arithmetic"], found["answers"]


def differences(name: str, wanted: Digests, found: Digests) -> list[str]:
    """A line for every digest that is not the same."""
    return [
        f"{name}: {key} is {found.get(key)!r}, was {wanted.get(key)!r}"
        for key in {**wanted, **found}
        if found.get(key) != wanted.get(key)
    ]


def main(argv: list[str] | None = None) -> int:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.golden", description=__doc__)
    parser.add_argument("--write", action="store_true", help="make the file anew")
    parser.add_argument("--only", nargs="+", choices=CASES, metavar="NAME", default=list(CASES))
    arguments = parser.parse_args(argv)
    made_with = arithmetic()
    engine = Engine.load(CHECKPOINT, "cpu")
    if arguments.write:
        answers = {name: case(engine) for name, case in CASES.items()}
        FILE.write_text(json.dumps({"arithmetic": made_with, "answers": answers}, indent=1) + "\n")
        return 0
    wanted_with, wanted = read()
    if made_with != wanted_with:
        print(f"this processor counts otherwise: {made_with}, the file has {wanted_with}")
        return 2
    found = [
        line
        for name in arguments.only
        for line in differences(name, wanted.get(name, {}), CASES[name](engine))
    ]
    print("\n".join(found) or f"all {len(arguments.only)} are the same")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
