"""Files and links of an earlier program say today what they said then."""

import json
from pathlib import Path
from typing import Any

import pytest

from engine.inspection.trace_file import read_trace, trace_bytes
from tests.old_files import reading
from tests.old_files.reading import FOLDER

EXPECTED: dict[str, Any] = json.loads((FOLDER / "expected.json").read_text())
READERS = {
    "traces": reading.trace,
    "media": reading.media,
    "configs": reading.config,
    "results": reading.result,
    "conversation.json": reading.conversation,
    "recorded-run.json": reading.recording,
    "links.txt": reading.links,
    "pack": reading.pack,
}
"""By the folder of a file, or by its own name."""


def _same(found: Any, wanted: Any) -> None:
    assert json.loads(json.dumps(found)) == wanted


def test_every_old_file_is_read() -> None:
    folders = ("traces", "media", "configs", "results")
    there = {str(f.relative_to(FOLDER)) for name in folders for f in (FOLDER / name).iterdir()}
    alone = {"conversation.json", "recorded-run.json", "links.txt", "gallery", "pack"}
    assert set(EXPECTED) == there | alone


@pytest.mark.parametrize("name", [name for name in EXPECTED if name != "gallery"])
def test_an_old_file_says_the_same(name: str) -> None:
    _same(READERS[name.split("/")[0]](FOLDER / name), EXPECTED[name])


def test_an_old_gallery_says_and_finds_the_same(tmp_path: Path) -> None:
    _same(reading.gallery(FOLDER / "gallery", tmp_path / "copy"), EXPECTED["gallery"])


@pytest.mark.parametrize("name", [name for name in EXPECTED if name.startswith("configs")])
def test_nothing_of_an_old_config_is_lost(name: str) -> None:
    assert EXPECTED[name]["lost"] == []


def test_an_old_trace_that_is_written_again_reads_the_same(tmp_path: Path) -> None:
    for name in (name for name in EXPECTED if name.startswith("traces")):
        again = tmp_path / "again.npz"
        again.write_bytes(trace_bytes(read_trace(FOLDER / name)))
        _same(reading.trace(again), EXPECTED[name])
