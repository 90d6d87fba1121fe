"""Places for what takes long or stays open: so many for all, fewer for each visitor."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from weakref import WeakValueDictionary


class NoSlotError(Exception):
    """Every place is taken, or every place of this visitor."""


class Slots:
    """Places that are taken or refused, never waited for. Used in one event loop."""

    def __init__(self, total: int, each: int) -> None:
        self.total, self.each = total, each
        self._taken: Counter[str] = Counter()

    @asynccontextmanager
    async def one(self, visitor: str) -> AsyncIterator[None]:
        """Take a place for as long as the block lasts. Raises: NoSlotError where there is none."""
        if self._taken.total() >= self.total or self._taken[visitor] >= self.each:
            raise NoSlotError
        self._taken[visitor] += 1
        try:
            yield
        finally:
            self._taken[visitor] -= 1
            if not self._taken[visitor]:
                del self._taken[visitor]


class Pool:
    """Places for work: a visitor has `each` at once, all visitors together `at_once`. As many as
    `waiting` beside these wait `patience_s` for a place of the same visitor."""

    def __init__(self, at_once: int, each: int, *, waiting: int, patience_s: float) -> None:
        self._work = asyncio.Semaphore(at_once)
        self._asked = Slots(total=64, each=each + waiting)
        self._each, self._patience_s = each, patience_s
        self._of: WeakValueDictionary[str, asyncio.Semaphore] = WeakValueDictionary()

    @asynccontextmanager
    async def one(self, visitor: str) -> AsyncIterator[None]:
        """Take a place for as long as the block lasts. Raises: NoSlotError where a visitor asks for
        more than is waited for."""
        async with self._asked.one(visitor):
            own = self._of.setdefault(visitor, asyncio.Semaphore(self._each))
            try:
                await asyncio.wait_for(own.acquire(), self._patience_s)
            except TimeoutError:
                raise NoSlotError from None
            try:
                async with self._work:
                    yield
            finally:
                own.release()
