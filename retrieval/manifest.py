"""The list of a gallery's items, `manifest.json`, from which its index is derived.

It is replaced as a whole, so a crash leaves the list before or the list after; writers of several
processes take turns by a lock. Owns: `Manifest`, `locked`, `write_whole`.
"""

import fcntl
import json
import os
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from retrieval.index import NeedsRebuildError
from retrieval.item import Item

FILE, LOCK = "manifest.json", ".lock"
FORMAT = 1
PATIENCE_S, LOOK_AGAIN_S = 20.0, 0.02


BROKEN = (ValueError, LookupError, TypeError, AttributeError, ArithmeticError, RecursionError)


class BrokenManifestError(NeedsRebuildError):
    """The list of a gallery cannot be read; the sentence says what to do."""


@dataclass(frozen=True)
class Manifest:
    """The content of the file. digest: of the checkpoint whose vectors the index holds. uri: of the
    index. generation: counts the rebuilds; each has its own table. width: of the vectors; 0 before
    the first."""

    digest: str
    uri: str
    generation: int = 1
    width: int = 0
    items: Mapping[str, Item] = field(default_factory=dict)

    @property
    def table(self) -> str:
        return f"items_{self.generation}"

    def save(self, folder: Path) -> None:
        """Write the manifest. Raises: OSError."""
        values = {
            "format": FORMAT,
            "digest": self.digest,
            "uri": self.uri,
            "generation": self.generation,
            "width": self.width,
            "items": [item.to_json() for item in self.items.values()],
        }
        write_whole(folder / FILE, json.dumps(values, ensure_ascii=False).encode())

    @classmethod
    def load(cls, folder: Path) -> "Manifest":
        """Read a manifest. Raises: BrokenManifestError where it is none, FileNotFoundError without
        a file."""
        try:
            values = json.loads((folder / FILE).read_bytes())
            items = [Item.from_json(v) for v in values["items"]]
            if values["format"] != FORMAT:
                raise ValueError(values["format"])
            return cls(
                digest=str(values["digest"]),
                uri=str(values["uri"]),
                generation=int(values["generation"]),
                width=int(values["width"]),
                items={item.id: item for item in items},
            )
        except BROKEN as error:
            raise BrokenManifestError(
                f"{folder / FILE} is not the list of a gallery: move it away and add your files "
                "again"
            ) from error


def write_whole(file: Path, content: bytes) -> None:
    """Write a file atomically. Raises: OSError where it cannot be written."""
    beside = file.with_name(f".{file.name}.new")
    with beside.open("wb") as opened:
        opened.write(content)
        opened.flush()
        os.fsync(opened.fileno())
    beside.replace(file)


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Hold the lock of writers of all processes; that of a killed process is released.

    Raises: ValueError where another one takes too long, OSError where nothing can be written.

    """
    with (folder / LOCK).open("a") as file:
        until = time.monotonic() + PATIENCE_S
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError as error:
                if time.monotonic() > until:
                    raise ValueError(
                        f"{folder.name} is being written by somebody else: try again in a moment"
                    ) from error
                time.sleep(LOOK_AGAIN_S)
        yield
