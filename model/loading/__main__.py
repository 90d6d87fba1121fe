"""Command line: python -m model.loading FOLDER. Write the digests of a checkpoint's weight files
into its facts.json; `model.loading.checkpoint` compares them while it loads."""

import argparse
import sys
from pathlib import Path

from model.loading.file_digests import seal


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m model.loading", description=__doc__)
    parser.add_argument("folder", type=Path, help="of a checkpoint")
    try:
        for name, digest in seal(parser.parse_args(argv).folder).items():
            print(f"{digest}  {name}")
    except (ValueError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
