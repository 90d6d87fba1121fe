"""Both shapes of a message carry the same header and the same bytes."""

import json
import struct
from base64 import b64decode

from app.stream.message import Media, Message


def test_the_wire_shape_can_be_taken_apart_again() -> None:
    media = {"x_1": Media("image/jpeg", b"abc"), "x_t": Media("image/png", b"defgh")}
    wire = Message({"kind": "refined", "t": 0.5}, media).to_wire(7)
    (length,) = struct.unpack(">I", wire[:4])
    header = json.loads(wire[4 : 4 + length])
    assert header["kind"] == "refined"
    assert header["number"] == 7
    assert [(m["name"], m["type"], m["size"]) for m in header["media"]] == [
        ("x_1", "image/jpeg", 3),
        ("x_t", "image/png", 5),
    ]
    assert wire[4 + length :] == b"abcdefgh"


def test_a_message_is_packed_once_for_all_viewers() -> None:
    message = Message({"kind": "refined"}, {"x_t": Media("image/jpeg", b"abc")})
    assert message.to_wire(7) is message.to_wire(7)
    assert message.to_wire(8) != message.to_wire(7)


def test_the_json_shape_holds_the_media_as_data_uris() -> None:
    shape = Message({"kind": "x"}, {"a": Media("image/png", b"\x00\xff")}).to_json(1)
    assert json.loads(json.dumps(shape))["number"] == 1
    media = shape["media"]
    assert isinstance(media, dict)
    assert b64decode(media["a"].removeprefix("data:image/png;base64,")) == b"\x00\xff"
