"""The content of a mark: which run made the file, with which checkpoint.

Seven symbols of 8 bits: 3 of the run, 2 of the checkpoint, 2 that check them. A symbol is sent as
one of 256 keyed patterns, so it is read by the largest of 256 correlations. Owns: `Payload`, its
symbols, and their reading. Does not own: where the patterns are put (`picture_mark`, `sound_mark`).
"""

import json
from dataclasses import dataclass
from hashlib import sha256

import numpy as np

RUN_BYTES, CHECKPOINT_BYTES, CHECK_BYTES = 3, 2, 2
NUM_SYMBOLS = RUN_BYTES + CHECKPOINT_BYTES + CHECK_BYTES
NUM_VALUES = 256


@dataclass(frozen=True, slots=True)
class Payload:
    """run: the digest of the settings of a run, as 6 hexadecimal digits; checkpoint: the first 4
    digits of the checkpoint's digest."""

    run: str
    checkpoint: str

    @classmethod
    def of(cls, settings: object, checkpoint: str) -> "Payload":
        """Return the payload of a run by its settings (plain values), so that the same run has the
        same. checkpoint: any text; what begins with no digits is digested first."""
        told = json.dumps(settings, sort_keys=True).encode()
        prefix = checkpoint[: 2 * CHECKPOINT_BYTES].lower()
        try:
            bytes.fromhex(prefix)
            assert len(prefix) == 2 * CHECKPOINT_BYTES
        except (ValueError, AssertionError):
            prefix = sha256(checkpoint.encode()).hexdigest()[: 2 * CHECKPOINT_BYTES]
        return cls(sha256(told).hexdigest()[: 2 * RUN_BYTES], prefix)

    def symbols(self) -> tuple[int, ...]:
        """Return the numbers that are sent."""
        content = bytes.fromhex(self.run + self.checkpoint)
        return tuple(content + _check(content))


def read_symbols(symbols: tuple[int, ...]) -> Payload | None:
    """Return the payload, None where its check fails."""
    content, check = bytes(symbols[:-CHECK_BYTES]), bytes(symbols[-CHECK_BYTES:])
    if check != _check(content):
        return None
    return Payload(content[:RUN_BYTES].hex(), content[RUN_BYTES:].hex())


def most_likely(correlations: np.ndarray) -> Payload | None:
    """Return the payload of the largest correlations "symbol value", None where it is none."""
    return read_symbols(tuple(int(i) for i in correlations.argmax(1)))


def _check(content: bytes) -> bytes:
    return sha256(content).digest()[:CHECK_BYTES]
