"""A small, fixed budget of `make fuzz`: broken files end in a sentence, within 1 GB of memory."""

import pytest

from tests.fuzz.fuzzing import drive, peak_bytes
from tests.fuzz.readers import READERS


@pytest.mark.parametrize("name", READERS)
def test_a_broken_file_ends_in_a_sentence(name: str) -> None:
    before = peak_bytes()
    drive(name, number=7, examples=60)
    assert peak_bytes() - before < 10**9
