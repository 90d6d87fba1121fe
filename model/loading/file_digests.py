"""The digests of a checkpoint's weight files in its facts.json, so that a changed byte is noticed.

`python -m model.loading FOLDER` writes them for the files as they are. Older checkpoints have none
and load unchecked. Owns: `seal`, `refuse_changed`, `Digests`.
"""

import json
from collections.abc import Iterator, Mapping
from hashlib import blake2b
from pathlib import Path
from typing import Any

FACTS, SHARDS = "facts.json", "model-*.safetensors"
BESIDE = ("landmarks.safetensors", "prompts.safetensors", "voice/*.safetensors")
"""The other files of weights."""
KEY = "file_digests"
"""Key in facts.json: a table of file name -> digest. The one of a shard is of all shards up to it,
so that the last is the checkpoint's own digest."""
READ_BYTES, DIGEST_BYTES = 2**20, 6


class Digests:
    """The running digest of the shards, compared with facts.json behind each.

    Raises: ValueError where the table in facts.json is none.
    """

    def __init__(self, folder: Path, facts: Mapping[str, Any]) -> None:
        noted = facts.get(KEY, {})
        if not isinstance(noted, Mapping):
            raise ValueError(f"{folder / FACTS} is broken ({KEY} is no table): fetch it again")
        self._folder, self._noted = folder, noted
        self._running = blake2b(digest_size=DIGEST_BYTES)

    def add(self, shard: Path) -> str:
        """Return the digest up to a shard. Raises: ValueError where it is not the noted one."""
        for piece in _pieces(shard):
            self._running.update(piece)
        return self._compared(shard, self._running.hexdigest())

    def check_others(self) -> None:
        """Compare the files beside the shards. Raises: ValueError where one is changed."""
        for file in _others(self._folder):
            if _name(self._folder, file) in self._noted:
                self._compared(file, _digest(file))

    def _compared(self, file: Path, digest: str) -> str:
        if self._noted.get(_name(self._folder, file)) not in (None, digest):
            raise ValueError(
                f"{file} is not the file that was saved (its digest is another than in {FACTS}): "
                "fetch the checkpoint again"
            )
        return digest


def seal(folder: Path) -> Mapping[str, str]:
    """Write the digests of a checkpoint's files into its facts.json, and return them.

    Raises: ValueError where it has no facts.json.
    """
    file = folder / FACTS
    if not file.is_file():
        raise ValueError(f"{folder} is not a complete checkpoint: {FACTS} is missing")
    digests = Digests(folder, {})
    found = {_name(folder, shard): digests.add(shard) for shard in sorted(folder.glob(SHARDS))}
    found |= {_name(folder, other): _digest(other) for other in _others(folder)}
    facts = {**json.loads(file.read_text(encoding="utf-8")), KEY: found}
    file.write_text(json.dumps(facts, indent=1) + "\n", encoding="utf-8")
    return found


def _others(folder: Path) -> list[Path]:
    return [file for pattern in BESIDE for file in sorted(folder.glob(pattern))]


def _name(folder: Path, file: Path) -> str:
    return file.relative_to(folder).as_posix()


def _digest(file: Path) -> str:
    digest = blake2b(digest_size=DIGEST_BYTES)
    for piece in _pieces(file):
        digest.update(piece)
    return digest.hexdigest()


def _pieces(file: Path) -> Iterator[bytes]:
    with file.open("rb") as opened:
        while piece := opened.read(READ_BYTES):
            yield piece
