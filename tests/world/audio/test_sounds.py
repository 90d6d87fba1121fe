"""The sounds of things: their words are the world's words, and a folder of them has each as often
as the others."""

from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from world.audio.sounds import PRESETS, SECONDS, SOUND, build, sound_fonts
from world.audio.speech import Part, clips
from world.audio.voices import SAMPLE_RATE
from world.concepts import BY_NAME, CONCEPTS
from world.text.captions import with_article

REFERRED = {words.partition(" ")[2]: words for words in PRESETS if words.startswith(("a ", "an "))}
"""The noun -> the words for it."""


def _hiss(words: str, rng: np.random.Generator) -> np.ndarray:
    """Of a loudness that tells one thing from another."""
    loud = 0.001 * (1 + tuple(PRESETS).index(words))
    return (loud * rng.standard_normal(1600)).clip(-0.9, 0.9).astype(np.float32)


@pytest.mark.parametrize("name", sorted(REFERRED.keys() & BY_NAME.keys()))
def test_what_is_drawn_and_heard_has_one_name(name: str) -> None:
    assert REFERRED[name] == with_article(name)


def test_every_instrument_and_some_animals_of_the_world_can_be_heard() -> None:
    heard = [c for c in CONCEPTS if c.name in REFERRED]
    assert {c.name for c in CONCEPTS if c.kind == "instrument"} <= {c.name for c in heard}
    assert {"dog", "horse"} <= {c.name for c in heard if c.kind == "animal"}


def test_no_two_things_are_played_alike() -> None:
    assert len({(p.font, p.bank, p.program) for p in PRESETS.values()}) == len(PRESETS)
    for preset in PRESETS.values():
        if preset.every_s is not None:
            assert 0 < preset.every_s[0] <= preset.every_s[1] < SECONDS


def test_a_folder_has_every_sound_equally_often_and_no_two_alike(tmp_path: Path) -> None:
    build(tmp_path, _hiss, Part.SOUND, 3)
    found = list(clips(tmp_path, [Part.SOUND]))
    assert Counter(c.sentence for c in found) == dict.fromkeys(PRESETS, 3)
    assert {c.voice for c in found} == {SOUND}
    assert len({c.samples.tobytes() for c in found}) == len(found)


def test_a_folder_is_made_again_and_what_is_held_out_differs(tmp_path: Path) -> None:
    heard: list[list[bytes]] = []
    for folder, part in (("a", Part.SOUND), ("b", Part.SOUND), ("c", Part.SOUND_TEST)):
        build(tmp_path / folder, _hiss, part, 1)
        heard.append([c.samples.tobytes() for c in clips(tmp_path / folder, [part])])
    assert heard[0] == heard[1]
    assert not set(heard[0]) & set(heard[2])


def test_a_missing_sound_font_is_named(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"there is no sound font at .*gs\.sf2: see docs"):
        sound_fonts(tmp_path / "gs.sf2", tmp_path / "gm.sf2")


def test_a_sound_is_as_long_as_a_whole_number_of_positions() -> None:
    assert round(SECONDS * SAMPLE_RATE) % 640 == 0
