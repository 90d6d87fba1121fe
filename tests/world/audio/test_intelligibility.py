"""A clip is left out when the recogniser cannot read it, and only then."""

from pathlib import Path

import numpy as np

from world.audio.intelligibility import check
from world.audio.speech import Clip, Part, clips, write_clip

SENTENCES = ("a red heart", "draw a grey donut.", "what is this?", "hello there!")


def _corpus(folder: Path) -> None:
    for i, sentence in enumerate(SENTENCES):
        samples = np.full(16_000, 0.1 * (i + 1), np.float32)
        name = f"train-{i:06d}"
        write_clip(folder / f"{name}.flac", Clip(name, sentence, "kokoro/af_heart", samples))


def _heard(samples: np.ndarray, wrong: int | None) -> str:
    """Reads the sentences by the loudness of the samples, one of them wrongly."""
    levels = [round(10 * x) - 1 for x in samples[8_000 :: round(1.8 * 16_000)].tolist()]
    read = dict(enumerate(SENTENCES)) | ({} if wrong is None else {wrong: "noise"})
    return " ".join(read[i] for i in levels)


def test_everything_that_is_read_stays(tmp_path: Path) -> None:
    _corpus(tmp_path)
    assert check(tmp_path, lambda x: _heard(x, None), (Part.TRAIN,)) == []
    assert len(list(clips(tmp_path, (Part.TRAIN,)))) == len(SENTENCES)


def test_what_is_misread_goes_and_its_neighbours_stay(tmp_path: Path) -> None:
    _corpus(tmp_path)
    assert check(tmp_path, lambda x: _heard(x, 2), (Part.TRAIN,)) == ["train-000002"]
    kept = [c.sentence for c in clips(tmp_path, (Part.TRAIN,))]
    assert kept == [s for i, s in enumerate(SENTENCES) if i != 2]


def test_spelling_and_marks_are_no_mistakes(tmp_path: Path) -> None:
    _corpus(tmp_path)

    def american(samples: np.ndarray) -> str:
        return _heard(samples, None).replace("grey donut", "Gray doughnut,").upper()

    assert check(tmp_path, american, (Part.TRAIN,)) == []


def test_a_check_that_was_broken_off_goes_on(tmp_path: Path) -> None:
    _corpus(tmp_path)
    check(tmp_path, lambda x: _heard(x, 2), (Part.TRAIN,))

    def never(samples: np.ndarray) -> str:
        raise AssertionError("everything was read before")

    assert check(tmp_path, never, (Part.TRAIN,)) == []
