"""The latency of a text query to the gallery, over HTTP.

The real page on a folder of --items texts and the items that ship; each of --num different queries
is sent as the page's script sends it, over HTTP, one after the other.
"""

import argparse
import json
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.request import Request, urlopen

import numpy as np

from app.page import build_page, serve
from app.session import Session
from benchmarks.report import common_parser, loaded, publish
from benchmarks.viewer_cost import free_port
from engine.engine import Engine
from retrieval.folder import add_folder
from retrieval.gallery import Gallery
from world.image.scenes import sample_scene
from world.text.captions import caption

SHOWN = 60
"""The number of results that the page requests."""


def main() -> int:
    parser = common_parser("query", __doc__, num=50, seed=0)
    parser.add_argument("--items", type=int, default=10_000, help="texts in the folder")
    arguments = parser.parse_args()
    started = time.monotonic()
    engine = loaded(arguments)
    if engine is None:
        return 2
    with TemporaryDirectory() as room:
        metrics = _measured(engine, Path(room), arguments)
    publish("query", engine, arguments, started, metrics)
    return 0


def _measured(engine: Engine, room: Path, arguments: argparse.Namespace) -> dict[str, float]:
    words = _captions(arguments.items + arguments.num, arguments.seed)
    texts, gallery = room / "texts", room / "gallery"
    texts.mkdir()
    for i, text in enumerate(words[: arguments.items]):
        (texts / f"{i}.txt").write_text(text)
    started = time.perf_counter()
    add_folder(Gallery.open(gallery, engine, ""), texts)
    metrics = {"index_s": time.perf_counter() - started, "items": arguments.items}
    session = Session(engine, gallery=gallery)
    page = build_page(session)
    port = free_port()
    serve(page, session, "127.0.0.1", port)
    try:
        seconds = [_query_s(f"http://127.0.0.1:{port}/", text) for text in words[arguments.items :]]
    finally:
        page.close(verbose=False)
    middle, slow = np.percentile(seconds[1:], (50, 95)).tolist()
    return metrics | {"first_s": seconds[0], "query_p50_s": middle, "query_p95_s": slow}


def _captions(num: int, seed: int) -> list[str]:
    """Return different sentences about held-out scenes."""
    rng = np.random.default_rng(seed)
    found: dict[str, None] = {}
    while len(found) < num:
        found[caption(sample_scene(rng, test=True), rng)] = None
    return list(found)


def _query_s(url: str, words: str) -> float:
    """Return the seconds from the query to the end of the response. Raises: RuntimeError where
    nothing is found."""
    body = json.dumps({"words": words, "k": SHOWN}).encode()
    headers = {"Content-Type": "application/json"}
    started = time.perf_counter()
    asked = Request(f"{url}gallery/search", body, headers)  # noqa: S310 (the page of this test)
    with urlopen(asked) as answer:  # noqa: S310
        found = json.load(answer)
    if not found["items"]:
        raise RuntimeError(f"nothing was found for {words!r}")
    return time.perf_counter() - started


if __name__ == "__main__":
    sys.exit(main())
