"""The marks of files that are written: found in each kind, the same for the same run, and none
where the owner wants none."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from engine.api.events import Answer
from engine.api.request import Modality
from engine.cli.out_file import ENDINGS, content
from engine.media.audio import SAMPLE_RATE, read_sound
from engine.media.images import read_picture
from engine.media.marking.check import finding
from engine.media.marking.marker import UNMARKED, Marker
from engine.media.marking.sound_mark import find_in_sound
from engine.media.video import read_film

MARKER = Marker("ab12cd")
SETTINGS = {"prompt": "a red car", "seed": 7}
CARRIES = "carries the mark of a model here"
CODES = np.zeros((1, 1), np.int64)
KINDS = [(kind, ending) for kind, endings in ENDINGS.items() for ending in endings]


@pytest.fixture(scope="module")
def answers() -> dict[Modality, Answer]:
    spoken = [read_sound(file) for file in sorted(Path("assets/speech").glob("*.opus"))[:6]]
    return {
        Modality.IMAGE: Answer(
            Modality.IMAGE, CODES, image=read_picture(Path("assets/gallery/picture-001.webp"))
        ),
        Modality.AUDIO: Answer(
            Modality.AUDIO, CODES, audio=np.concatenate(spoken)[: 4 * SAMPLE_RATE]
        ),
        Modality.VIDEO: Answer(
            Modality.VIDEO, CODES, video=read_film(Path("assets/gallery/film-001.webp"))
        ),
    }


def _file(answer: Answer, ending: str, marker: Marker) -> bytes:
    return content(answer, Path(f"answer{ending}"), "a red car", 7, marker)


@pytest.mark.parametrize(("kind", "ending"), KINDS)
def test_every_kind_of_file_is_marked_unless_marks_are_off(
    kind: Modality, ending: str, answers: dict[Modality, Answer], tmp_path: Path
) -> None:
    file = tmp_path / f"answer{ending}"
    file.write_bytes(_file(answers[kind], ending, MARKER))
    assert CARRIES in finding(file)
    file.write_bytes(_file(answers[kind], ending, UNMARKED))
    assert CARRIES not in finding(file)


@pytest.mark.parametrize(("kind", "ending"), KINDS)
def test_the_same_run_gives_the_same_bytes(
    kind: Modality, ending: str, answers: dict[Modality, Answer]
) -> None:
    assert _file(answers[kind], ending, MARKER) == _file(answers[kind], ending, Marker("ab12cd"))


def test_marks_are_on_or_off() -> None:
    assert Marker.of("on", "") == Marker()
    assert Marker.of("off", "mine") == replace(UNMARKED, key="mine")
    with pytest.raises(ValueError, match="on or off, not 'loud'"):
        Marker.of("loud", None)


def test_what_is_off_changes_nothing(answers: dict[Modality, Answer]) -> None:
    picture = answers[Modality.IMAGE].image
    assert picture is not None
    assert UNMARKED.picture(picture, SETTINGS) is picture
    assert not np.array_equal(MARKER.picture(picture, SETTINGS), picture)


def test_a_sound_is_marked_while_it_is_made(answers: dict[Modality, Answer]) -> None:
    samples = answers[Modality.AUDIO].audio
    assert samples is not None
    cuts = range(0, len(samples), SAMPLE_RATE)
    pieces = [MARKER.sound(samples[at : at + SAMPLE_RATE], SETTINGS, at) for at in cuts]
    found = find_in_sound(np.concatenate(pieces))
    assert found.marked
    assert found.payload is not None
    assert found.payload.checkpoint == "ab12"
