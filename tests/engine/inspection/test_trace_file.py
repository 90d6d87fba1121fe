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


def _packed(good: bytes, flag: int, method: int) -> bytes:
    """The archive with another flag and method in all of its headers."""
    content = bytearray(good)
    for mark, flags in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        place = content.find(mark)
        while place >= 0:
            content[place + flags] |= flag
            content[place + flags + 2 : place + flags + 4] = method.to_bytes(2, "little")
            place = content.find(mark, place + 4)
    return bytes(content)


@pytest.mark.parametrize(
    ("flag", "method", "says"),
    [(0, 9, "packed by deflate64"), (1, 8, "is encrypted"), (0, 98, "packed by ppmd")],
)
def test_an_odd_archive_is_told_as_what_it_is(
    good: bytes, flag: int, method: int, says: str
) -> None:
    with pytest.raises(ValueError, match=says):
        read_trace(_packed(good, flag, method))


def _nested(path: str, value: object) -> Callable[[dict[str, np.ndarray]], object]:
    def change(arrays: dict[str, np.ndarray]) -> None:
        about = json.loads(str(arrays["about"]))
        *before, last = path.split(".")
        place: Any = about
        for name in before:
            place = place[int(name) if name.isdigit() else name]
        place[last] = value
        arrays["about"] = np.array(json.dumps(about))

    return change


@pytest.mark.parametrize(
    ("path", "value", "says"),
    [
        ("segments.0.length", float("inf"), r"segments\.0\.length"),
        ("segments.0.heard", float("nan"), r"segments\.0\.heard"),
        ("segments.0.held", [10**30], "held"),
        ("segments.0.words", [1, 2], "words"),
        ("segments.0.colour", "red", r"newer version.*segments\.0\.colour"),
        ("request.sampling.curl", 3, r"newer version.*request\.sampling\.curl"),
        ("request.sampling.steps", "many", r"request\.sampling\.steps"),
        ("request.sampling.temperature", float("inf"), "temperature"),
        ("request.turns", "hello", r"request\.turns"),
        ("request.turns", [{"role": "user", "parts": [{"picture": "nothing"}]}], "has no nothing"),
        ("checkpoint", 5, "checkpoint"),
    ],
)
def test_a_value_that_is_none_is_named(good: bytes, path: str, value: object, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        read_trace(_changed(good, _nested(path, value)))


@pytest.mark.parametrize("header", [b"(' ", b"((((", b"{'descr': '<f4', 'shape': (1e99,)}"])
def test_a_header_that_is_no_python_is_told(good: bytes, header: bytes) -> None:
    content = b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header
    with pytest.raises(ValueError, match=r"this is not a whole trace: 0\.t cannot be read"):
        read_trace(_with_entry(good, "0.t.npy", content))


def test_one_picture_in_ten_thousand_parts_is_unpacked_once(good: bytes) -> None:
    def change(arrays: dict[str, np.ndarray]) -> None:
        arrays["large"] = np.zeros((2000, 2000, 3), np.uint8)
        said = json.loads(str(arrays["about"]))
        parts = [{"picture": "large"}] * 60 + [{"text": "a dog"}]
        said["request"]["turns"] = [{"role": "user", "parts": parts}] * 160
        arrays["about"] = np.array(json.dumps(said))

    content = _changed(good, change)
    assert len(content) < 200_000
    turns = read_trace(content).request.conversation.turns
    assert len({id(p.image) for t in turns for p in t.parts if p.image is not None}) == 1


def test_too_many_codes_are_refused_before_they_are_unpacked(good: bytes) -> None:
    header = io.BytesIO()
    shape = {"descr": "|u1", "fortran_order": False, "shape": (4096, 8192, 2)}
    np.lib.format.write_array_header_1_0(header, shape)
    with pytest.raises(ValueError, match="at most 8388608 codes"):
        read_trace(_with_entry(good, "0.x_t.npy", header.getvalue() + bytes(4096 * 8192 * 2)))


def test_halves_of_characters_are_marked(good: bytes) -> None:
    read = read_trace(_changed(good, _nested("segments.0.text", "a \ud800 dog")))
    assert read.segments[0].text == "a \ufffd dog"


def test_a_file_that_may_not_be_read_is_told(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"run\.npz cannot be read: no such file"):
        read_trace(tmp_path / "run.npz")
