"""Events become messages that say what the event said."""

import io
import json

import numpy as np
from PIL import Image

from app.stream import encode
from engine.api.conversation import Conversation
from engine.api.events import Answer, Refined, SegmentStarted
from engine.api.request import Modality, Request
from engine.api.sampling import Sampling

REQUEST = Request(
    Conversation.ask("a red heart above a dog"),
    Modality.IMAGE,
    Sampling(steps=4, transition="euler", guidance_scale=2.0, seed=7),
)
RED = np.full((32, 32, 3), (255, 0, 0), np.uint8)


def refined(**pictures: np.ndarray) -> Refined:
    changed = np.array([[True, False], [False, False]])
    confidence = np.array([[0.5, 1.0], [0.25, 0.25]], np.float32)
    tokens = np.array([[3, 1], [0, 2]])
    return Refined(
        segment=0,
        modality=Modality.IMAGE,
        index=2,
        num_steps=4,
        last=False,
        t=0.75,
        tokens_t=tokens,
        tokens_1=tokens,
        changed=changed,
        confidence=confidence,
        nfe=6,
        num_active=2,
        elapsed_s=0.1234,
        **pictures,
    )


def test_started_tells_the_recipe_and_is_kept() -> None:
    message = encode.message(SegmentStarted(REQUEST, 0, Modality.IMAGE, 4, 0.01))
    assert message.kept
    assert message.header["recipe"] == {
        "prompt": "a red heart above a dog",
        "to": "image",
        "given": [],
        "seed": 7,
        "steps": 4,
        "guidance": 2.0,
        "method": "euler",
        "more": {},
    }


def test_a_step_may_be_dropped_and_is_averaged_over_codebooks() -> None:
    message = encode.message(refined())
    assert not message.kept
    assert message.header["changed"] == [0.5, 0.0]
    assert message.header["confidence"] == [0.75, 0.25]
    assert (message.header["index"], message.header["num_steps"]) == (2, 4)
    assert message.media == {}
    json.dumps(message.header)


def test_previews_are_jpeg_in_the_right_colours() -> None:
    message = encode.message(refined(image_1=RED))
    assert list(message.media) == ["x_1"]
    with Image.open(io.BytesIO(message.media["x_1"].content)) as picture:
        assert picture.format == "JPEG"
        red, green, blue = picture.convert("RGB").getpixel((16, 16))
    assert red > 240
    assert max(green, blue) < 15


def test_the_final_picture_is_lossless_and_carries_what_made_it() -> None:
    answer = Answer(Modality.IMAGE, np.zeros((4, 2), np.int64), image=RED)
    message = encode.ended("completed", REQUEST, (answer,), 1.5, 8)
    assert message.kept
    with Image.open(io.BytesIO(message.media["answer_0"].content)) as picture:
        assert np.array_equal(np.asarray(picture), RED)
        assert picture.info["prompt"] == "a red heart above a dog"
        assert picture.info["seed"] == "7"
        assert json.loads(picture.info["settings"])["method"] == "euler"
