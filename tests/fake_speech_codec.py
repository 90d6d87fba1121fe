"""A codec of speech as a program: every code is 40 ms of a tone as loud as the code is high, and a
style is how high the tone is. Its argument says how it misbehaves.

Run with the project's folder on PYTHONPATH or as the current one.
"""

import sys
import time
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from speech_codec.emova import CODES, HEARD_HZ, STYLES, own_stdout, serve

RATE_HZ, POSITION_S = 22_050, 0.04
LOWEST_HZ, STYLE_HZ = 300.0, 50.0
CHATTER = "what a long line of chatter\n" * 20_000
"""More than a pipe holds."""


class FakeCodec:
    codes, rate_hz, styles = CODES, RATE_HZ, list(STYLES)

    def __init__(self, fault: str = "") -> None:
        self.fault = fault
        if fault == "other codes":
            self.codes = 512

    def encode(self, samples: np.ndarray) -> np.ndarray:
        _misbehave(self.fault)
        if self.fault == "outside":
            return np.array([CODES])
        blocks = samples[: len(samples) // 640 * 640].reshape(-1, 640)
        return (np.abs(blocks).max(1) * (CODES - 1)).round()

    def decode(self, codes: np.ndarray, style: str) -> np.ndarray:
        _misbehave(self.fault)
        hz = LOWEST_HZ + STYLE_HZ * self.styles.index(style)
        loud = np.repeat(codes / (CODES - 1), round(POSITION_S * RATE_HZ))
        return loud * np.sin(2 * np.pi * hz * np.arange(len(loud)) / RATE_HZ)


def _misbehave(fault: str) -> None:
    if fault == "stuck":
        time.sleep(60)
    if fault == "unable":
        raise RuntimeError("the sound is too odd")
    if fault == "dies":
        sys.exit("I am out of memory")
    if fault.startswith("once:"):
        mark = Path(fault.removeprefix("once:"))
        if not mark.exists():
            mark.touch()
            sys.exit(1)


def main() -> None:
    assert HEARD_HZ == 16_000
    fault = sys.argv[1] if len(sys.argv) > 1 else ""
    if fault == "absent":
        sys.exit("No module named 'emova_speech_tokenizer': install it")
    if fault == "silent":
        time.sleep(60)
    if fault == "prints":
        print("loading the weights ..", flush=True)
    if fault == "chatters":
        sys.stderr.write(CHATTER)
    told = own_stdout()
    print("what a package prints is no message")
    serve(FakeCodec(fault), sys.stdin.buffer, told)


if __name__ == "__main__":
    main()
