"""What the Lab shows of a recorded run is what the run was."""

import io
import json
from base64 import b64decode
from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np
import pytest
from PIL import Image

from app.lab.trace_view import HEATS, MAX_STEPS, heat_maps, overview, token
from engine.api.conversation import Conversation
from engine.api.request import Modality, Request
from engine.api.sampling import Sampling
from engine.engine import Engine
from engine.inspection.trace import SegmentTrace, Trace
from tests.fake_engine import FakeEngine, FakeLens


def recorded(engine: Engine | FakeEngine, to: Modality | None, watch: int = 3) -> Trace:
    recorder = engine.recorder()
    request = Request(Conversation.ask("draw a big whale"), to, Sampling(steps=5, seed=3))
    for event in engine.generate(request, watch=watch):
        recorder.see(event)
    return recorder.trace()


@cache
def fake_run() -> Trace:
    return recorded(FakeEngine(step_s=0.0), None)


def changed(segment: SegmentTrace, **arrays: Any) -> SegmentTrace:
    return replace(segment, arrays={**segment.arrays, **arrays})


def test_heat_maps_obey_their_definitions() -> None:
    for segment in fake_run().segments:
        maps = heat_maps(segment, FakeLens())
        moved = segment.arrays["changed"].any(2)
        assert list(maps) == [name for name in HEATS if name != "entropy"]
        assert {m.shape for m in maps.values()} == {segment.arrays["x_t"].shape[:2]}
        assert maps["changes"][-1].sum() == segment.arrays["changed"].sum()
        assert (np.diff(maps["changes"], axis=0) >= 0).all()
        for position in range(moved.shape[1]):
            after = int(maps["settled"][0, position])
            assert not moved[after:, position].any()
            assert after == 0 or moved[after - 1, position]


def test_a_run_of_sound_is_refused_kindly() -> None:
    sound = recorded(FakeEngine(step_s=0.0), Modality.AUDIO)
    with pytest.raises(ValueError, match="pictures and films, and this run made a sound"):
        overview(sound, FakeLens(), "id", [None] * len(sound.segments))


def test_the_overview_is_plain_values_and_whole() -> None:
    trace = fake_run()
    plain = json.loads(json.dumps(overview(trace, FakeLens(), "an id", [1.5, None])))
    assert plain["id"] == "an id"
    assert [s["bits"] for s in plain["segments"]] == [1.5, None]
    text, image = plain["segments"]
    assert (text["modality"], image["modality"]) == ("text", "image")
    assert text["pictures"] is None
    assert image["words"] is None
    assert len(image["pictures"]["x_t"]) == len(image["pictures"]["x_1"]) == image["steps"] == 5
    assert image["grid"] ** 2 == image["length"]
    assert image["agrees"][-1] == pytest.approx(
        (trace.segments[1].arrays["x_1"][-1] == image["final"]).mean(), abs=1e-4
    )
    for name, (low, high) in image["range"].items():
        levels = np.frombuffer(b64decode(image["heat"][name]), np.uint8)
        assert len(levels) == image["steps"] * image["length"]
        exact = heat_maps(trace.segments[1], FakeLens())[name]
        back = low + levels.reshape(exact.shape) / 255 * (high - low)
        assert back == pytest.approx(exact, abs=(high - low) / 255 + 1e-4)


def test_a_film_is_seen_frame_by_frame() -> None:
    trace = recorded(FakeEngine(step_s=0.0), Modality.VIDEO)
    plain = json.loads(json.dumps(overview(trace, FakeLens(), "an id", [None])))
    (film,) = plain["segments"]
    assert (film["modality"], film["frames"], film["grid"], film["length"]) == ("video", 8, 8, 512)
    assert film["words"] is None
    for uris in film["pictures"].values():
        assert len(uris) == film["steps"] == 5
        with Image.open(io.BytesIO(b64decode(uris[0].partition(",")[2]))) as tall:
            assert tall.size == (128, 8 * 128)


def test_a_code_of_a_film_is_shown_in_its_own_frame(tiny_engine: Engine) -> None:
    """What stands in the other frames is nothing to it."""
    trace = recorded(tiny_engine, Modality.VIDEO)
    a = trace.segments[0].arrays
    length = a["x_t"].shape[1] // 8
    position = 5 * length + 2
    found = token(trace, tiny_engine.code_inspector, 0, 2, position)
    alone = {n: v[:, 5 * length : 6 * length] for n, v in a.items() if v.ndim > 2}
    frame = changed(replace(trace.segments[0], modality=Modality.IMAGE), **alone)
    wanted = token(replace(trace, segments=(frame,)), tiny_engine.code_inspector, 0, 2, 2)
    assert found["codes"] == wanted["codes"]


@pytest.mark.parametrize("to", [Modality.IMAGE, Modality.TEXT])
def test_one_token_of_a_real_run(tiny_engine: Engine, to: Modality) -> None:
    trace = recorded(tiny_engine, to)
    segment = trace.segments[0]
    a = segment.arrays
    found = json.loads(json.dumps(token(trace, tiny_engine.code_inspector, 0, 2, 1)))
    assert len(found["codes"]) == a["x_t"].shape[2]
    for q, code in enumerate(found["codes"]):
        assert code["now"] == a["x_t"][2, 1, q] == code["history"][2]
        assert code["predicted"] == a["x_1"][2, 1, q]
        assert code["path"][-1] == pytest.approx(0, abs=1e-4)
        assert [one["id"] for one in code["likely"]] == a["likely_ids"][2, 1, q].tolist()
        assert sum(one["p"] for one in code["likely"]) <= 1.01
        assert code["near"][0]["id"] == code["predicted"]
        look = "picture" if to is Modality.IMAGE else "piece"
        assert all(look in one for one in code["near"] + code["likely"])


@pytest.mark.parametrize(("segment", "step", "position"), [(2, 0, 0), (0, 5, 0), (1, 0, 64)])
def test_a_place_that_is_not_there_gets_a_sentence(segment: int, step: int, position: int) -> None:
    with pytest.raises(ValueError, match="this run has no"):
        token(fake_run(), FakeLens(), segment, step, position)


def test_a_run_that_is_too_long_or_of_another_model_is_refused(tiny_engine: Engine) -> None:
    (segment,) = recorded(tiny_engine, Modality.IMAGE).segments
    many = {n: a.repeat(60, 0) for n, a in segment.arrays.items()}
    long = replace(fake_run(), segments=(changed(segment, **many),))
    with pytest.raises(ValueError, match=f"up to {MAX_STEPS} steps"):
        overview(long, tiny_engine.code_inspector, "id", [None])
    foreign = replace(fake_run(), segments=fake_run().segments[1:])
    with pytest.raises(ValueError, match="positions"):
        overview(foreign, tiny_engine.code_inspector, "id", [None])
