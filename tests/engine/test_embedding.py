"""A message has one vector, whatever it is embedded together with."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from engine.__main__ import main
from engine.api.conversation import Part
from engine.embedding import _batches
from engine.engine import Engine
from engine.media.images import png_bytes

RNG = np.random.default_rng(0)
PICTURE = RNG.integers(0, 255, (40, 30, 3)).astype(np.uint8)
FILM = RNG.integers(0, 255, (8, 32, 32, 3)).astype(np.uint8)
SOUND = (0.1 * RNG.standard_normal(9000)).astype(np.float32)
ITEMS: list[tuple[Part, ...]] = [
    (Part(text="a dog"),),
    (Part(image=PICTURE),),
    (Part(text="a dog to the left of a cat in the sky"),),
    (Part(image=PICTURE), Part(text="but green")),
    (Part(audio=SOUND),),
    (Part(audio=SOUND[:4000]),),
    (Part(video=FILM),),
]


def test_a_vector_is_of_unit_length_and_does_not_depend_on_the_others(tiny_engine: Engine) -> None:
    together = tiny_engine.embed(ITEMS)
    alone = np.concatenate([tiny_engine.embed([parts]) for parts in ITEMS])
    assert together.shape == (len(ITEMS), tiny_engine.model.config.backbone.width)
    assert together.dtype == np.float32
    assert np.allclose(np.linalg.norm(together, axis=1), 1, atol=1e-5)
    assert np.allclose(together, alone, atol=1e-4)
    assert len(np.unique(together.round(5), axis=0)) == len(ITEMS)


def test_of_a_long_sound_its_beginning_counts(tiny_engine: Engine) -> None:
    hears = int(tiny_engine.max_audio_s * 16_000)
    long = np.tile(SOUND, 1 + 2 * hears // len(SOUND))
    one, other = tiny_engine.embed([(Part(audio=long),), (Part(audio=long[:hears]),)])
    assert np.allclose(one, other, atol=1e-5)


@pytest.mark.parametrize("parts", [(), (Part(text="  "),)])
def test_nothing_cannot_be_found(tiny_engine: Engine, parts: tuple[Part, ...]) -> None:
    with pytest.raises(ValueError, match="nothing to look for"):
        tiny_engine.embed([parts])


def test_a_checkpoint_that_was_not_trained_to_find_says_so(tiny_engine: Engine) -> None:
    model = tiny_engine.model
    finds, model.config = model.config, replace(model.config, has_embedding=False)
    try:
        with pytest.raises(ValueError, match="not trained to find"):
            tiny_engine.embed(ITEMS[:1])
    finally:
        model.config = finds


def test_batches_hold_everything_once_and_fit() -> None:
    lengths = [10, 3000, 20, 4000, 5000]
    rows = [0, 2, 1, 3, 4]
    found = _batches(rows, lengths)
    assert [i for batch in found for i in batch] == rows
    assert all(len(b) == 1 or len(b) * lengths[b[-1]] <= 4096 for b in found)


def test_the_command_line_prints_a_vector(
    tiny_checkpoint: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "x.png").write_bytes(png_bytes(PICTURE))
    given = ["--text", "but green", "--image", str(tmp_path / "x.png")]
    assert main(["embed", "--checkpoint", str(tiny_checkpoint), *given]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["of"] == ["image", "text"]
    assert np.linalg.norm(found["embedding"]) == pytest.approx(1, abs=1e-3)
    assert main(["embed", "--checkpoint", str(tiny_checkpoint)]) == 2
    assert "--text" in capsys.readouterr().err


def test_a_sound_lies_between_itself_and_the_words_heard_in_it(
    tiny_engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    sounds = [(Part(audio=SOUND),), (Part(audio=SOUND[:4000]),)]
    monkeypatch.setattr(tiny_engine, "write_down", lambda found: [" "] * len(found))
    alone = tiny_engine.embed(sounds)
    monkeypatch.setattr(tiny_engine, "write_down", lambda _: ["", "a dog"])
    first, second = tiny_engine.embed(sounds)
    (words,) = tiny_engine.embed([ITEMS[0]])
    assert np.allclose(first, alone[0], atol=1e-5)
    middle = alone[1] + words
    assert np.allclose(second, middle / np.linalg.norm(middle), atol=1e-5)


def test_words_are_heard_in_messages_of_sound_alone(
    tiny_engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    heard: list[int] = []
    monkeypatch.setattr(
        tiny_engine, "write_down", lambda found: [heard.append(len(s)) or "" for s in found]
    )
    tiny_engine.embed([*ITEMS, (Part(image=PICTURE), Part(audio=SOUND))])
    assert heard == [int(tiny_engine.max_audio_s * 16_000), 4000]
