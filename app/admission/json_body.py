"""The bodies of JSON requests: read once, bounded, and holding nothing that JSON cannot say.

Python reads NaN, numbers of any length and halves of characters, which whatever comes later cannot
write. Here they are refused in a sentence, before any route sees them.
"""

import json
from collections.abc import Iterator
from math import isfinite
from typing import Any

MAX_JSON_BYTES = 16 * 2**20
"""A minute of speech as text is 2.6 MB, a painted picture less."""
MAX_DEPTH = 64
MAX_WHOLE = 2**63
MAX_NAME = 200
NOT_JSON = "This request is not JSON: send an object in UTF-8."
NO_NUMBER = "A number in this request is none, or too large: send numbers below 2^63, never NaN."
HALF = "A character in this request is cut in half: type it again."
TOO_DEEP = f"This request is nested deeper than {MAX_DEPTH} levels."
NAMED = {"session_hash": str, "fn_name": str, "event_id": str, "fn_index": int, "trigger_id": int}
"""The members of Gradio's requests that name something, and their types; each may be left out."""


def read_json(body: bytes) -> Any:
    """Return what a body says. Raises: ValueError with a sentence where it cannot be answered."""
    try:
        text = body.decode()
        found = json.loads(text, parse_constant=_refused, parse_int=_whole, parse_float=_finite)
    except RecursionError:
        raise ValueError(TOO_DEEP) from None
    except UnicodeDecodeError:
        raise ValueError(NOT_JSON) from None
    except json.JSONDecodeError:
        raise ValueError(NOT_JSON) from None
    escaped = "\\ud" in text or "\\uD" in text
    for depth, value in _values(found):
        if depth > MAX_DEPTH:
            raise ValueError(TOO_DEEP)
        if escaped and isinstance(value, str) and not _is_whole_text(value):
            raise ValueError(HALF)
    return found


def check_names(request: object) -> None:
    """Raises: ValueError with a sentence where a member that names something has another type."""
    if not isinstance(request, dict):
        raise ValueError(NOT_JSON)
    for name, kind in NAMED.items():
        value = request.get(name)
        if value is None:
            continue
        long = isinstance(value, str) and len(value) > MAX_NAME
        if not isinstance(value, kind) or isinstance(value, bool) or long:
            raise ValueError(f"{name} is not what names one: {str(value)[:40]}")


def _values(root: Any) -> Iterator[tuple[int, Any]]:
    """(depth, value) of each value and name, without recursion."""
    found = [(0, root)]
    while found:
        depth, value = found.pop()
        yield depth, value
        if isinstance(value, dict):
            found += [(depth + 1, inner) for pair in value.items() for inner in pair]
        elif isinstance(value, list):
            found += [(depth + 1, inner) for inner in value]


def _is_whole_text(text: str) -> bool:
    return not any("\ud800" <= character <= "\udfff" for character in text)


def _refused(constant: str) -> float:
    raise ValueError(NO_NUMBER)


def _whole(digits: str) -> int:
    if len(digits) > 20 or not -MAX_WHOLE <= int(digits) < MAX_WHOLE:
        raise ValueError(NO_NUMBER)
    return int(digits)


def _finite(digits: str) -> float:
    number = float(digits)
    if not isfinite(number):
        raise ValueError(NO_NUMBER)
    return number
