"""The file of a trace opens in three lines, and a foreign file harms nobody."""

import io
import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from engine.api.conversation import Conversation
from engine.api.request import Request
from engine.api.sampling import Sampling
from engine.engine import Engine
from engine.inspection.trace_file import MAX_FILE_BYTES, read_trace, trace_bytes
from flow.modality import Modality
from tests.engine.inspection.test_trace import asking, recorded

NANO = Path(__file__).resolve().parents[3] / "assets" / "nano"


def test_it_opens_in_three_lines(tiny_engine: Engine, tmp_path: Path) -> None:
    _, trace = recorded(tiny_engine, asking(Modality.IMAGE, steps=3))
    (tmp_path / "run.npz").write_bytes(trace_bytes(trace))
    numbers = np.load(tmp_path / "run.npz")
    about = json.loads(str(numbers["about"]))
    states = numbers["0.x_t"]
    assert states.shape == (3, 4, 4)
    assert about["segments"][0]["sampling"]["steps"] == 3
    assert about["version"] == 1


@pytest.fixture(scope="module")
def good(tiny_engine: Engine) -> bytes:
    return trace_bytes(recorded(tiny_engine, asking(Modality.TEXT, steps=3))[1])


def _changed(good: bytes, change: Callable[[dict[str, np.ndarray]], object]) -> bytes:
    arrays = dict(np.load(io.BytesIO(good)))
    change(arrays)
    out = io.BytesIO()
    np.savez_compressed(out, **arrays)
    return out.getvalue()


def _about(**values: Any) -> Callable[[dict[str, np.ndarray]], object]:
    def change(arrays: dict[str, np.ndarray]) -> None:
        about = json.loads(str(arrays["about"])) | values
        arrays["about"] = np.array(json.dumps(about))

    return change


def _set(name: str, array: np.ndarray) -> Callable[[dict[str, np.ndarray]], object]:
    return lambda arrays: arrays.__setitem__(name, array)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (_about(format="other"), "does not say"),
        (_about(version=9), "version 1 only"),
        (_about(segments=[]), "1 to 32 segments"),
        (_about(request={}), "not a whole trace"),
        (lambda a: a.pop("0.x_t"), "has no 0.x_t"),
        (lambda a: a.pop("0.entropy"), "a part of its alternatives"),
        (_set("0.t", np.array([0.2, np.nan, 1.0], np.float32)), "a number that is none"),
        (_set("0.t", np.zeros(2, np.float32)), "another size"),
        (_set("0.x_1", np.zeros((3, 8), np.uint16)), "another shape"),
        (_set("0.x_1", np.zeros((3, 8, 1), np.float32)), "another shape"),
    ],
)
def test_a_foreign_file_is_refused_with_a_sentence(
    good: bytes, change: Callable[[dict[str, np.ndarray]], object], says: str
) -> None:
    with pytest.raises(ValueError, match=says):
        read_trace(_changed(good, change))


def test_a_broken_file_is_refused(good: bytes) -> None:
    for broken in (b"", b"hello", good[:-40], good[:200]):
        with pytest.raises(ValueError, match="not a whole trace"):
            read_trace(broken)
    with pytest.raises(ValueError, match="at most 32 MB"):
        read_trace(bytes(MAX_FILE_BYTES + 1))


def _with_entry(good: bytes, name: str, content: bytes) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(good)) as old, zipfile.ZipFile(out, "w", 8) as new:
        for item in old.infolist():
            if item.filename != name:
                new.writestr(item.filename, old.read(item))
        new.writestr(name, content)
    return out.getvalue()


def test_a_hostile_file_does_no_harm(good: bytes, tmp_path: Path) -> None:
    bomb = _with_entry(good, "0.more.npy", bytes(200 * 2**20))
    assert len(bomb) < 2**20
    with pytest.raises(ValueError, match="unpacks to at most"):
        read_trace(bomb)
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(
        header, {"descr": "<f4", "fortran_order": False, "shape": (10**9,)}
    )
    with pytest.raises(ValueError, match="too large"):
        read_trace(_with_entry(good, "0.t.npy", header.getvalue()))
    pickled = io.BytesIO()
    np.save(pickled, np.array([{"a": 1}], dtype=object), allow_pickle=True)
    with pytest.raises(ValueError, match="not made of numbers"):
        read_trace(_with_entry(good, "0.t.npy", pickled.getvalue()))
    outside = _with_entry(good, "../../outside.npy", b"x")
    assert read_trace(outside).segments[0].num_steps == 3
    assert not list(tmp_path.parent.glob("**/outside*"))


def test_a_picture_of_32_steps_is_below_a_megabyte() -> None:
    engine = Engine.load(NANO, "cpu")
    request = Request(Conversation.ask("a panda"), Modality.IMAGE, Sampling(steps=32))
    _, trace = recorded(engine, request, watch=5)
    assert len(trace_bytes(trace)) < 1_000_000
