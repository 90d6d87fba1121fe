"""Recall counts what it says, and a perfect finder finds everything."""

import numpy as np
import pytest

from engine.engine import Engine
from evaluation.suites import retrieval
from evaluation.suites.retrieval import Search, evaluate
from world.audio.speech import Clip, Part, plan_clip
from world.image.scenes import sample_scene
from world.text.captions import full_caption


def test_a_hit_is_the_same_graph_among_the_nearest() -> None:
    items = np.eye(4)
    keys = ["a", "b", "c", "a"]
    queries = np.array([[1, 0.5, 0, 0], [0, 0.1, 1, 0], [0, 0, 0.5, 1.0]])
    assert Search(queries, items, ["a", "b", "c"], keys).hits(1) == [True, False, False]
    assert Search(queries, items, ["a", "b", "c"], keys).hits(2) == [True, True, True]
    assert Search(queries, items, ["d", "d", "d"], keys).hits(4) == [False] * 3


def test_words_that_are_counted_find_pictures_that_they_were_fitted_on(
    tiny_engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The decoupled search is no straw man: with codes that hold the words it finds them all."""
    scenes = [sample_scene(np.random.default_rng(i), test=False) for i in range(200)]
    keys = [full_caption(s) for s in scenes]
    drawn = iter(scenes)
    monkeypatch.setattr(retrieval, "sample_scene", lambda *_, **__: next(drawn))
    monkeypatch.setattr(retrieval, "render", full_caption)
    monkeypatch.setattr(retrieval, "FITTED", 200)
    words = sorted({w for k in keys for w in k.split()})
    monkeypatch.setattr(
        retrieval,
        "_mean_codes",
        lambda _, said: np.array([[s.split().count(w) for w in words] for s in said], float),
    )
    search = retrieval._decoupled(tiny_engine, np.random.default_rng(0), keys, keys)  # pyright: ignore[reportArgumentType]
    assert np.mean(search.hits()) == 1


def test_clips_that_speak_of_scenes_are_known_by_their_number() -> None:
    clips = [
        Clip(f"test-{i:06d}", plan_clip(Part.TEST, i).sentence, "v", np.zeros(8)) for i in range(20)
    ]
    found = retrieval._spoken([*clips, Clip("unheard-000001", "a dog", "sound", np.zeros(8))])
    assert [c.name for c, _ in found] == [
        c.name for i, c in enumerate(clips) if plan_clip(Part.TEST, i).scene is not None
    ]
    other = [Clip(c.name, "something else", "v", c.samples) for c in clips]
    assert retrieval._spoken(other) == []


def test_every_figure_is_there_with_its_interval(
    tiny_engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retrieval, "FITTED", 30)
    rng = np.random.default_rng(0)
    clips = [
        Clip(f"test-{i:06d}", plan_clip(Part.TEST, i).sentence, "v", rng.normal(size=4000) * 0.1)
        for i in range(12)
    ]
    found = evaluate(tiny_engine, clips, 14, 0)
    names = "text_to_image image_to_text text_to_video speech_to_image composed"
    for name in (*names.split(), "decoupled_text_to_image"):
        low, value, high = (found.metrics[f"{name}_r5{end}"] for end in ("_low", "", "_high"))
        assert 0 <= low <= value <= high <= 1
    assert not found.left_out
    with pytest.raises(ValueError, match="at least 2"):
        evaluate(tiny_engine, clips, 1, 0)
