"""Converted checkpoints that several files read: each is made once a run."""

from collections.abc import Callable
from functools import cache

import pytest

from tests.model.coded_pair import Pair


@pytest.fixture(scope="session")
def seeing_pair(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Pair]:
    """The pair of a kind, with its picture tokenizer."""
    return cache(lambda kind: Pair.seeing(kind, tmp_path_factory.mktemp(kind)))
