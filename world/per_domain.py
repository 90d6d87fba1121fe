"""Caches that belong to a domain: they are emptied when another one is taken.

Owns: `per_domain`, `forget`. Does not own: which domain there is (`world.domain`).
"""

from collections.abc import Callable
from functools import cache
from typing import TypeVar

F = TypeVar("F", bound=Callable[..., object])
_FORGETTING: list[Callable[[], None]] = []


def per_domain(function: F) -> F:
    """Keep each result until the domain changes."""
    kept = cache(function)
    _FORGETTING.append(kept.cache_clear)
    return kept  # type: ignore[return-value]


def forget() -> None:
    """Empty all caches of the domain."""
    for clear in _FORGETTING:
        clear()
