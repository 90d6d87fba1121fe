"""The same requests give the same bytes, on a processor that counts as the file's did."""

import pytest

from engine.engine import Engine
from tests.golden.__main__ import differences, read
from tests.golden.digests import arithmetic
from tests.golden.requests import CASES, CHECKPOINT

MADE_WITH, WANTED = read()


@pytest.fixture(scope="module")
def engine() -> Engine:
    if arithmetic() != MADE_WITH:
        pytest.skip(
            "golden.json was made on a processor, or with a torch, whose floats differ from these: "
            "write it anew with `python -m tests.golden --write` at a commit that is known good"
        )
    return Engine.load(CHECKPOINT, "cpu")


def test_the_file_has_every_request() -> None:
    assert list(WANTED) == list(CASES)
    assert len(CASES) == 24


@pytest.mark.parametrize("name", CASES)
def test_the_same_request_gives_the_same_bytes(name: str, engine: Engine) -> None:
    assert not differences(name, WANTED[name], CASES[name](engine))
