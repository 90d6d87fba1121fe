"""The frames that a distant viewer sees, and the cost of viewers and of recording to a run.

The real server, its websocket behind a proxy that delays each direction by half of --latency, one
viewer and twenty; and runs that are recorded against runs that are not. Interleaved, medians.
"""

import argparse
import socket
import sys
import time
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

from app.page import build_page, serve
from app.session import Session
from benchmarks.report import common_parser, loaded, publish
from benchmarks.viewer_process import Seen, ViewerProcess
from engine.api.conversation import Conversation
from engine.api.events import Completed
from engine.api.request import Request
from engine.api.sampling import Sampling
from engine.engine import Engine
from engine.inspection.trace_file import trace_bytes
from flow.modality import Modality

STEPS, LONG, WATCHERS, WATCH = 32, 64, 20, 6
NICE = 19
"""The niceness of the viewers' process."""


def main() -> int:
    parser = common_parser("viewing", __doc__, num=9, seed=0)
    parser.add_argument("--latency", type=float, default=120.0, help="there and back, ms")
    arguments = parser.parse_args()
    started = time.monotonic()
    engine = loaded(arguments)
    if engine is None:
        return 2
    host = Session(engine)
    page = build_page(host)
    port = free_port()
    serve(page, host, "127.0.0.1", port)
    elsewhere = ViewerProcess(port, NICE)
    try:
        metrics = _measured(host, elsewhere, arguments) | _recorded(host, arguments)
    finally:
        elsewhere.close()
        page.close(verbose=False)
    publish("viewing", engine, arguments, started, metrics)
    return 0


def _measured(
    host: Session, elsewhere: ViewerProcess, arguments: argparse.Namespace
) -> dict[str, float]:
    alone, one, many, speeds, firsts, ended = [], [], [], [], [], 0
    _run(host, elsewhere, _request(0, LONG), 0, 0.0)
    for i in range(arguments.num):
        request = _request(arguments.seed + i, LONG)
        alone.append(_unwatched(host, request))
        (seen,), begun, elapsed_s = _run(host, elsewhere, request, 1, arguments.latency)
        one.append(elapsed_s)
        firsts.append(seen.frames[0] - begun)
        speeds.append((len(seen.frames) - 1) / (seen.frames[-1] - seen.frames[0]))
        several, _, elapsed_s = _run(host, elsewhere, request, WATCHERS, 0.0)
        many.append(elapsed_s)
        ended += sum(s.elapsed_s is not None for s in several)
    return {
        "latency_ms": arguments.latency,
        "frames_per_s": median(speeds),
        "first_frame_s": median(firsts),
        "sampler_ratio_one_viewer": _ratio(one, alone),
        "sampler_ratio_twenty_viewers": _ratio(many, alone),
        "viewers_with_the_final": ended / (WATCHERS * arguments.num),
    }


def _recorded(host: Session, arguments: argparse.Namespace) -> dict[str, float]:
    plain, kept, size = [], [], 0
    for i in range(2 * arguments.num):
        request = _request(arguments.seed + i, STEPS)
        for watch, times in ((0, plain), (WATCH, kept)):
            run = host.open(request, owner="benchmark", watch=watch)
            started = time.perf_counter()
            for _ in host.drive(run.control_id):
                pass
            times.append(time.perf_counter() - started)
            if watch:
                with TemporaryDirectory() as folder:
                    (Path(folder) / "run.npz").write_bytes(trace_bytes(host.traces[run.id]))
                    size = max(size, (Path(folder) / "run.npz").stat().st_size)
    return {"recording_ratio": _ratio(kept, plain), "trace_kb": size / 1000, "trace_steps": STEPS}


def _ratio(times: list[float], others: list[float]) -> float:
    return median(a / b for a, b in zip(times, others, strict=True))


def _request(seed: int, steps: int) -> Request:
    sampling = Sampling(steps=steps, guidance_scale=1.0, seed=seed)
    return Request(Conversation.ask("a red heart above a dog"), Modality.IMAGE, sampling)


def _unwatched(host: Session, request: Request) -> float:
    """Return the seconds of the sampler without previews and viewers."""
    engine = host.engine
    assert isinstance(engine, Engine)
    *_, completed = engine.generate(request, preview_hz=0)
    assert isinstance(completed, Completed)
    return completed.elapsed_s


def _run(
    host: Session, elsewhere: ViewerProcess, request: Request, viewers: int, latency_ms: float
) -> tuple[list[Seen], float, float]:
    """Return what the viewers saw, the start of the run, and the seconds of its sampler."""
    run = host.open(request, owner="benchmark")
    elsewhere.watch(run.id, viewers, latency_ms / 2000)
    started = time.monotonic()
    for _ in host.drive(run.control_id):
        pass
    (last,) = [m for _, m in run.pending(0, 0)[0] if m.header["kind"] == "completed"]
    elapsed_s = last.header["elapsed_s"]
    assert isinstance(elapsed_s, float)
    return elsewhere.seen(), started, elapsed_s


def free_port() -> int:
    """Return a free port of 127.0.0.1."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


if __name__ == "__main__":
    sys.exit(main())
