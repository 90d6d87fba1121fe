"""Every bad input has one sentence, beside the control it came from."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from app.forms.errors import notices
from app.forms.parse import InputError, beside, new_seed, next_seed, read_seed, read_upload
from app.forms.share_link import read_link
from app.session import Session
from app.tabs.image import ImageTab
from tests.fake_engine import FakeEngine

TAB = ImageTab(Session(FakeEngine()))
GOOD = {"prompt": "a dog", "steps": 16, "guidance": 3.0, "method": "midpoint", "seed": "7"}


def test_a_good_form_is_a_request() -> None:
    request = TAB.filled(**GOOD)
    assert (request.sampling.seed, request.sampling.steps) == (7, 16)


@pytest.mark.parametrize(
    ("control", "bad", "says"),
    [
        ("prompt", {"prompt": "  "}, "The prompt is empty"),
        ("prompt", {"prompt": "a" * 501}, "501 characters"),
        ("settings", {"seed": "seven"}, "must be a whole number"),
        ("settings", {"seed": "-1"}, "whole number"),
        ("settings", {"seed": "9" * 30}, "whole number"),
        ("settings", {"seed": "²"}, "whole number"),
        ("settings", {"steps": 0}, "Steps must be"),
        ("settings", {"steps": 10_000}, "Steps must be"),
        ("settings", {"steps": 2.5}, "Steps must be"),
        ("settings", {"steps": float("nan")}, "Steps must be"),
        ("settings", {"steps": "many"}, "Steps must be"),
        ("settings", {"guidance": 99}, "Guidance must be"),
        ("settings", {"guidance": "strong"}, "Guidance must be"),
        ("settings", {"drafts": 9}, "Drafts must be"),
        ("settings", {"drafts": 1.5}, "Drafts must be"),
        ("settings", {"drafts": "some"}, "Drafts must be"),
    ],
)
def test_a_bad_form_is_one_sentence(control: str, bad: dict[str, object], says: str) -> None:
    with pytest.raises(InputError, match=says) as refused:
        TAB.filled(**{**GOOD, **bad})
    assert refused.value.control == control
    sentence = str(refused.value)
    assert sentence[0].isupper()
    assert sentence.endswith(".")
    assert "\n" not in sentence


def test_notices_stand_beside_their_control_and_are_escaped() -> None:
    prompt, settings = notices(InputError("<b>No</b>.", "settings"))
    assert prompt == ""
    assert "&lt;b&gt;" in settings
    assert notices(None) == ("", "")


def test_seeds() -> None:
    assert read_seed(" 42 ") == 42
    assert 0 <= new_seed() < 1_000_000
    assert next_seed("7", "7", keep=True) == "7"
    assert next_seed("8", "7", keep=False) == "8", "a typed seed is used"
    assert {next_seed("7", "7", keep=False) for _ in range(5)} != {"7"}


@pytest.mark.parametrize("content", [b"not a picture", b"", b"\x89PNG\r\n\x1a\n\x00\x00"])
def test_a_broken_or_renamed_picture_is_a_sentence(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "holiday.png"
    file.write_bytes(content)
    with pytest.raises(InputError, match="not a picture that can be read"), beside("prompt"):
        read_upload(file)


def test_a_truncated_picture_is_a_sentence(tmp_path: Path) -> None:
    file = tmp_path / "half.png"
    noise = np.random.default_rng(0).integers(0, 255, (64, 64, 3), np.uint8)
    Image.fromarray(noise).save(file)
    file.write_bytes(file.read_bytes()[:3000])
    with pytest.raises(InputError, match="not a picture"), beside("prompt"):
        read_upload(file)


def test_large_pictures_become_small(tmp_path: Path) -> None:
    file = tmp_path / "large.jpg"
    Image.new("RGB", (2000, 1000), "red").save(file)
    assert read_upload(file).shape == (256, 512, 3)


def test_a_link_fills_the_form_and_leaves_bad_values_out() -> None:
    link = read_link({"tab": "image", "prompt": "a dog", "seed": "7", "steps": "0", "x": "y"})
    assert link.tab == "image"
    assert link.values == {"prompt": "a dog", "seed": "7"}
    assert link.bad is not None
    assert "Steps must be" in str(link.bad)
    assert read_link({"tab": "nowhere", "method": "magic", "guidance": "0"}).values == {
        "guidance": 0.0
    }
    assert read_link({}).values == {}


def test_a_link_of_another_checkpoint_is_told() -> None:
    query = {"tab": "image", "prompt": "a dog", "checkpoint": "abc"}
    assert read_link(query, "abc").bad is None
    told = read_link(query, "def").bad
    assert told is not None
    assert "another checkpoint (abc)" in str(told)
