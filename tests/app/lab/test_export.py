"""A kept run opens in other programs, and its settings come back out of the file."""

import io
import json
from base64 import b64decode
from functools import cache
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

from app.forms.recipe import read_recipe
from app.lab.export import FPS, LAST_MS, STRIP_FRAMES, file, page_of, still
from app.lab.trace_view import overview
from app.stream.encode import recipe_of
from engine.api.request import Modality
from engine.inspection.trace import Trace
from engine.inspection.trace_file import read_trace
from tests.app.lab.test_trace_view import recorded
from tests.fake_engine import FakeEngine, FakeLens


@cache
def drawn() -> Trace:
    return recorded(FakeEngine(step_s=0.0), Modality.IMAGE)


def made(kind: str, trace: Trace | None = None) -> bytes:
    found = file(trace or drawn(), FakeLens(), kind, None)
    assert found["name"] == f"draw-a-big-whale-seed-3.{kind}"
    return b64decode(found["uri"].split(",", 1)[1])


def test_the_trace_is_the_trace() -> None:
    read = read_trace(made("npz"))
    before = drawn().segments[0].arrays
    assert np.array_equal(read.segments[0].arrays["x_t"], before["x_t"])


def test_the_numbers_are_all_there() -> None:
    plain = json.loads(made("json"))
    (segment,) = plain["segments"]
    for name, array in drawn().segments[0].arrays.items():
        assert np.array(segment[name]) == pytest.approx(array.astype(float), abs=1e-4)


def test_the_strip_shows_predictions_above_states() -> None:
    with Image.open(io.BytesIO(made("png"))) as strip:
        shown = np.asarray(strip)
    steps = drawn().segments[0].num_steps
    assert shown.shape == (256, 128 * min(STRIP_FRAMES, steps), 3)
    last = FakeLens().pictures(drawn().segments[0].arrays["x_t"][-1:])[0]
    assert np.array_equal(shown[128:, -128:], last)


def test_a_still_is_the_picture_of_its_step_and_carries_the_settings(tmp_path: Path) -> None:
    found = still(drawn(), FakeLens(), 0, 2, "x_t")
    assert found["name"] == "draw-a-big-whale-seed-3-step-3.png"
    kept = tmp_path / "kept.png"
    kept.write_bytes(b64decode(found["uri"].split(",", 1)[1]))
    with Image.open(kept) as picture:
        shown = np.asarray(picture)
    expected = FakeLens().pictures(drawn().segments[0].arrays["x_t"][2:3])[0]
    assert np.array_equal(shown, expected)
    assert read_recipe(kept)["step"] == 3
    for wrong in ((1, 0, "x_t"), (0, 9, "x_t"), (0, 0, "about")):
        with pytest.raises(ValueError, match="no such picture"):
            still(drawn(), FakeLens(), *wrong)


def test_the_animations_have_a_frame_a_step() -> None:
    steps = drawn().segments[0].num_steps
    with Image.open(io.BytesIO(made("webp"))) as animation:
        assert getattr(animation, "n_frames", 1) == steps
    with av.open(io.BytesIO(made("mp4"))) as film:
        stream = film.streams.video[0]
        assert stream.codec_context.name == "h264"
        assert stream.frames >= steps
        assert float(stream.duration * stream.time_base) > LAST_MS / 1000 - 1 / FPS  # type: ignore[operator]


@pytest.mark.parametrize("kind", ["png", "webp", "mp4"])
def test_the_settings_come_back_out_of_the_file(kind: str, tmp_path: Path) -> None:
    kept = tmp_path / f"kept.{kind}"
    kept.write_bytes(made(kind))
    recipe = recipe_of(drawn().request)
    assert read_recipe(kept) == {**recipe, "checkpoint": "0"}


def test_files_that_are_not_ours_are_refused(tmp_path: Path) -> None:
    plain, broken = tmp_path / "plain.png", tmp_path / "broken.mp4"
    Image.new("RGB", (8, 8)).save(plain)
    broken.write_bytes(b"not a film")
    with pytest.raises(ValueError, match="no settings of ours"):
        read_recipe(plain)
    with pytest.raises(ValueError, match="cannot be read"):
        read_recipe(broken)


def test_a_film_is_kept_as_its_frames_step_by_step(tmp_path: Path) -> None:
    film = recorded(FakeEngine(step_s=0.0), Modality.VIDEO)
    steps = film.segments[0].num_steps
    with Image.open(io.BytesIO(made("png", film))) as strip:
        assert strip.size == (8 * 128, steps * 128), "a row a step"
    with Image.open(io.BytesIO(made("webp", film))) as forming:
        assert forming.size == (8 * 128, 2 * 128), "the state above, the prediction below"
        assert getattr(forming, "n_frames", 1) == steps
    shown = still(film, FakeLens(), 0, 2, "x_1")
    with Image.open(io.BytesIO(b64decode(shown["uri"].split(",", 1)[1]))) as frames:
        assert frames.size == (8 * 128, 128)


def test_words_have_no_film_and_unknown_kinds_are_named() -> None:
    words = recorded(FakeEngine(step_s=0.0), None)
    text = Trace(words.request, words.checkpoint, words.segments[:1])
    with pytest.raises(ValueError, match="drew nothing"):
        file(text, FakeLens(), "mp4", None)
    with pytest.raises(ValueError, match="npz, json, png"):
        file(text, FakeLens(), "exe", None)


def test_the_page_of_its_own_asks_nobody_for_anything_and_cannot_be_broken_out_of() -> None:
    seen = overview(drawn(), FakeLens(), "id", [None])
    seen["recipe"] = {**recipe_of(drawn().request), "prompt": "</script><script>alert(1)</script>"}
    page = page_of(seen)
    assert "alert(1)</script>" not in page
    seen["recipe"] = {**recipe_of(drawn().request), "prompt": "a dog <!--<script> b"}
    assert page_of(seen).count("<script") == page.count("<script")
    assert "<!--" not in page_of(seen)
    assert "http://" not in page.replace("http://www.w3.org", "")
    assert "https://" not in page
