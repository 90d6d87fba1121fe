"""The box of the page: a marked file is known, another one proves nothing, a bad one is refused."""

from pathlib import Path

from app.sharing.made_here import answer
from engine.media.images import png_bytes, read_picture
from engine.media.marking.keyed_signs import DEFAULT_KEY
from engine.media.marking.marker import Marker

PICTURE = Path("assets/gallery/picture-001.webp")


def test_the_box_knows_a_marked_file_and_no_other(tmp_path: Path) -> None:
    file, plain = tmp_path / "a.png", read_picture(PICTURE)
    file.write_bytes(png_bytes(Marker("ab12cd").picture(plain, {"seed": 7})))
    assert "carries the mark" in answer(str(file), DEFAULT_KEY)
    assert "proves nothing" in answer(str(file), "another key")


def test_a_bad_file_is_refused_with_a_sentence(tmp_path: Path) -> None:
    file = tmp_path / "<b>.png"
    file.write_bytes(b"no picture")
    said = answer(str(file), DEFAULT_KEY)
    assert "role='alert'" in said
    assert "<b>" not in said


def test_no_file_says_nothing() -> None:
    assert answer(None, DEFAULT_KEY) == ""
