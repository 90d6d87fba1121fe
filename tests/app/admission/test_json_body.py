"""Bodies of requests: all that can be said again, and nothing that a route cannot stand."""

import json

import pytest

from app.admission.json_body import MAX_DEPTH, check_names, read_json


@pytest.mark.parametrize(
    "value",
    [{}, {"data": ["a dog", 16, 1.5, None, True]}, {"text": "naïve 😀"}, {"n": -(2**63)}],
)
def test_what_a_page_sends_is_read(value: object) -> None:
    assert read_json(json.dumps(value).encode()) == value
    assert read_json(json.dumps(value, ensure_ascii=False).encode()) == value


@pytest.mark.parametrize(
    ("body", "says"),
    [
        (b"", "not JSON"),
        (b"{", "not JSON"),
        (b'"\xff"', "not JSON"),
        (b'{"k": NaN}', "never NaN"),
        (b'{"k": [-Infinity]}', "never NaN"),
        (b'{"k": 1e999}', "too large"),
        (b'{"k": %d}' % 2**63, "too large"),
        (b'{"k": ' + b"9" * 9000 + b"}", "too large"),
        (b'{"words": "\\ud800"}', "cut in half"),
        (b'{"\\uDC00": 1}', "cut in half"),
        (b"[" * (MAX_DEPTH + 2) + b"]" * (MAX_DEPTH + 2), "deeper"),
        (b"[" * 100_000, "deeper"),
    ],
    ids=lambda value: str(value)[:20],
)
def test_what_no_route_can_stand_is_a_sentence(body: bytes, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        read_json(body)


@pytest.mark.parametrize(
    "request_",
    [
        5,
        [],
        {"session_hash": []},
        {"session_hash": "a" * 300},
        {"fn_index": "x"},
        {"fn_index": True},
    ],
)
def test_names_are_of_their_kind(request_: object) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - each has its own sentence
        check_names(request_)


def test_names_may_be_left_out() -> None:
    check_names({"session_hash": None, "fn_index": 3, "data": []})
