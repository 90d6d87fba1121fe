"""Changes of a good file, as hypothesis draws them: of its bytes, or of a value of its JSON."""

import json
from typing import Any

from hypothesis import strategies as st

MOST_CHANGES = 8
ODD_VALUES: tuple[object, ...] = (
    None, True, -1, 0, 10**9, 10**400, 1e308, float("nan"), float("inf"), "", "x", "\ud800", [], {},
    [[]], {"a": 1},
)  # fmt: skip


@st.composite
def changed_bytes(draw: st.DrawFn, content: bytes) -> bytes:
    """The content with some bytes flipped, cut out, repeated or put in."""
    found = bytearray(content)
    for _ in range(draw(st.integers(1, MOST_CHANGES))):
        place = draw(st.integers(0, max(0, len(found) - 1)))
        match draw(st.sampled_from(("flip", "cut", "repeat", "insert", "end"))):
            case "flip":
                found[place : place + 1] = bytes([draw(st.integers(0, 255))])
            case "cut":
                del found[place : place + draw(st.integers(1, 64))]
            case "repeat":
                found[place:place] = found[place : place + draw(st.integers(1, 64))]
            case "insert":
                found[place:place] = draw(st.binary(min_size=1, max_size=16))
            case _:
                del found[place:]
    return bytes(found)


@st.composite
def changed_json(draw: st.DrawFn, content: bytes) -> bytes:
    """JSON with some of its values replaced, removed or renamed; now and then its bytes."""
    try:
        values = json.loads(content)
    except ValueError:
        return draw(changed_bytes(content))
    for _ in range(draw(st.integers(1, 3))):
        places = list(_places(values))
        if not places:
            break
        table, key = draw(st.sampled_from(places))
        match draw(st.sampled_from(("odd", "odd", "odd", "gone", "more"))):
            case "odd":
                table[key] = draw(st.sampled_from(ODD_VALUES))
            case "gone":
                del table[key]
            case _ if isinstance(table, dict):
                table[f"{key}_"] = table[key]
            case _:
                table.append(table[key])
    written = json.dumps(values).encode()
    return draw(changed_bytes(written)) if draw(st.integers(0, 9)) == 0 else written


def _places(values: Any) -> list[tuple[Any, Any]]:
    """Every table or list of a JSON value with each of its keys."""
    found: list[tuple[Any, Any]] = []
    waiting = [values]
    while waiting:
        table = waiting.pop()
        if isinstance(table, dict | list):
            keys = list(table) if isinstance(table, dict) else range(len(table))
            found += [(table, key) for key in keys]
            waiting += [table[key] for key in keys]
    return found
