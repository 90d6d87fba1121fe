"""What was painted becomes a wish: an instruction, or a picture of which a part is made anew."""

from base64 import b64encode

import numpy as np
import pytest

from app.session import Session
from app.tabs.image import ImageTab, MaskEdit, mask_edit_of
from engine.api.request import Modality
from engine.api.sampling import Sampling
from engine.media.images import png_bytes
from tests.fake_engine import FakeEngine

PICTURE = np.random.default_rng(0).integers(0, 255, (64, 64, 3)).astype(np.uint8)
URI = "data:image/png;base64," + b64encode(png_bytes(PICTURE)).decode()
TAB = ImageTab(Session(FakeEngine()))
SAMPLING = Sampling(steps=4)


def _painted(*patches: int) -> MaskEdit:
    found = mask_edit_of({"picture": URI, "patches": list(patches)})
    assert found is not None
    return found


def test_patches_are_where_they_were_painted() -> None:
    found = _painted(0, 9, 63)
    assert np.array_equal(found.picture, PICTURE)
    patches = found.mask.reshape(8, 8, 8, 8)
    assert np.array_equal(patches.any((1, 3)), patches.all((1, 3)))
    assert np.flatnonzero(patches.any((1, 3))).tolist() == [0, 9, 63]


@pytest.mark.parametrize("sent", [None, {}, {"picture": None, "patches": [1]}, "x"])
def test_without_a_picture_there_is_nothing(sent: object) -> None:
    assert mask_edit_of(sent) is None
    assert TAB.request("a dog", SAMPLING, None, 1.0).inpainting is None


@pytest.mark.parametrize(
    ("sent", "says"),
    [
        ({"picture": "data:image/png;base64,%%%", "patches": []}, "choose it again"),
        ({"picture": "data:image/png;base64,AAAA", "patches": []}, "not a picture"),
        ({"picture": URI, "patches": [64]}, "paint again"),
        ({"picture": URI, "patches": ["1"]}, "paint again"),
    ],
)
def test_what_is_broken_is_one_sentence(sent: dict[str, object], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        mask_edit_of(sent)


def test_unpainted_the_words_say_what_to_change() -> None:
    request = TAB.request("make it red", SAMPLING, _painted(), 1.0)
    assert request.inpainting is None
    assert request.to is Modality.IMAGE
    shown, words = request.conversation.turns[-1].parts
    assert np.array_equal(shown.image, PICTURE)
    assert words.text == "make it red"


@pytest.mark.parametrize(
    ("patches", "strength", "share"), [((3, 4), 1.0, 2 / 64), ((3,), 0.5, 1 / 64), ((), 0.5, 1.0)]
)
def test_painted_or_weakened_it_is_made_anew(
    patches: tuple[int, ...], strength: float, share: float
) -> None:
    request = TAB.request("a red heart", SAMPLING, _painted(*patches), strength)
    assert request.inpainting is not None
    assert request.inpainting.strength == strength
    assert request.inpainting.mask.mean() == share
    assert [p.text for p in request.conversation.turns[-1].parts] == ["a red heart"]


def test_all_painted_is_told() -> None:
    with pytest.raises(ValueError, match="all of the picture is painted over"):
        TAB.request("a red heart", SAMPLING, _painted(*range(64)), 1.0)
    weaker = TAB.request("a red heart", SAMPLING, _painted(*range(64)), 0.5)
    assert weaker.inpainting is not None and weaker.inpainting.mask.all()
