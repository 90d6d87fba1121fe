"""Command line: python -m model.convert KIND SOURCE OUT, where KIND says what the source is.
Progress goes to stderr, the report to stdout; 2 is the exit code where something does not fit."""

import argparse
import sys
from pathlib import Path

from model.convert.catalogue import LAYOUTS
from model.convert.conversion import convert
from model.convert.writer import DEFAULT_PRESET, Target
from model.loading.hf_folder import HfFolder
from model.presets import PRESETS


def main(argv: list[str] | None = None) -> int:
    arguments = _parser().parse_args(argv)
    try:
        if arguments.source.resolve() == arguments.out.resolve():
            raise ValueError("SOURCE and OUT are the same folder: give another one for OUT")
        if LAYOUTS[arguments.layout].whole and arguments.preset is not None:
            raise ValueError(f"{arguments.layout} brings its own sizes: leave --preset out")
        source = HfFolder.open(arguments.source, arguments.allow_pickle)
        target = Target.open(arguments.out, arguments.preset)
        report = convert(LAYOUTS[arguments.layout], source, target)
    except ValueError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except OSError as error:
        print(f"error: cannot use {error.filename}: {error.strerror}", file=sys.stderr)
        return 2
    print("\n".join([*report.lines(), f"written to {arguments.out}"]))
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m model.convert", description=__doc__)
    parser.add_argument("layout", choices=list(LAYOUTS), help="what the source is")
    parser.add_argument("source", type=Path, help="folder with config.json and safetensors")
    parser.add_argument("out", type=Path, help="folder of ours: empty, or of an earlier conversion")
    parser.add_argument(
        "--preset",
        help=f"of a new checkpoint: {', '.join(PRESETS)}; {DEFAULT_PRESET} where nothing is said",
    )
    parser.add_argument(
        "--allow-pickle",
        type=Path,
        action="append",
        default=[],
        metavar="FILE",
        help="read the weights from this pickle, tensors only; give it once for each file",
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
