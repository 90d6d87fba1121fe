from base64 import b64encode
from typing import Any

import numpy as np
import openai
import pytest

from engine.api.conversation import Part
from engine.media.images import png_bytes
from tests.fake_embedding import embed

RED = np.full((64, 64, 3), (220, 30, 30), np.uint8)
URL = f"data:image/png;base64,{b64encode(png_bytes(RED)).decode()}"
PICTURE = {"type": "image_url", "image_url": {"url": URL}}


def vectors(client: openai.OpenAI, given: Any, **more: Any) -> np.ndarray:
    found = client.embeddings.create(model="fake", input=given, **more)
    assert [one.index for one in found.data] == list(range(len(found.data)))
    return np.array([one.embedding for one in found.data], np.float32)


def test_both_encodings_are_the_engine_s_vectors(client: openai.OpenAI) -> None:
    expected = embed([(Part(text="a red car"),), (Part(text="a dog"),)])
    given = ["a red car", "a dog"]
    assert (vectors(client, given) == expected).all()
    assert np.allclose(vectors(client, given, encoding_format="float"), expected)


def test_pictures_are_embedded_alone_and_with_words(client: openai.OpenAI) -> None:
    words: Any = {"type": "text", "text": "but blue"}
    found = vectors(client, [PICTURE, [PICTURE, words]])
    expected = embed([(Part(image=RED),), (Part(image=RED), Part(text="but blue"))])
    assert (found == expected).all()


@pytest.mark.parametrize(
    ("said", "sentence"),
    [
        ({"input": []}, "1 to 64 inputs"),
        ({"input": [[1, 2, 3]]}, "Invalid value for 'input"),
        ({"input": "a", "dimensions": 7}, "have 64 dimensions"),
        ({"input": "a", "encoding_format": "hex"}, "encoding_format"),
    ],
)
def test_what_cannot_be_embedded_is_refused(
    client: openai.OpenAI, said: dict, sentence: str
) -> None:
    with pytest.raises(openai.BadRequestError, match=sentence):
        client.embeddings.create(model="fake", **said)
