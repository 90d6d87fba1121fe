"""A recorded run is the run, its file opens in three lines, and a foreign file harms nobody."""

import io
import json
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from engine.engine import Engine
from engine.events import Completed, Event, Refined, Started
from engine.request import Conversation, Request, Sampling, Start
from engine.trace import MAX_FILE_BYTES, Trace, events_of
from flow.modality import Modality

NANO = Path(__file__).resolve().parents[2] / "assets" / "nano"
WATCH = 3


def _run(engine: Engine, request: Request, watch: int = WATCH) -> tuple[list[Event], Trace]:
    recorder = engine.recorder()
    events: list[Event] = []
    for event in engine.generate(request, preview_hz=0, watch=watch):
        recorder.see(event)
        events.append(event)
    return events, recorder.trace()


def _request(to: Modality | None, **settings: Any) -> Request:
    picture = np.full((32, 32, 3), 90, np.uint8)
    return Request(Conversation.ask("draw a dog", picture), to, Sampling(seed=4, **settings))


@pytest.mark.parametrize("to", [Modality.IMAGE, Modality.TEXT])
@pytest.mark.parametrize("sampler", ["flow", "masked", "autoregressive"])
def test_what_is_read_is_what_ran(
    tiny_engine: Engine, tmp_path: Path, to: Modality, sampler: str
) -> None:
    request = _request(to, sampler=sampler, steps=3, guidance_scale=1.0)
    events, trace = _run(tiny_engine, request)
    trace.save(tmp_path / "run.npz")
    read = Trace.load(tmp_path / "run.npz")
    assert read.checkpoint == {"name": "tiny", "digest": tiny_engine.digest}
    assert read.request.sampling == request.sampling
    asked, kept = request.conversation.turns[0].parts, read.request.conversation.turns[0].parts
    assert kept[1] == asked[1]
    assert np.array_equal(kept[0].image, asked[0].image)  # type: ignore[arg-type]
    for before, after in zip(events, events_of(read), strict=True):
        assert type(before) is type(after)
        if isinstance(before, Refined) and isinstance(after, Refined):
            assert (before.index, before.last, before.nfe) == (after.index, after.last, after.nfe)
            assert before.words_t == after.words_t
            assert before.words_1 == after.words_1
            assert np.array_equal(before.tokens_t, after.tokens_t)
            assert np.array_equal(before.changed, after.changed)
            assert before.likely is not None
            assert after.likely is not None
            assert np.array_equal(before.likely.ids, after.likely.ids)
            assert after.confidence == pytest.approx(before.confidence, abs=1e-3)
        if isinstance(before, Completed) and isinstance(after, Completed):
            assert np.array_equal(before.answers[0].tokens, after.answers[0].tokens)
            assert before.answers[0].text == after.answers[0].text


def test_a_trace_makes_its_run_again(tiny_engine: Engine, tmp_path: Path) -> None:
    request = _request(None, steps=3)
    _, trace = _run(tiny_engine, request)
    trace.save(tmp_path / "run.npz")
    again, _ = _run(tiny_engine, Trace.load(tmp_path / "run.npz").request)
    assert isinstance(again[-1], Completed)
    for answer, segment in zip(again[-1].answers, trace.segments, strict=True):
        assert np.array_equal(answer.tokens, segment.arrays["x_t"][-1])


def test_a_run_that_goes_on_from_a_state_is_made_again(tiny_engine: Engine, tmp_path: Path) -> None:
    request = _request(Modality.IMAGE, steps=4)
    _, first = _run(tiny_engine, request)
    a = first.segments[0].arrays
    start = Start(
        Modality.IMAGE,
        a["x_t"][1].astype(np.int64),
        a["x_1"][1].astype(np.int64),
        float(a["t"][1]),
        np.array([True, False, False, False]),
        segment=1,
        said=("here you go",),
    )
    _, trace = _run(tiny_engine, replace(request, start=start))
    trace.save(tmp_path / "run.npz")
    read = Trace.load(tmp_path / "run.npz")
    assert read.request.start is not None
    assert (read.request.start.said, read.request.start.segment) == (start.said, 1)
    _, again = _run(tiny_engine, read.request)
    assert np.array_equal(again.segments[0].arrays["x_t"], trace.segments[0].arrays["x_t"])
    assert again.segments[0].num_steps == 2


def test_it_opens_in_three_lines(tiny_engine: Engine, tmp_path: Path) -> None:
    _, trace = _run(tiny_engine, _request(Modality.IMAGE, steps=3))
    trace.save(tmp_path / "run.npz")
    numbers = np.load(tmp_path / "run.npz")
    about = json.loads(str(numbers["about"]))
    states = numbers["0.x_t"]
    assert states.shape == (3, 4, 4)
    assert about["segments"][0]["sampling"]["steps"] == 3
    assert about["version"] == 1


