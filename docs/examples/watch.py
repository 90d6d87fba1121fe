"""Watch a run of NExT-OMNI Live: python watch.py ws://127.0.0.1:7860/live/ID (see docs/live.md)."""

import asyncio
import json
import struct
import sys

import websockets


def decode(frame: bytes) -> tuple[dict, dict[str, bytes]]:
    """The header and the media of one message."""
    (length,) = struct.unpack_from(">I", frame)
    header, offset, media = json.loads(frame[4 : 4 + length]), 4 + length, {}
    for item in header["media"]:
        media[item["name"]] = frame[offset : offset + item["size"]]
        offset += item["size"]
    return header, media


async def watch(url: str) -> None:
    """Print a line for each message until the run is over."""
    async with websockets.connect(url, max_size=None) as socket:
        async for frame in socket:
            header, media = decode(frame)
            step = f"{header['index'] + 1}/{header['num_steps']}" if "index" in header else ""
            print(header["kind"], step, *(f"{name}: {len(m)} bytes" for name, m in media.items()))


asyncio.run(watch(sys.argv[1]))
