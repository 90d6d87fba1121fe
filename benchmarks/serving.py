"""The service that visitors get when many come at once: `python -m benchmarks.serving`.

A worker (`python -m serving`) and a page in front of it (`python app.py --engine`) are started as
processes of their own; so many users ask for a picture at the same moment, at the worker as a page
does, and at the page as a browser does. Every picture is compared with the one that the same seed
gives alone. Owns: the measurement. Does not own: a visitor (`benchmarks.bare_visitor`).
"""

import argparse
import hashlib
import json
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import numpy as np
from websockets.sync.client import connect

from app.stream.run import watch_id
from benchmarks.bare_visitor import BareVisitor, functions
from benchmarks.report import publish
from engine.api.conversation import Conversation
from engine.api.events import Completed, Refined
from engine.api.request import Modality, Request
from engine.api.sampling import Sampling
from serving.remote.link import Link
from serving.remote.remote_engine import RemoteEngine

ROOT = Path(__file__).resolve().parents[1]
PROMPT, STEPS, SEEDS = "a red heart above a dog", 16, 8
USERS = (1, 8, 32, 64)
START_S = 300.0


@dataclass
class Served:
    """The experience of one user. first_s, whole_s: until the first refinement, and the end.
    digest: of the states of all steps, or of the picture's file, "" where there is none. places: in
    line, by the numbers of their messages, since those that were missed come last. told_wait:
    whether an estimate came with them."""

    first_s: float = np.inf
    whole_s: float = np.inf
    digest: str = ""
    places: dict[int, int] = field(default_factory=dict)
    told_wait: bool = False


def main(argv: Sequence[str] | None = None) -> int:
    """Measure, and print one line of JSON."""
    arguments = _parser().parse_args(argv)
    started_s = time.monotonic()
    metrics: dict[str, float] = {}
    with _worker(arguments.checkpoint) as worker, _page(worker) as page:
        engine = RemoteEngine.connect(Link(worker), patience_s=START_S)
        for name, ask in (("worker", _ask_worker(engine)), ("page", _ask_page(page))):
            alone = [ask(seed) for seed in range(SEEDS)]
            right = [one.digest for one in alone]
            assert all(right) and len(set(right)) == SEEDS, "every seed has a picture of its own"
            metrics |= _figures(f"{name}_alone", alone, right)
            for users in arguments.users:
                begun_s = time.monotonic()
                with ThreadPoolExecutor(users) as pool:
                    found = list(pool.map(ask, (i % SEEDS for i in range(users))))
                metrics |= _figures(f"{name}_{users}", found, right)
                metrics[f"{name}_{users}_pictures_s"] = users / (time.monotonic() - begun_s)
    publish("serving", None, arguments, started_s, metrics)
    return 0


def _figures(name: str, found: Sequence[Served], right: Sequence[str]) -> dict[str, float]:
    """Return what so many users got. right: the digest of each seed's picture."""
    own = sum(one.digest == right[i % SEEDS] for i, one in enumerate(found))
    figures = {f"{name}_own_picture": own / len(found)}
    for what in ("first_s", "whole_s"):
        values = [getattr(one, what) for one in found]
        for share in (50, 95):
            figures[f"{name}_{what}_p{share}"] = float(np.percentile(values, share))
    lines = [[one.places[i] for i in sorted(one.places)] for one in found if one.places]
    if lines:
        figures[f"{name}_longest_line"] = max(map(max, lines))
        rising = sum(line != sorted(line, reverse=True) for line in lines)
        figures[f"{name}_places_that_rose"] = rising
        figures[f"{name}_told_a_wait"] = sum(one.told_wait for one in found) / len(found)
    return figures


def _ask_worker(engine: RemoteEngine) -> Callable[[int], Served]:
    def ask(seed: int) -> Served:
        begun_s, served, states = time.monotonic(), Served(), hashlib.sha256()
        request = Request(
            Conversation.ask(PROMPT), Modality.IMAGE, Sampling(steps=STEPS, seed=seed)
        )
        for event in engine.generate(request):
            if isinstance(event, Refined):
                served.first_s = min(served.first_s, time.monotonic() - begun_s)
                states.update(event.tokens_t.tobytes())
            elif isinstance(event, Completed):
                served.whole_s, served.digest = time.monotonic() - begun_s, states.hexdigest()
        return served

    return ask


def _ask_page(url: str) -> Callable[[int], Served]:
    numbers = functions(url)

    def ask(seed: int) -> Served:
        begun_s, served = time.monotonic(), Served()
        visitor = BareVisitor(url, numbers)
        form = (PROMPT, STEPS, 0, "midpoint", str(seed), str(seed), True, None, 0.5, 1)
        ticket, *_ = visitor.call("draw", "", *form)
        live = f"ws{url.removeprefix('http')}live/{watch_id(str(ticket))}"
        with connect(live, open_timeout=START_S, max_size=None) as channel:
            visitor.join("draw_run", ticket)
            for message in channel:
                assert isinstance(message, bytes)
                _see(served, message, time.monotonic() - begun_s)
        return served

    return ask


def _see(served: Served, message: bytes, at_s: float) -> None:
    """Note one message of the live channel, docs/live.md."""
    length = int.from_bytes(message[:4])
    header, media = json.loads(message[4 : 4 + length]), message[4 + length :]
    if header["kind"] == "waiting":
        served.places[header["number"]] = header["place"]
        served.told_wait |= header.get("wait_s") is not None
    elif header["kind"] == "refined":
        served.first_s = min(served.first_s, at_s)
    elif header["kind"] == "completed":
        served.whole_s = at_s
        served.digest = hashlib.sha256(media[: header["media"][0]["size"]]).hexdigest()


@contextmanager
def _worker(checkpoint: Path) -> Iterator[str]:
    port = _free_port()
    command = [
        sys.executable,
        "-m",
        "serving",
        "--checkpoint",
        str(checkpoint),
        "--port",
        str(port),
    ]
    with _process(command, f"http://127.0.0.1:{port}/ready") as address:
        yield address.removesuffix("/ready")


@contextmanager
def _page(worker: str) -> Iterator[str]:
    port = _free_port()
    command = ["env", f"GRADIO_SERVER_PORT={port}", sys.executable, "app.py", "--engine", worker]
    with _process(command, f"http://127.0.0.1:{port}/") as address:
        yield address


@contextmanager
def _process(command: Sequence[str], address: str) -> Iterator[str]:
    """Run a command until the block ends, which begins once the address answers."""
    process = subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        until_s = time.monotonic() + START_S
        while not _answers(address):
            if process.poll() is not None or time.monotonic() > until_s:
                raise RuntimeError(f"{' '.join(command)} does not answer at {address}")
            time.sleep(0.1)
        yield address
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(60)


def _answers(address: str) -> bool:
    try:
        return httpx.get(address, timeout=5).is_success
    except httpx.TransportError:
        return False


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as found:
        return found.getsockname()[1]


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.serving", description=__doc__)
    parser.add_argument("--checkpoint", type=Path, default=ROOT / "assets/nano")
    parser.add_argument(
        "--users", type=lambda said: [int(n) for n in said.split(",")], default=list(USERS)
    )
    parser.add_argument("--json", type=Path, help="also write the result here")
    parser.set_defaults(num=STEPS, seed=0)
    return parser


if __name__ == "__main__":
    sys.exit(main())
