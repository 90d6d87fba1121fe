"""A run of a page, watched from the command line: the client of docs/live.md.

Owns: reading the wire, a line for each message, keeping the answers. Does not own: the server
(`app.stream.websocket`).
"""

import json
import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import websockets.sync.client
from websockets.exceptions import InvalidHandshake, InvalidURI, WebSocketException

VERSION = 1
ENDS = ("completed", "stopped", "failed")
SUFFIXES = {"image/png": "png", "image/gif": "gif", "audio/wav": "wav", "video/mp4": "mp4"}


@dataclass(frozen=True)
class Told:
    """One message: header, and media by name."""

    header: Mapping[str, Any]
    media: Mapping[str, bytes]

    @property
    def line(self) -> str:
        """The event as a line for a terminal."""
        h = self.header
        match h["kind"]:
            case "waiting":
                return f"waiting, {h['place']} ahead"
            case "started":
                recipe = h["recipe"]
                asked = f"{recipe['prompt']!r}, seed {recipe['seed']}, {recipe['method']}"
                return f"{h['modality']} begins: {h['num_steps']} steps, {asked}"
            case "refined":
                moved, sure = (_mean(h[name]) for name in ("changed", "confidence"))
                words = "".join(h.get("words_1", ()))
                numbers = f"t {h['t']:.3f}, {moved:.0%} changed, {sure:.0%} sure"
                return f"step {h['index'] + 1}/{h['num_steps']}: {numbers}  {words}".rstrip()
            case "drafted":
                draft = f"draft {h['draft'] + 1} of {h['num']}, seed {h['seed']}"
                return f"{draft}: {h['score']:.3f} near what was asked"
            case "completed" | "stopped":
                said = " ".join(a["text"] for a in h["answers"] if a["text"])
                took = f"{h['kind']} after {h['elapsed_s']:.2f} s and {h['nfe']} calls"
                return f"{took}: {said}" if said else took
            case _:
                return str(h.get("sentence", h["kind"]))


def decode(frame: bytes) -> Told:
    """The message of one binary frame. Raises: ValueError where it is none of ours."""
    try:
        (length,) = struct.unpack_from(">I", frame)
        header = json.loads(frame[4 : 4 + length])
        media: dict[str, bytes] = {}
        offset = 4 + length
        for item in header["media"]:
            media[item["name"]] = frame[offset : offset + item["size"]]
            offset += item["size"]
        version = header["version"]
    except (struct.error, ValueError, KeyError, TypeError) as error:
        raise ValueError("that server does not speak the live channel of docs/live.md") from error
    if version != VERSION:
        raise ValueError(f"that server speaks version {version}, this program version {VERSION}")
    return Told(header, media)


def watch(url: str) -> Iterator[Told]:
    """The messages of a run until its end.

    Raises: ValueError for an invalid address, a server that does not answer, or an unknown run.
    """
    try:
        with websockets.sync.client.connect(url, max_size=None) as socket:
            for frame in socket:
                told = decode(frame if isinstance(frame, bytes) else frame.encode())
                yield told
                if told.header["kind"] in ENDS:
                    return
    except InvalidURI as error:
        raise ValueError(f"{url} is no address: give ws://HOST/live/ID") from error
    except InvalidHandshake as error:
        raise ValueError(f"no run is to be seen at {url}: is the link whole?") from error
    except (OSError, WebSocketException) as error:
        raise ValueError(f"{url} cannot be reached ({error})") from error


def keep(told: Told, folder: Path) -> list[Path]:
    """Write the media of an end; the files."""
    folder.mkdir(parents=True, exist_ok=True)
    files: list[Path] = []
    types = {item["name"]: item["type"] for item in told.header["media"]}
    for name, content in told.media.items():
        file = folder / f"{Path(name).name}.{SUFFIXES.get(types[name], 'bin')}"
        file.write_bytes(content)
        files.append(file)
    return files


def _mean(numbers: list[float]) -> float:
    return sum(numbers) / max(1, len(numbers))