@pytest.mark.parametrize("sampler", ["flow", "masked", "autoregressive"])
@pytest.mark.parametrize("scale", [0.0, 1.0])
def test_watching_changes_nothing(tiny_engine: Engine, sampler: str, scale: float) -> None:
    request = _request(Modality.IMAGE, sampler=sampler, steps=3, guidance_scale=scale)
    watched, plain = (_run(tiny_engine, request, watch)[0] for watch in (WATCH, 0))
    for a, b in zip(watched, plain, strict=True):
        if isinstance(a, Refined) and isinstance(b, Refined):
            assert np.array_equal(a.tokens_t, b.tokens_t)
            assert np.array_equal(a.confidence, b.confidence)
            assert b.likely is None


def test_alternatives_are_of_the_distribution_that_was_drawn_from(tiny_engine: Engine) -> None:
    events, _ = _run(tiny_engine, _request(Modality.IMAGE, steps=3), watch=16)
    for event in events:
        if not isinstance(event, Refined):
            continue
        assert event.likely is not None
        p = event.likely.probabilities
        assert p.sum(-1) == pytest.approx(np.ones(p.shape[:2]), abs=1e-4)
        assert bool((np.diff(p, axis=-1) <= 0).all())
        entropy = -(p * np.log(np.maximum(p, 1e-30))).sum(-1)
        assert event.likely.entropy == pytest.approx(entropy, abs=1e-3)
        drawn = (event.likely.ids == event.tokens_1[..., None]).argmax(-1)
        sure = np.take_along_axis(p, drawn[..., None], -1)[..., 0]
        assert event.confidence == pytest.approx(sure, abs=1e-5)


def test_a_stopped_run_can_be_kept(tiny_engine: Engine) -> None:
    recorder = tiny_engine.recorder()
    with pytest.raises(ValueError, match="not a step"):
        recorder.trace()
    for event in tiny_engine.generate(_request(Modality.IMAGE, steps=5), watch=WATCH):
        recorder.see(event)
        if isinstance(event, Refined) and event.index == 1:
            break
    kept = recorder.trace()
    assert kept.segments[0].num_steps == 2
    assert kept.segments[0].arrays["likely_p"].shape == (2, 4, 4, WATCH)


def test_a_picture_of_32_steps_is_below_a_megabyte(tmp_path: Path) -> None:
    engine = Engine.load(NANO, "cpu")
    request = Request(Conversation.ask("a panda"), Modality.IMAGE, Sampling(steps=32))
    _, trace = _run(engine, request, watch=5)
    trace.save(tmp_path / "run.npz")
    assert (tmp_path / "run.npz").stat().st_size < 1_000_000


@pytest.fixture(scope="module")
def good(tiny_engine: Engine, tmp_path_factory: pytest.TempPathFactory) -> bytes:
    file = tmp_path_factory.mktemp("trace") / "run.npz"
    _run(tiny_engine, _request(Modality.TEXT, steps=3))[1].save(file)
    return file.read_bytes()


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
        Trace.load(_changed(good, change))


def test_a_broken_file_is_refused(good: bytes, tmp_path: Path) -> None:
    for broken in (b"", b"hello", good[:-40], good[:200]):
        with pytest.raises(ValueError, match="not a whole trace"):
            Trace.load(broken)
    with pytest.raises(ValueError, match="at most 32 MB"):
        Trace.load(bytes(MAX_FILE_BYTES + 1))


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
        Trace.load(bomb)
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(
        header, {"descr": "<f4", "fortran_order": False, "shape": (10**9,)}
    )
    with pytest.raises(ValueError, match="too large"):
        Trace.load(_with_entry(good, "0.t.npy", header.getvalue()))
    pickled = io.BytesIO()
    np.save(pickled, np.array([{"a": 1}], dtype=object), allow_pickle=True)
    with pytest.raises(ValueError, match="not made of numbers"):
        Trace.load(_with_entry(good, "0.t.npy", pickled.getvalue()))
    outside = _with_entry(good, "../../outside.npy", b"x")
    assert Trace.load(outside).segments[0].num_steps == 3
    assert not list(tmp_path.parent.glob("**/outside*"))


def test_a_started_segment_has_its_complete_settings(tiny_engine: Engine) -> None:
    events, trace = _run(tiny_engine, _request(Modality.IMAGE, steps=3))
    assert isinstance(events[0], Started)
    assert trace.segments[0].sampling == events[0].request.sampling
    assert trace.request.sampling == replace(events[0].request.sampling, **_asked(trace))


def _asked(trace: Trace) -> dict[str, Any]:
    """What the request left to the checkpoint."""
    asked = trace.request.sampling
    return {
        name: None
        for name in ("transition", "guidance_scale", "temperature", "top_p", "grid", "c", "a")
        if getattr(asked, name) is None
    }
