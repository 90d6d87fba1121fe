"""Command line: python -m serving --checkpoint assets/nano --port 8000. See docs/serving.md."""

import argparse
import os
import sys
from pathlib import Path

from engine.api.default_checkpoint import default_checkpoint
from engine.cli.loading import LoadingBar, folder_of, warm_up
from engine.engine import Engine
from engine.media.marking.marker import MARKS, Marker
from serving.engines.batched_engine import BatchedEngine
from serving.metrics import Metrics
from serving.run_log import write_to_stderr
from serving.server import serve
from serving.worker import MIB, ServingSettings

LOOPBACK = ("127.0.0.1", "::1", "localhost")
OPEN_TO_ALL = "note: everyone who reaches {} may use this server: give --api-key to change that"


def main(argv: list[str] | None = None) -> int:
    """Serve until a signal; return 2 where the checkpoint or a setting cannot be used."""
    arguments = _parser().parse_args(argv)
    settings = ServingSettings(
        keys=tuple(arguments.api_key or _keys_of_environment()),
        name=arguments.name,
        rows=arguments.rows,
        most_open=arguments.most_open,
        most_body_bytes=arguments.most_body_mib * MIB,
        drain_s=arguments.drain_s,
        marker=Marker.of(arguments.marks, os.environ.get("NEXT_OMNI_MARK_KEY")),
    )
    write_to_stderr()
    if not settings.keys and arguments.host not in LOOPBACK:
        print(OPEN_TO_ALL.format(arguments.host), file=sys.stderr)

    def load(metrics: Metrics) -> BatchedEngine:
        folder = folder_of(arguments.checkpoint, os.environ)
        engine = Engine.load(
            folder, arguments.device, weights=arguments.weights, progress=LoadingBar()
        )
        warm_up(engine)
        return BatchedEngine(engine, settings.rows, metrics.called)

    try:
        failed = serve(load, settings, arguments.host, arguments.port)
    except ValueError as error:
        failed = str(error)
    if failed is not None:
        print(f"error: {failed}", file=sys.stderr)
    return 0 if failed is None else 2


def _keys_of_environment() -> list[str]:
    """Return the keys of NEXT_OMNI_API_KEYS, parted by commas: a command line can be seen by other
    users of a machine."""
    said = os.environ.get("NEXT_OMNI_API_KEYS", "").split(",")
    return [key.strip() for key in said if key.strip()]


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m serving", description=__doc__)
    settings = ServingSettings()
    parser.add_argument(
        "--checkpoint",
        type=Path,
        default=default_checkpoint(os.environ),
        help="folder of it, or its Hub name",
    )
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda, or cuda:0,cuda:1")
    parser.add_argument("--weights", default="auto", help="auto, or int8: half the memory")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on")
    parser.add_argument("--port", type=int, default=8000)
    parser.add_argument(
        "--api-key",
        action="append",
        metavar="KEY",
        help="a client has to send one of these; also NEXT_OMNI_API_KEYS=KEY,KEY",
    )
    parser.add_argument("--name", help="of the model, if not the checkpoint's own")
    parser.add_argument(
        "--rows", type=int, default=settings.rows, help="runs that step in one round"
    )
    parser.add_argument(
        "--most-open", type=int, default=settings.most_open, help="runs at once, waiting ones too"
    )
    parser.add_argument(
        "--most-body-mib", type=int, default=settings.most_body_bytes // MIB, help="of a request"
    )
    parser.add_argument(
        "--drain-s", type=float, default=settings.drain_s, help="for what runs after SIGTERM"
    )
    parser.add_argument(
        "--marks",
        choices=MARKS,
        default="on",
        help="whether files say invisibly that a model made them, see docs/safety.md",
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
