"""Messages between a page and its worker: what goes in comes out, and nothing else does."""

import json
import struct
from contextlib import suppress

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.api.conversation import Conversation
from engine.api.events import Answer, Event, Likely
from engine.api.request import Request
from engine.api.sampling import Sampling
from serving.remote.packing import MAX_BYTES, arrays_of, pack, unpack
from serving.remote.questions import Asked, Generate

PICTURE = np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)
ASKED = Request(Conversation.ask("what is this?", image=PICTURE), sampling=Sampling(steps=4))
CALL = pack(Generate(ASKED, "digest", 15.0, 2, 1))


def test_a_request_comes_back_as_it_was() -> None:
    back = unpack(Generate, CALL)
    assert pack(back) == CALL
    assert back.request.sampling == ASKED.sampling
    np.testing.assert_array_equal(back.request.conversation.turns[0].parts[0].image, PICTURE)


@pytest.mark.parametrize("dtype", ["bool", "uint8", "int64", "float16", "float32", ">i4"])
@pytest.mark.parametrize("shape", [(), (0,), (3, 2), (4096, 2)])
def test_arrays_keep_their_numbers(dtype: str, shape: tuple[int, ...]) -> None:
    there = np.arange(np.prod(shape, dtype=int)).reshape(shape).astype(dtype)
    back = unpack(np.ndarray, pack(there))
    assert back.dtype == there.dtype.newbyteorder("<") and back.flags.writeable
    np.testing.assert_array_equal(back, there)


def test_what_the_receiver_has_is_not_sent() -> None:
    known = arrays_of(ASKED)
    small = pack(ASKED, known)
    assert len(small) < 2000 < len(pack(ASKED))
    assert unpack(Request, small, known).conversation.turns[0].parts[0].image is known[0]


def test_halves_of_characters_become_a_sign() -> None:
    back = unpack(Request, pack(Request(Conversation.ask("a \ud800 car"))))
    assert back.words == "a \ufffd car"


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_a_broken_message_is_a_sentence(data: st.DataObject) -> None:
    content = bytearray(CALL)
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, min(len(content), 1500) - 1))] = data.draw(
            st.integers(0, 255)
        )
    cut = data.draw(st.integers(0, len(content)))
    for kind in (Generate, Asked, Event):
        with suppress(ValueError):
            unpack(kind, bytes(content[:cut]) if data.draw(st.booleans()) else bytes(content))


NAMES = st.sampled_from(
    ["is", "array", "known", "request", "digest", "preview_hz", "conversation", "turns", "parts"]
)
PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(NAMES, inner, max_size=5),
    max_leaves=12,
)


@settings(max_examples=300, deadline=None)
@given(PLAIN, st.lists(st.dictionaries(st.sampled_from(["dtype", "shape", "size"]), PLAIN)))
def test_odd_values_are_a_sentence(value: object, arrays: object) -> None:
    header = json.dumps({"value": value, "arrays": arrays}).encode()
    for kind in (Generate, Asked, Event, Answer, Likely):
        with suppress(ValueError):
            unpack(kind, struct.pack(">I", len(header)) + header)


def test_an_array_that_is_too_large_is_not_unpacked() -> None:
    about = {"dtype": "|u1", "shape": [MAX_BYTES + 1], "size": 0, "deflated": True}
    header = json.dumps({"value": {"array": 0}, "arrays": [about]}).encode()
    with pytest.raises(ValueError, match="at most 256 MB"):
        unpack(np.ndarray, struct.pack(">I", len(header)) + header)


def test_a_name_that_nobody_knows_is_refused() -> None:
    plain = {"is": "Answer", "modality": "text", "tokens": {"array": 0}, "colour": "red"}
    about = {"dtype": "<i8", "shape": [0], "size": 0, "deflated": False}
    header = json.dumps({"value": plain, "arrays": [about]}).encode()
    with pytest.raises(ValueError, match="Answer has no colour"):
        unpack(Answer, struct.pack(">I", len(header)) + header)
