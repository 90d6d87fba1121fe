from base64 import b64decode
from io import BytesIO

import numpy as np
import openai
import pytest
from PIL import Image

from engine.cli.mask_file import read_mask
from engine.media.images import png_bytes, read_picture
from serving.answers.partial_images import steps_shown
from tests.fake_engine import FakeEngine

RED = png_bytes(np.full((128, 128, 3), (220, 30, 30), np.uint8))


def test_a_picture_has_its_seed_and_the_next_one_another(client: openai.OpenAI) -> None:
    made = client.images.generate(model="fake", prompt="a red car", n=2, extra_body={"seed": 7})
    assert made.data is not None
    again = client.images.generate(model="fake", prompt="a red car", extra_body={"seed": 8})
    assert again.data is not None
    assert [one.seed for one in made.data] == [7, 8]
    assert made.data[1].b64_json == again.data[0].b64_json
    assert made.data[0].b64_json != again.data[0].b64_json
    picture = Image.open(BytesIO(b64decode(made.data[0].b64_json or "")))
    assert picture.format == "PNG"
    assert picture.info["prompt"] == "a red car"
    assert f"{picture.width}x{picture.height}" == made.size


@pytest.mark.parametrize("kind", ["png", "jpeg", "webp"])
def test_a_picture_comes_in_the_format_asked_for(client: openai.OpenAI, kind: str) -> None:
    made = client.images.generate(
        model="fake", prompt="a red car", output_format=kind, response_format="url"
    )
    assert made.data is not None and made.data[0].url is not None
    assert made.data[0].url.startswith(f"data:image/{kind};base64,")


def test_partial_pictures_are_steps_of_the_run(client: openai.OpenAI) -> None:
    stream = client.images.generate(
        model="fake", prompt="a red car", stream=True, partial_images=3, extra_body={"seed": 3}
    )
    *partial, last = list(stream)
    assert [event.type for event in partial] == ["image_generation.partial_image"] * 3
    assert [event.partial_image_index for event in partial] == [0, 1, 2]
    assert [event.step for event in partial] == [4, 8, 12]
    assert last.type == "image_generation.completed"
    pictures = [read_picture(b64decode(e.b64_json)).astype(int) for e in (*partial, last)]
    away = [np.abs(picture - pictures[-1]).mean() for picture in pictures]
    assert away == sorted(away, reverse=True)
    assert away[0] > away[2] > 0


def test_every_step_is_shown_where_more_are_asked_for_than_there_are() -> None:
    assert steps_shown(16, 3) == {3, 7, 11}
    for num_steps in (1, 2, 5, 16, 100):
        for num in (0, 1, 3, 200):
            shown = steps_shown(num_steps, num)
            assert len(shown) == min(num, num_steps - 1)
            assert shown <= set(range(num_steps - 1))


def test_an_edit_shows_the_engine_the_picture(client: openai.OpenAI, fake: FakeEngine) -> None:
    client.images.edit(model="fake", image=("red.png", RED), prompt="make it blue")
    (picture, words) = fake.requests[-1].conversation.turns[0].parts
    assert picture.image is not None and (picture.image == read_picture(RED)).all()
    assert words.text == "make it blue"


def test_an_edit_is_streamed(client: openai.OpenAI) -> None:
    stream = client.images.edit(
        model="fake", image=("red.png", RED), prompt="make it blue", stream=True, partial_images=1
    )
    assert [e.type for e in stream] == ["image_edit.partial_image", "image_edit.completed"]


def test_a_mask_becomes_the_area_that_may_change(client: openai.OpenAI, fake: FakeEngine) -> None:
    pixels = np.full((64, 64, 4), 255, np.uint8)
    pixels[:, 32:, 3] = 0
    file = BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    client.images.edit(
        model="fake", image=("red.png", RED), mask=("mask.png", file.getvalue()), prompt="a car"
    )
    asked = fake.requests[-1].inpainting
    assert asked is not None
    assert asked.mask[:, 64:].all()
    assert not asked.mask[:, :64].any()


def test_a_mask_without_transparency_is_read_by_its_brightness() -> None:
    grey = np.zeros((8, 8, 3), np.uint8)
    grey[:4] = 255
    mask = read_mask(png_bytes(grey), (16, 16, 3), erased=True)
    assert mask[:8].all()
    assert not mask[8:].any()


@pytest.mark.parametrize(
    ("said", "param", "sentence"),
    [
        ({"prompt": " "}, None, "prompt is empty"),
        ({"prompt": "x" * 5000}, None, "please shorten it"),
        ({"prompt": "a car", "n": 9}, "n", "less than or equal to 8"),
        ({"prompt": "a car", "partial_images": 2}, "partial_images", "stream"),
        ({"prompt": "a car", "quality": "high"}, "quality", "cannot honour"),
        ({"prompt": "a car", "extra_body": {"stepz": 3}}, "stepz", "Unknown parameter: 'stepz'"),
        ({"prompt": "a car", "extra_body": {"steps": 0}}, None, "Steps must be between 1 and"),
        ({"prompt": "a car", "extra_body": {"seed": "x"}}, "seed", "valid integer"),
    ],
)
def test_a_bad_value_is_refused_by_name(
    client: openai.OpenAI, said: dict, param: str | None, sentence: str
) -> None:
    with pytest.raises(openai.BadRequestError, match=sentence) as refused:
        client.images.generate(model="fake", **said)
    assert refused.value.param == param


def test_a_file_that_is_no_picture_is_refused_with_a_sentence(client: openai.OpenAI) -> None:
    with pytest.raises(openai.BadRequestError, match="not a picture that can be read"):
        client.images.edit(model="fake", image=("red.png", b"text"), prompt="make it blue")
