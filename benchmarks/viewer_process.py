"""Viewers of a page in a process of their own, behind a proxy that delays them.

Imports nothing large, since a process that is spawned imports this file anew.
"""

import asyncio
import hashlib
import json
import os
import struct
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from multiprocessing import get_context
from multiprocessing.queues import Queue

from websockets.asyncio.client import connect

TestCase = tuple[str, int, float]
"""A run, its number of viewers, and their delay each way in seconds."""


@dataclass
class Seen:
    """The messages of one viewer. frames: arrival, by the monotonic clock, of each different
    image."""

    frames: list[float] = field(default_factory=list)
    looks: set[str] = field(default_factory=set)
    elapsed_s: float | None = None


class ViewerProcess:
    """Viewers in a separate process at the lowest priority, which stand for other computers."""

    def __init__(self, port: int, nice: int) -> None:
        context = get_context("spawn")
        self._wishes: Queue[TestCase | None] = context.Queue()
        self._found: Queue[list[Seen] | None] = context.Queue()
        self._process = context.Process(
            target=_view, args=(port, nice, self._wishes, self._found), daemon=True
        )
        self._process.start()

    def watch(self, run: str, num: int, delay_s: float) -> None:
        """Connect viewers to a run; return once all are connected."""
        self._wishes.put((run, num, delay_s))
        assert self._found.get() is None

    def seen(self) -> list[Seen]:
        """Return what the viewers received, after the end of the run."""
        found = self._found.get()
        assert found is not None
        return found

    def close(self) -> None:
        self._wishes.put(None)
        self._process.join()


def _view(
    port: int, nice: int, wishes: "Queue[TestCase | None]", found: "Queue[list[Seen] | None]"
) -> None:
    os.nice(nice)
    while (case := wishes.get()) is not None:
        run, num, delay_s = case
        seen = [Seen() for _ in range(num)]
        asyncio.run(_watch(seen, port, run, delay_s, lambda: found.put(None)))
        found.put(seen)


async def _watch(
    seen: list[Seen], port: int, run: str, delay_s: float, ready: Callable[[], None]
) -> None:
    proxy = await asyncio.start_server(_delayed(port, delay_s), "127.0.0.1", 0)
    through = proxy.sockets[0].getsockname()[1]
    async with proxy:
        sockets = [await connect(f"ws://127.0.0.1:{through}/live/{run}") for _ in seen]
        ready()
        await asyncio.gather(*(_follow(s, one) for s, one in zip(sockets, seen, strict=True)))


async def _follow(live: object, seen: Seen) -> None:
    async for message in live:  # type: ignore[attr-defined]
        (length,) = struct.unpack(">I", message[:4])
        header = json.loads(message[4 : 4 + length])
        if header["kind"] == "completed":
            seen.elapsed_s = header["elapsed_s"]
            return
        if header["kind"] == "refined" and header["media"]:
            look = hashlib.blake2b(message[4 + length :]).hexdigest()
            if look not in seen.looks:
                seen.looks.add(look)
                seen.frames.append(time.monotonic())


def _delayed(
    port: int, delay_s: float
) -> Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]:
    """Return a proxy to a port that delays each direction."""

    async def pipe(source: asyncio.StreamReader, to: asyncio.StreamWriter) -> None:
        waiting: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue()

        async def send() -> None:
            while True:
                due, part = await waiting.get()
                await asyncio.sleep(max(0.0, due - time.monotonic()))
                if not part:
                    to.close()
                    return
                to.write(part)

        sending = asyncio.create_task(send())
        part = b"."
        while part:
            part = await source.read(65_536)
            waiting.put_nowait((time.monotonic() + delay_s, part))
        await sending

    async def serve_one(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        back, there = await asyncio.open_connection("127.0.0.1", port)
        await asyncio.gather(pipe(reader, there), pipe(back, writer), return_exceptions=True)

    return serve_one
