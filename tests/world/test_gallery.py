"""The gallery can be made anew, and says of each item what it is."""

import json
import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from world import gallery
from world.concepts import BY_NAME
from world.gallery import write_gallery

SHIPPED = Path(__file__).resolve().parents[2] / "assets" / "gallery"


def test_a_small_one_is_made_twice_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, num in (("PAIRS", 2), ("SCENES", 2), ("FILMS", 2), ("TEXTS", 3)):
        monkeypatch.setattr(gallery, name, num)
    speech = tmp_path / "speech"
    speech.mkdir()
    clips = [
        {"name": "test-000000", "sentence": "a red heart", "voice": "kokoro/af_heart"},
        {"name": "unheard-000000", "sentence": "a dog", "voice": "sound"},
    ]
    (speech / "index.json").write_text(json.dumps(clips))
    one, other = tmp_path / "one", tmp_path / "other"
    assert write_gallery(one, speech) == write_gallery(other, speech) == 13
    assert write_gallery(one, speech) == 13
    files = sorted(f.name for f in one.iterdir())
    assert len(files) == 9
    assert all((one / name).read_bytes() == (other / name).read_bytes() for name in files)
    rows = json.loads((one / "index.json").read_text())
    assert [r["kind"] for r in rows] == [
        *["picture"] * 6, *["film"] * 2, "speech", "sound", *["fact"] * 3
    ]  # fmt: skip
    with Image.open(one / "film-000.webp") as film:
        assert film.n_frames == 8  # pyright: ignore[reportAttributeAccessIssue]
    before, after = (np.asarray(Image.open(one / f"picture-00{i}.webp")) for i in range(2))
    assert not np.array_equal(before, after)


def test_every_item_that_ships_is_there_and_is_tagged_with_what_its_caption_names() -> None:
    rows = json.loads((SHIPPED / "index.json").read_text())
    assert len(rows) > 550
    for row in rows:
        assert ("file" in row) != ("text" in row)
        assert "file" not in row or (SHIPPED / row["file"]).is_file()
        if row["kind"] in ("picture", "film"):
            words = set(re.findall(r"\w+", row["caption"]))
            named = {c for c, about in BY_NAME.items() if {c, about.plural} & words}
            assert named == set(row["tags"]) & set(BY_NAME)
    assert sum(f.stat().st_size for f in SHIPPED.iterdir()) < 4_000_000
