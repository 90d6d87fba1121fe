"""Turn CUDA failures into user messages.

Owns: `DeviceError`, `explained`. What a person can get wrong is a ValueError elsewhere.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch

OUT_OF_MEMORY = (
    "The GPU ran out of memory. Nothing you wrote is lost: wait until others have finished, or ask "
    "for something shorter, and try again."
)
BROKEN = (
    "The GPU stopped working ({reason}). Nothing you wrote is lost, but the server must be started "
    "again: python app.py"
)


class DeviceError(RuntimeError):
    """The device failed in the middle of a run; the message is for the person who waits."""


@contextmanager
def explained(free: Callable[[], None]) -> Iterator[None]:
    """Turns a failure of the device into a DeviceError; free: gives memory back before it."""
    try:
        yield
    except torch.OutOfMemoryError as full:
        free()
        raise DeviceError(OUT_OF_MEMORY) from full
    except torch.AcceleratorError as broken:
        reason = str(broken).splitlines()[0]
        raise DeviceError(BROKEN.format(reason=reason)) from broken
