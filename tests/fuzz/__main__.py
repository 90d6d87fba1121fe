"""Command line: python -m tests.fuzz [--seconds N] [READER ..]. See `make fuzz`."""

import argparse
import sys
import time

from tests.fuzz.fuzzing import drive, peak_bytes
from tests.fuzz.readers import READERS

AT_ONCE, MOST_BYTES = 200, 10**9


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("readers", nargs="*", default=list(READERS), help=", ".join(READERS))
    parser.add_argument("--seconds", type=float, default=60.0, help="for each reader")
    parser.add_argument("--seed", type=int, default=0, help="of the first files")
    arguments = parser.parse_args()
    before = peak_bytes()
    for name in arguments.readers:
        begun, number = time.monotonic(), arguments.seed
        while time.monotonic() - begun < arguments.seconds:
            drive(name, number, AT_ONCE)
            number += 1
        files, grown = (number - arguments.seed) * AT_ONCE, (peak_bytes() - before) / 1e6
        print(f"{name}: {files} files, only sentences; {grown:.0f} MB above the start", flush=True)
    return 0 if peak_bytes() - before < MOST_BYTES else 1


if __name__ == "__main__":
    sys.exit(main())
